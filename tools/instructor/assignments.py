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
from textwrap import dedent

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.apps import NbGraderAPI

from archbook.exercises import read_exercises, setup_code
from tools.instructor.course import COURSE, ROOT, config

HEADER = """\
# Assignment {number} · {title}

{points} points · about {minutes} minutes

Write your answers into the cells that say *your answer*. Leave the other cells as they are
and delete none: they are put back before grading. The check after an answer is there for
you, run it as often as you like; grading runs it, too, and further tests. Before you hand
in, restart the kernel and run all cells. Your answers may use what the first cells define.
"""
PROJECT = re.compile(
    r"^## Project (?P<number>\d+) · (?P<title>.+)\n\n"
    r"\*(?P<part>.+) · after section (?P<after>\d\d) · (?P<points>\d+) points · "
    r"(?P<minutes>\d+) minutes\*\n(?P<text>[\s\S]*?)\n\*\*Rubric\*\*\n\n"
    r"(?P<rubric>(?:(?:- |  ).+\n)+)",
    re.MULTILINE,
)
CRITERION = re.compile(r"^- \*\((code|text), (\d+) points?\)\* (.*(?:\n  .*)*)", re.MULTILINE)


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
        minutes=sum(e.minutes for e in exercises),
    )
    cells = [locked(new_markdown_cell(text), "header")]
    for cell in notebook["cells"]:
        if "colab" in cell["metadata"].get("tags", []):
            cells.append(locked(new_code_cell("".join(cell["source"])), "colab"))
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
        f" {points} · {exercise.minutes} minutes*\n\n{exercise.statement}\n\n<details>\n"
        f"<summary>Hint</summary>\n\n{exercise.hint}\n\n</details>"
    )
    answer = new_code_cell(f"# Exercise {exercise.number}: your answer\n{exercise.starter}")
    answer.metadata["nbgrader"] = marks(f"{exercise.id}-answer", solution=True)
    visible = dedent(exercise.check.split("\n", 1)[1])  # without its `with` line
    graded = new_code_cell(
        f"# {points}: the check above, and further tests.\n### BEGIN HIDDEN TESTS\n"
        f"{visible}\n{exercise.hidden_tests}\n### END HIDDEN TESTS"
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
    text = (
        f"# Project {match['number']} · {match['title']}\n\n{match['points']} points · about"
        f" {match['minutes']} minutes · after section {match['after']}\n{match['text']}"
    )
    cells = [locked(new_markdown_cell(text), "text")]
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


def main(chosen):
    sections = {p.stem[:2]: p for p in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    open_projects = projects()
    known = [*sections, *open_projects]
    if unknown := set(chosen) - set(known):
        raise SystemExit(f"no section or project {sorted(unknown)}; there are {', '.join(known)}")
    api = NbGraderAPI(config=config())
    for number in chosen or known:
        if number in sections:
            name = sections[number].stem
            cells = section_cells(sections[number])
            write(solutions(sections[number]), "solutions", f"{name}.ipynb")
        else:
            name, cells = f"project_{number[1:]}", project_cells(open_projects[number])
        shutil.rmtree(COURSE / "source" / name, ignore_errors=True)
        write(cells, "source", name, f"{name}.ipynb")
        result = api.generate_assignment(name, force=True)
        if not result["success"]:
            raise SystemExit(f"{name}: nbgrader failed:\n{result['log']}{result.get('error', '')}")
        print(f"_course/release/{name}/{name}.ipynb")


if __name__ == "__main__":
    main(sys.argv[1:])
