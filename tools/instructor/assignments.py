"""Write assignments for nbgrader from the exercises and the open projects.

usage: python -m tools.instructor.assignments [SECTION or PROJECT ...]

A section is a number such as 12, a project one such as P2; without any, all are written.
Afterwards _course/release holds what students get, _course/source the same with the
hidden tests, _course/solutions the answers, and _course/gradebook.db what grading needs.
"""

import json
import re
import shutil
import sys

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGraderAPI

from archbook.exercises import read_exercises, setup_code
from tools.colab_cell import colab_cell, repository_address
from tools.instructor.course import COURSE, NBGRADER_CONFIG, ROOT, config
from tools.instructor.sandbox import ALL, CELL

LICENCE = f"""
*From [Classification Architectures]({repository_address()}), CC BY 4.0; changed for this course.*
"""
HEADER = """\
# Assignment {number} · {title}

{points} points · about {minutes} minutes · from [section {number} of the book]({address})

Write your answers into the cells that say *your answer*. They may use what the first cells
define. "Above" in a task means the section. The check after an answer is there for you, run
it as often as you like.

Grading runs the notebook anew, without network, and for each exercise the check and further
tests; words that a task asks for are for you alone. A cell has {cell} seconds, all cells
together {all} seconds: take long experiments of your own out before you hand in. Leave the
other cells as they are and delete none, they are put back. Last, restart the kernel and run
all cells.
""" + LICENCE
PROJECT_HEADER = """\
# Project {number} · {title}

{points} points · about {minutes} minutes · after section {after}

Write into the cells under the lines in bold, and add cells of your own as you need them. The
notebook is not run again: hand it in with the outputs of your own run.

{text}

""" + LICENCE
BOOK = f"{repository_address()}/blob/main"
LINK = re.compile(r"\[([^\]]+)\]\(((?:[\w./-]+\.(?:ipynb|md))?(?:#[\w-]+)?)\)")
PROJECT = re.compile(
    r"^## Project (?P<number>\d+) · (?P<title>.+)\n\n"
    r"\*(?P<part>.+) · after section (?P<after>\d\d) · (?P<points>\d+) points · "
    r"(?P<minutes>\d+) minutes\*\n(?P<text>[\s\S]*?)\n\*\*Rubric\*\*\n\n"
    r"(?P<rubric>(?:(?:- |  ).+\n)+)",
    re.MULTILINE,
)
CRITERION = re.compile(r"^- \*\((code|text), (\d+) points?\)\* (.*(?:\n  .*)*)", re.MULTILINE)


def linked(text, folder="notebooks"):
    """Markdown with the book's own links leading to its repository, from anywhere."""

    def absolute(match):
        words, target = match.groups()
        if target.startswith("#"):  # to a place on the section's page
            return words
        path, _, place = target.partition("#")
        path = (ROOT / folder / path).resolve().relative_to(ROOT)
        return f"[{words}]({BOOK}/{path}{'#' + place if place else ''})"

    return LINK.sub(absolute, text)


def locked(cell, name):
    """Mark a cell that students read or run and nbgrader puts back."""
    cell.metadata["nbgrader"] = marks(name, locked=True)
    return cell


def marks(name, *, locked=False, solution=False, points=None):
    """nbgrader's metadata of a cell; with points it is graded."""
    found = {"grade_id": name, "schema_version": 3, "task": False, "locked": locked,
             "solution": solution, "grade": points is not None}
    return found | ({} if points is None else {"points": points})


