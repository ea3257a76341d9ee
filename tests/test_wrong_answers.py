"""Wrong answers lose points: hard-coded ones and plausible mistakes, for every exercise.

tests/wrong_answers/NN_name.py holds them, one after the other, each under a line

    # %% exercise-id · what is wrong with it

that reads "hard-coded" for an answer that is made to pass the visible check only.
"""

import re

import pytest
from conftest import NOTEBOOKS, ROOT
from test_notebooks import definitions, solved

from archbook.exercises import read_exercises

FOLDER = ROOT / "tests" / "wrong_answers"
HEAD = re.compile(r"^# %% (\S+) · (.+)\n", re.MULTILINE)


def wrong_answers(path):
    """The wrong answers for one notebook: (exercise's id, what is wrong, code)."""
    file = FOLDER / f"{path.stem}.py"
    parts = HEAD.split(file.read_text(encoding="utf-8"))[1:] if file.exists() else []
    return list(zip(parts[::3], parts[1::3], parts[2::3]))


ANSWERS = [
    (path, exercise, mistake, code)
    for path in NOTEBOOKS
    for exercise in read_exercises(path)
    for name, mistake, code in wrong_answers(path)
    if name == exercise.id
]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_exercise_has_its_wrong_answers(path):
    found = wrong_answers(path)
    exercises = {exercise.id for exercise in read_exercises(path)}
    assert {name for name, *_ in found} == exercises
    for exercise in exercises:
        mistakes = [mistake for name, mistake, _ in found if name == exercise]
        assert mistakes.count("hard-coded") == 1 and len(set(mistakes)) >= 3, exercise


@pytest.mark.parametrize(
    ("path", "exercise", "mistake", "code"), ANSWERS,
    ids=[f"{exercise.id}-{i}" for i, (_, exercise, *_) in enumerate(ANSWERS)],
)
def test_a_wrong_answer_loses_points(path, exercise, mistake, code):
    names = {"__name__": "exercise"}
    exec(definitions(path), names)
    passes_check = solved(code, exercise, names)
    if mistake == "hard-coded":
        assert passes_check, "made to pass the visible check, and does not"
    with pytest.raises(Exception):
        exec(exercise.tests, names)
