"""Assignments hold no answers, grading gives the right marks, and no submission does harm."""

import csv
import os
import re
import subprocess
import sys

import nbformat
import pytest
from benchmarks.grading import FATAL, HARM, grade_id, kinds, submission
from conftest import NOTEBOOKS, ROOT

from archbook.exercises import read_exercises

SECTION = "12_vgg"
NAMES = ("right", "blank", "wrong 1", "hangs", "prints a gigabyte", "deletes files", *FATAL,
         "calls out", "looks for solutions")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder with the assignments of two sections and a project."""
    folder = tmp_path_factory.mktemp("course")
    run(folder, "tools.instructor.assignments", "02", "05", SECTION[:2], "P3", "P4")
    return folder


def run(course, module, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, text=True,
        capture_output=True, env=os.environ | {"COURSE": str(course)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def read(course, kind, name):
    return nbformat.read(course / kind / name / f"{name}.ipynb", as_version=4)


@pytest.mark.parametrize("name", ["02_preview", SECTION])
def test_students_get_starters_and_no_answers(course, name):
    release = read(course, "release", name)
    text = "\n".join(cell.source for cell in release.cells)
    assert "HIDDEN" not in text and "Solution</summary>" not in text
    exercises = read_exercises(ROOT / "notebooks" / f"{name}.ipynb")
    for exercise in exercises:
        assert exercise.starter.strip() in text
        assert exercise.hidden_tests not in text and exercise.solution.strip() not in text
        assert f"{exercise.points} point" in text
    points = {grade_id(c): c.metadata.nbgrader.get("points") for c in release.cells
              if c.metadata.nbgrader.grade}
    assert points == {exercise.id: exercise.points for exercise in exercises}


@pytest.mark.parametrize("name", ["05_topologies", "project_4"])
def test_links_in_assignments_lead_somewhere_from_anywhere(course, name):
    texts = [c.source for c in read(course, "release", name).cells if c.cell_type == "markdown"]
    targets = re.findall(r"\]\((\S+\.(?:ipynb|md)\S*)\)", "\n".join(texts))
    assert targets and all(target.startswith("https://") for target in targets)


def test_a_project_is_graded_by_hand_line_by_line(course):
    cells = [c for c in read(course, "release", "project_3").cells if c.metadata.nbgrader.grade]
    assert sum(c.metadata.nbgrader.points for c in cells) == 16
    assert all(c.metadata.nbgrader.solution for c in cells)  # graded, but not by a test
    assert {c.cell_type for c in cells} == {"code", "markdown"}


TIMES = re.compile(r"reading\s+(\d+)\s+minutes,\s+running\s+(?:under\s+)?(\d+)\s+(minute|second)s?")


def times(path):
    """Reading and running minutes of a section as its first cell states them."""
    reading, running, unit = TIMES.search(nbformat.read(path, as_version=4).cells[0].source).groups()
    return int(reading), -(-int(running) // 60) if unit == "second" else int(running)


def test_the_syllabi_add_up():
    text = (ROOT / "book" / "instructors.md").read_text(encoding="utf-8")
    sections = {path.stem[:2]: path for path in NOTEBOOKS}
    row = r"^\| \d+ \| ([\d ·]+) \| ([\d.]+) \| (\d+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \|$"
    rows = re.findall(row, text, re.MULTILINE)
    assert len(rows) == 6 + 12
    assert {n for row in rows[6:] for n in row[0].split(" · ")} >= set(sections)
    for names, reading, running, hours, core, points in rows:
        paths = [sections[n] for n in names.split(" · ") if n in sections]
        if len(paths) < len(names.split(" · ")):
            continue  # a section that has yet to come
        exercises = [e for path in paths for e in read_exercises(path)]
        assert reading == f"{sum(times(p)[0] for p in paths) / 60:.1f}", names
        assert int(running) == sum(times(p)[1] for p in paths), names
        assert hours == f"{sum(e.minutes for e in exercises) / 60:.1f}", names
        others = [e.minutes for e in exercises if e.difficulty != "project"]
        assert core == f"{sum(others) / 60:.1f}", names
        assert int(points) == sum(e.points for e in exercises), names


def test_every_part_has_an_open_project():
    from tools.instructor.assignments import projects

    toc = (ROOT / "_toc.yml").read_text()
    parts = re.findall(r"caption: (.+)", toc)[:-1]  # the last is about the book
    assert [match["part"] for match in projects().values()][: len(parts)] == parts
    numbers = [path.stem[:2] for path in NOTEBOOKS]
    assert {m["after"] for m in projects().values()} <= {*numbers, "25"}


@pytest.fixture(scope="module")
def graded(course, tmp_path_factory):
    """Submissions of several kinds, graded. → folder, rows of the report, expected points."""
    folder = tmp_path_factory.mktemp("submissions")
    release = read(course, "release", SECTION)
    exercises = read_exercises(ROOT / "notebooks" / f"{SECTION}.ipynb")
    every = kinds(SECTION, exercises, course)
    expected = {}
    for name in NAMES:
        answers, expected[name] = every[name]
        file = f"Copy of {SECTION}.ipynb" if name == "blank" else f"{SECTION}.ipynb"
        hand_in(folder, name, submission(release, answers), file)
    for name in ("strange.ipynb", f"{SECTION}.ipynb", f"{SECTION} (1).ipynb"):
        hand_in(folder, "two files", release, name)
    cheat = submission(release, {})
    for cell in cheat.cells:
        if cell.metadata.nbgrader.grade:
            cell.source = "pass"
    hand_in(folder, "changes the tests", cheat)
    solved = submission(release, {e.id: e.solution for e in exercises})
    solved.cells = [c for c in solved.cells if not c.metadata.nbgrader.grade]
    hand_in(folder, "deletes the tests", solved)
    for name, change in (("skips the tests", skip), ("warns", warn), ("writes markup", mark_up)):
        answers = {} if name == "skips the tests" else {e.id: e.solution for e in exercises}
        expected[name] = sum(e.points for e in exercises) if answers else 0
        hand_in(folder, name, change(submission(release, answers)))
    hand_in(folder, "=1+1", release)
    (folder / "link").symlink_to(folder / "right")
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / f"{SECTION}.ipynb")
    (folder / "no notebook").mkdir()
    (folder / "no notebook" / f"{SECTION}.ipynb").write_text('{"cells": [')
    expected |= {
        "changes the tests": 0, "deletes the tests": every["right"][1],
        "no notebook": None, "two files": None,
    }
    said = run(course, "tools.instructor.grade", folder)
    left_out = re.findall(r"left out: '.*/(.+)/(.+)\.ipynb'", said)
    assert {student for student, _ in left_out} == {"two files", "=1+1", "link", "pipe"}
    assert ("two files", "strange") in left_out
    return folder, rows(course), expected


def skip(notebook):
    for cell in notebook.cells:
        cell.metadata["tags"] = ["skip-execution"]
    return notebook


def warn(notebook):
    answer = next(c for c in notebook.cells if grade_id(c).endswith("-answer"))
    said = r"\1    __import__('warnings').warn('x')\n"
    answer.source = re.sub(r"(def .+:\n)", said, answer.source, count=1)
    assert "warnings" in answer.source
    return notebook


MARKUP = "<script>alert(1)</script>"


def mark_up(notebook):
    printed = f"from IPython.display import HTML, display\ndisplay(HTML('{MARKUP}'))"
    notebook.cells += [nbformat.v4.new_markdown_cell(MARKUP), nbformat.v4.new_code_cell(printed)]
    notebook.cells[-1].metadata["nbgrader"] = ["not", "a", "dictionary"]
    return notebook


def test_pages_of_feedback_run_no_scripts(graded, course):
    text = feedback(course, "writes markup", SECTION)
    assert MARKUP not in text
    assert '<iframe sandbox="" srcdoc="&lt;script&gt;' in text


def hand_in(folder, student, notebook, name=f"{SECTION}.ipynb"):
    (folder / student).mkdir(exist_ok=True)
    nbformat.write(notebook, folder / student / name)


def rows(course):
    with (course / f"report_{SECTION}.csv").open(encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_marks_are_the_expected_ones(graded):
    _, found, expected = graded
    marks = {name: float(row["total"]) if row["total"] else None for name, row in found.items()}
    assert marks == expected
    assert float(found["hangs"]["vgg-stack-weights"]) == 0  # costs this exercise, no other
    assert found["right"]["total"] == found["right"]["of"]


def test_the_report_says_what_happened(graded):
    _, found, _ = graded
    assert found["right"]["status"] == "graded"
    assert "unreadable" in found["no notebook"]["status"]
    assert "expected one file" in found["two files"]["status"]
    assert "died" in found["ends its process"]["status"]
    assert "put back" in found["deletes the tests"]["status"]


def test_nothing_outside_was_touched(graded):
    assert (ROOT / "archbook" / "__init__.py").exists()
    assert set(HARM) > {"deletes files", "calls out", "looks for solutions"}


def test_each_student_has_a_page_of_feedback(graded, course):
    text = feedback(course, "right", SECTION)
    assert "Score: 15.0 / 15.0" in re.sub(r"\s+", " ", text)


def feedback(course, student, assignment):
    """A page of feedback, which must be closed to scripts and other hosts."""
    page = course / "feedback" / student / assignment / f"{assignment}.html"
    text = page.read_text(encoding="utf-8")
    start = text.index("<head>")
    assert text.index('content="default-src \'none\';') - start < 100
    assert text.lower().count("http-equiv") == 1
    return text


def test_only_what_is_new_is_graded_again(graded, course):
    folder, found, _ = graded
    before = stamps(course)
    path = folder / "blank" / f"Copy of {SECTION}.ipynb"
    path.write_bytes((folder / "right" / f"{SECTION}.ipynb").read_bytes())
    run(course, "tools.instructor.grade", folder)
    after = stamps(course)
    assert {name for name in after if after[name] != before[name]} == {"blank.json"}
    assert rows(course)["blank"]["total"] == found["right"]["total"]


def test_the_report_keeps_those_who_are_not_in_the_folder(graded, course, tmp_path):
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / f"{SECTION}.ipynb").write_text("{")
    run(course, "tools.instructor.grade", tmp_path)
    assert {"late", "right"} <= set(rows(course))


def test_exercises_stay_the_same_once_there_are_submissions(graded, course):
    code = f"from tools.instructor.assignments import *; require_same_tests({SECTION!r}, [])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True,
        env=os.environ | {"COURSE": str(course)},
    )
    assert done.returncode == 1 and "has submissions" in done.stderr
    assert "vgg-merge" in done.stderr


def test_a_kernel_sees_the_library_and_nothing_else(tmp_path):
    from tools.instructor.sandbox import sandboxed

    neighbour = ROOT / "README.md"  # stands for a submission that is not in /tmp
    secrets = [*map(str, (neighbour, ROOT / "notebooks", ROOT / ".git", "/etc/shadow"))]
    code = (
        "import os, torch, archbook.results\n"
        "archbook.results.load_results('lenet5_activation')\n"
        f"print([p for p in {secrets} if os.path.exists(p)])\n"
        f"print(sorted(os.listdir({str(ROOT)!r})))\n"
        "print(os.path.exists(os.path.join('/root', '.bashrc')))"
    )
    done = subprocess.run(
        sandboxed([sys.executable, "-c", code], str(tmp_path)), text=True, capture_output=True
    )
    seen, library, home = done.stdout.splitlines()
    assert seen == "[]" and home == "False", done.stderr
    assert set(eval(library)) <= {".venv", "archbook", "results"}


def test_a_bubblewrap_that_cannot_start_is_no_zero(tmp_path, monkeypatch):
    from tools.instructor.sandbox import require_bubblewrap

    require_bubblewrap()
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho no namespaces >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SystemExit, match="no namespaces"):
        require_bubblewrap()


def stamps(course):
    return {p.name: p.stat().st_mtime_ns for p in (course / "graded" / SECTION).glob("*.json")}


def test_points_given_by_hand_are_in_the_report(course, tmp_path):
    from nbgrader.api import Gradebook

    notebook = read(course, "release", "project_3")
    [answer] = [c for c in notebook.cells if grade_id(c) == "criterion-1"]
    answer.source = "raise SystemExit('nobody runs this again')"
    answer.outputs = [nbformat.v4.new_output("stream", text="the author's own output")]
    hand_in(tmp_path, "ada", notebook, "project_3.ipynb")
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "project_3.ipynb").write_text("{")
    run(course, "tools.instructor.grade", tmp_path)
    assert "own output" in feedback(course, "ada", "project_3")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        grade = book.find_grade("criterion-1", "project_3", "project_3", "ada")
        grade.manual_score, grade.needs_manual_grade = 3, False
        book.db.commit()
    run(course, "tools.instructor.grade", tmp_path)
    with (course / "report_project_3.csv").open(encoding="utf-8") as file:
        row, broken = csv.DictReader(file)
    assert "unreadable" in broken["status"] and broken["total"] == ""
    assert float(row["criterion-1"]) == 3 and float(row["total"]) == 3
    assert row["to grade by hand"] == "0"
    page = re.sub(r"\s+", " ", feedback(course, "ada", "project_3"))
    assert "Score: 3.0 / 16.0" in page


def test_a_missing_assignment_is_named(course, tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "99_nothing.ipynb").write_text("{}")
    with pytest.raises(AssertionError, match="there are 02_preview"):
        run(course, "tools.instructor.grade", tmp_path)