def section_cells(path):
    """The cells of one section's assignment."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    exercises = read_exercises(path)
    heading = "".join(notebook["cells"][0]["source"]).splitlines()[0]
    number, title = heading.removeprefix("# ").split(" · ", 1)
    text = HEADER.format(
        number=number, title=title, points=sum(e.points for e in exercises),
        minutes=sum(e.minutes for e in exercises), cell=CELL, all=ALL,
        address=f"{BOOK}/notebooks/{path.name}",
    )
    cells = [
        locked(new_markdown_cell(text), "header"),
        locked(new_code_cell(colab_cell()), "colab"),
    ]
    setup = new_code_cell("# What the answers may use, from the section.\n" + setup_code(path))
    setup.metadata["jupyter"] = {"source_hidden": True}
    cells.append(locked(setup, "setup"))
    for exercise in exercises:
        cells += exercise_cells(exercise)
    return [*cells, locked(new_code_cell("progress()"), "progress")]


def exercise_cells(exercise):
    """Task, answer, check, and the graded cell, whose tests students do not see."""
    points = f"{exercise.points} point" + "s" * (exercise.points > 1)
    task = (
        f"## Exercise {exercise.number} · {exercise.title}\n\n*{exercise.difficulty} ·"
        f" {points} · {exercise.minutes} minutes*\n\n{linked(exercise.statement)}\n\n<details>\n"
        f"<summary>Hint</summary>\n\n{linked(exercise.hint)}\n\n</details>"
    )
    answer = new_code_cell(f"# Exercise {exercise.number}: your answer\n{exercise.starter}")
    answer.metadata["nbgrader"] = marks(f"{exercise.id}-answer", solution=True)
    graded = new_code_cell(
        f"# {points}: the check above, and further tests.\n### BEGIN HIDDEN TESTS\n"
        f"{exercise.tests}\n### END HIDDEN TESTS"
    )
    graded.metadata["nbgrader"] = marks(exercise.id, locked=True, points=exercise.points)
    return [
        locked(new_markdown_cell(task), f"{exercise.id}-task"),
        answer,
        locked(new_code_cell(exercise.check), f"{exercise.id}-check"),
        graded,
    ]


def projects():
    """The open projects of book/projects.md: name → match of PROJECT.

    Raises:
        ValueError: the points of a rubric do not add up to those of its project.
    """
    text = (ROOT / "book" / "projects.md").read_text(encoding="utf-8")
    found = {f"P{match['number']}": match for match in PROJECT.finditer(text)}
    for name, match in found.items():
        total = sum(int(points) for _, points, _ in CRITERION.findall(match["rubric"]))
        if total != int(match["points"]):
            raise ValueError(
                f"project {name}: its rubric adds up to {total} points; expected {match['points']}"
            )
    return found


def project_cells(match):
    """The cells of an open project: the text, and one answer for each criterion."""
    fields = {**match.groupdict(), "text": linked(match["text"].strip(), "book")}
    cells = [
        locked(new_markdown_cell(PROJECT_HEADER.format(**fields)), "text"),
        locked(new_code_cell(colab_cell()), "colab"),
    ]
    for i, (kind, points, words) in enumerate(CRITERION.findall(match["rubric"]), start=1):
        words = " ".join(words.split())
        cells.append(locked(new_markdown_cell(f"**{points} points:** {words}"), f"task-{i}"))
        new, prompt = (
            (new_code_cell, "# your answer") if kind == "code"
            else (new_markdown_cell, "*your answer*")
        )
        answer = new(prompt)
        answer.metadata["nbgrader"] = marks(f"criterion-{i}", solution=True, points=int(points))
        cells.append(answer)
    return cells


def solutions(path):
    """A notebook with the answers in words and code, for the instructor."""
    cells = [new_markdown_cell(f"# Solutions · {path.stem}")]
    for exercise in read_exercises(path):
        cells.append(new_markdown_cell(f"## {exercise.title}\n\n{exercise.answer}"))
    return cells


def write(cells, *folders):
    """Save a notebook of these cells under the course folder."""
    for i, cell in enumerate(cells):
        cell.id = f"c{i:03d}"
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = COURSE.joinpath(*folders)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": spec}), path)


def require_same_tests(name, cells):
    """Stop if marks were given already and the graded cells are others now.

    nbgrader cannot add graded cells to an assignment with submissions, nor remove them.
    """
    now = {c.metadata.nbgrader.grade_id for c in cells if c.metadata.nbgrader.grade}
    with Gradebook(config().CourseDirectory.db_url) as book:
        try:
            assignment = book.find_assignment(name)
        except MissingEntry:
            return
        before = {cell.name for n in assignment.notebooks for cell in n.grade_cells}
        if assignment.submissions and before != now:
            raise SystemExit(
                f"{name} has submissions, and its exercises are not the same any more:"
                f" {', '.join(sorted(before ^ now))}. Move {COURSE} away to begin a new course."
            )


def main(chosen):
    sections = {p.stem[:2]: p for p in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    open_projects = projects()
    known = [*sections, *open_projects]
    if unknown := set(chosen) - set(known):
        raise SystemExit(f"no section or project {sorted(unknown)}; there are {', '.join(known)}")
    COURSE.mkdir(parents=True, exist_ok=True)
    (COURSE / "nbgrader_config.py").write_text(NBGRADER_CONFIG)
    api = NbGraderAPI(config=config())
    for number in chosen or known:
        if number in sections:
            name = sections[number].stem
            cells = section_cells(sections[number])
            write(solutions(sections[number]), "solutions", f"{name}.ipynb")
        else:
            name, cells = f"project_{number[1:]}", project_cells(open_projects[number])
        require_same_tests(name, cells)
        shutil.rmtree(COURSE / "source" / name, ignore_errors=True)
        write(cells, "source", name, f"{name}.ipynb")
        result = api.generate_assignment(name, force=True)
        if not result["success"]:
            raise SystemExit(f"{name}: nbgrader failed:\n{result['log']}{result.get('error', '')}")
        print(f"_course/release/{name}/{name}.ipynb")


if __name__ == "__main__":
    main(sys.argv[1:])
