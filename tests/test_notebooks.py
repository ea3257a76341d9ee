"""Notebooks as files: one fresh run, the design's order, exercises that check themselves."""

import ast
import json
import re
import statistics

import pytest
import yaml
from conftest import NOTEBOOKS, ROOT

from archbook import exercises
from archbook.exercises import read_exercises, setup_code
from tools import export

TAGS = {
    "colab", "hide-cell", "hide-input", "hide-output", "export", "nbval-ignore-output", "exercise",
    "exercise-starter", "exercise-check", "exercise-solution", "raises-exception",
}
HEADINGS = [
    "The idea", "Building blocks", "The whole network", r"Is it really .+\?",
    "Training a small variant", "What it changed", "Exercises",
]
NETWORK_SECTIONS = {9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def cells(path, kind="code"):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [c for c in notebook["cells"] if c["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def tags(cell):
    return cell["metadata"].get("tags", [])


def test_the_contents_list_every_notebook_and_no_other():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = {c["file"] for part in toc["parts"] for c in part["chapters"]}
    found = {f"notebooks/{path.stem}" for path in NOTEBOOKS}
    assert found == {name for name in listed if name.startswith("notebooks/")}
    assert found


@every_notebook
def test_stored_outputs_are_one_fresh_run_without_errors(path):
    code = cells(path)
    assert [c["execution_count"] for c in code] == list(range(1, len(code) + 1))
    for cell in code:
        for output in cell["outputs"]:
            assert output["output_type"] != "error", source(cell)
            assert output.get("name") != "stderr", source(cell)


@every_notebook
def test_the_file_is_small_clean_and_runs_on_any_python3(path):
    text = path.read_text(encoding="utf-8")
    metadata = json.loads(text)["metadata"]
    assert metadata["kernelspec"]["name"] == "python3"
    assert len(text.encode()) < 2_000_000
    assert not re.search(r"(?:[\"' (=]|file://)/(?:home|root|Users|tmp|work)/", text)
    assert not re.search(r"\b[A-Z]:\\\\\w", text)  # in JSON a backslash is two
    assert all(set(tags(c)) <= TAGS for c in cells(path) + cells(path, "markdown"))


@every_notebook
def test_headings_stand_in_the_order_of_the_design(path):
    text = [source(c) for c in cells(path, "markdown")]
    titles = [t for s in text for t in re.findall(r"^# (.+)$", s, re.MULTILINE)]
    number = int(path.stem[:2])
    assert len(titles) == 1 and titles[0].startswith(f"{number:02d} · ")
    found = [t for s in text for t in re.findall(r"^## (.+)$", s, re.MULTILINE)]
    if number in NETWORK_SECTIONS:
        assert len(found) == len(HEADINGS)
        assert all(re.fullmatch(want, is_) for want, is_ in zip(HEADINGS, found)), found
    for words in ("**In short.**", "**You will be able to**"):
        assert words in text[0]


@every_notebook
def test_cells_are_short(path):
    lines = [source(c).splitlines() for c in cells(path) if "colab" not in tags(c)]
    assert max(map(len, lines)) <= 30
    assert statistics.median(map(len, lines)) <= 8
    assert max(len(line) for cell in lines for line in cell) <= 88


@every_notebook
def test_pictures_have_alt_text(path):
    for cell in cells(path):
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data or "image/svg+xml" in data:
                assert cell["metadata"].get("mystnb", {}).get("image", {}).get("alt")
            html = "".join(data.get("text/html", ""))
            pictures = re.findall("<svg[^>]*>", html)
            titled = [p for p in pictures if "aria-hidden" not in p and "aria-label=" not in p]
            assert len(titled) == html.count("<title id=")


@every_notebook
def test_cells_whose_output_is_not_compared_are_held_by_an_assertion(path):
    code = cells(path)
    for i, cell in enumerate(code):
        draws = re.search(r"\b(plot_|show_images|from_matplotlib)", source(cell))
        if "nbval-ignore-output" in tags(cell) and not draws:
            near = [source(c) for c in code[i : i + 3]]
            assert any("assert " in s for s in near), source(cell)


def test_exported_modules_are_what_the_notebooks_say():
    made = export.modules()
    assert set(made) == set(export.NETWORKS.glob("*.py")) - {export.NETWORKS / "__init__.py"}
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, f"run `make export`: {path.name}"


def test_export_refuses_foreign_imports_and_magics():
    path = NOTEBOOKS[0]
    export.check_cell(path, "from torch import nn\nfrom archbook.networks import lenet")
    with pytest.raises(SystemExit, match="imports pandas"):
        export.check_cell(path, "import pandas")
    with pytest.raises(SystemExit, match="not plain Python"):
        export.check_cell(path, "%pip install x")


def definitions(path):
    return compile(setup_code(path), path.name, "exec")


def solved(code, exercise, names):
    """Run an answer and the visible check; whether the check passed."""
    exec(compile(code, exercise.id, "exec"), names)
    exec(compile(exercise.check, f"{exercise.id} check", "exec"), names)
    return exercises._solved[exercise.id]


ALL_EXERCISES = [(path, e) for path in NOTEBOOKS for e in read_exercises(path)]


@pytest.mark.parametrize(("path", "exercise"), ALL_EXERCISES, ids=lambda x: getattr(x, "id", ""))
def test_starter_fails_and_solution_passes(path, exercise):
    names = {"__name__": "exercise"}
    exec(definitions(path), names)
    blank, full = dict(names), dict(names)
    assert not solved(exercise.starter, exercise, blank)
    with pytest.raises(Exception):
        exec(exercise.hidden_tests, blank)
    assert solved(exercise.solution, exercise, full)
    exec(exercise.tests, full)


@every_notebook
def test_four_to_six_exercises_of_rising_difficulty(path):
    found = read_exercises(path)
    assert 4 <= len(found) <= 6
    order = [exercises.DIFFICULTIES.index(e.difficulty) for e in found]
    assert order == sorted(order) and order[0] == 0 and order[-1] == 2
