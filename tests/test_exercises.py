"""The exercise format: checks report, progress counts, malformed exercises are refused."""

import json
from textwrap import indent

import pytest
from IPython.core.interactiveshell import InteractiveShell

from archbook import exercises
from archbook.exercises import checking, exercises_in, progress, read_exercises


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(exercises, "_solved", {})


def test_a_failed_check_says_what_and_gives_the_hint(capsys):
    with checking("a", hint="Think."):
        assert 1 + 1 == 3
    with checking("b", hint="Write it."):
        raise NotImplementedError
    with checking("c", hint="?"):
        pass
    progress()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("a: not solved yet (assert")  # pytest rewrites the rest
    assert lines[0].endswith("Hint: Think.")
    assert "NotImplementedError" in lines[1] and lines[2] == "c: solved."
    assert lines[3:] == ["1 of 3 checked exercises solved.", "Open: a, b"]


@pytest.mark.parametrize(
    ("check", "failure"),
    [
        ("assert two() == 2", "assert two() == 2 does not hold"),
        ("x = 1\nassert two() == 2, 'two() is 3'", "two() is 3"),
        ("assert (\n    two()\n    == 2\n)", "assert ( two() == 2 ) does not hold"),
        ("for x in [4]:\n    assert two() == x", "assert two() == x does not hold"),
        ("assert none() == 2", "assert none() == 2 raised ZeroDivisionError: division by zero"),
        ("assert four() == 4", "assert four() == 4 raised NameError: name 'four' is not defined"),
    ],
)
def test_a_failed_check_in_a_notebook_names_its_own_line(check, failure, capsys):
    shell = InteractiveShell()  # as in a notebook, where a cell is no file
    shell.run_cell("from archbook.exercises import checking\ndef two():\n    return 3")
    shell.run_cell("def none():\n    return 1 / 0")
    shell.run_cell('with checking("a", hint="Think."):\n' + indent(check, "    "))
    said = capsys.readouterr().out
    assert said == f"a: not solved yet ({failure}). Hint: Think.\n"


def test_the_stop_button_works_inside_a_check():
    with pytest.raises(KeyboardInterrupt), checking("a", hint=""):
        raise KeyboardInterrupt


def notebook():
    """A notebook with one well-formed exercise."""
    about = {
        "id": "one-two", "title": "Two", "points": 1, "difficulty": "warm-up",
        "minutes": 5, "objective": 1,
    }
    texts = [
        ("markdown", "exercise", about, "### Exercise 1 · Two\n\n*warm-up · 1 point · 5 minutes*\n"
         "\nReturn 2.\n\n<details>\n<summary>Hint</summary>\n\n1 + 1\n\n</details>"),
        ("code", "exercise-starter", None, "def two():\n    return 1"),
        ("code", "exercise-check", {"id": "one-two", "hidden_tests": "assert two() * 2 == 4"},
         'with checking("one-two", hint="Add."):\n    assert two() == 2'),
        ("markdown", "exercise-solution", {"id": "one-two"}, "<details>\n<summary>Solution</summary>"
         "\n\n```python\ndef two():\n    return 2\n```\n\n</details>"),
    ]
    cells = []
    for kind, tag, metadata, text in texts:
        extra = {"exercise": metadata} if metadata else {}
        cells.append({"cell_type": kind, "metadata": {"tags": [tag], **extra}, "source": text})
    return {"cells": cells}


def test_an_exercise_is_read_whole(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(notebook()))
    [exercise] = read_exercises(path)
    assert (exercise.id, exercise.points, exercise.hint) == ("one-two", 1, "1 + 1")
    assert exercise.statement == "Return 2."
    assert exercise.solution == "def two():\n    return 2\n"


def lose_solution(cells):
    del cells[3]


def lose_hint(cells):
    cells[0]["source"] = cells[0]["source"].replace("Hint", "Help")


def odd_difficulty(cells):
    cells[0]["metadata"]["exercise"]["difficulty"] = "hard"


def other_id(cells):
    cells[2]["metadata"]["exercise"]["id"] = "three"


def no_hidden_tests(cells):
    cells[2]["metadata"]["exercise"]["hidden_tests"] = " "


def twice(cells):
    cells.extend(notebook()["cells"])
    cells[4]["source"] = cells[4]["source"].replace("Exercise 1", "Exercise 2")


def other_points(cells):
    cells[0]["metadata"]["exercise"]["points"] = 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lose_solution, "exercise-solution"), (lose_hint, "no hint"),
        (odd_difficulty, "difficulty is 'hard'"), (other_id, "'three'"),
        (no_hidden_tests, "no hidden_tests"), (twice, "is taken"), (other_points, "3 points"),
    ],
)
def test_malformed_exercises_are_refused_by_notebook_and_cell(change, message):
    broken = notebook()
    change(broken["cells"])
    with pytest.raises(ValueError, match=message) as error:
        exercises_in(broken, "09_x.ipynb")
    assert str(error.value).startswith("09_x.ipynb, cell ")
