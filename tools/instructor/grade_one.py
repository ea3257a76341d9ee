"""Grade one submission in a process of its own: its points, as JSON, on the last line.

usage: python -m tools.instructor.grade_one STUDENT ASSIGNMENT
"""

import json
import re
import resource
import sys

from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.preprocessors import ClearOutput, Execute

from tools.instructor.course import COURSE, by_hand, config
from tools.instructor.sandbox import MEMORY, Harmless, LimitedExecute

HEAD = """<html lang="en">
<head>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:;
 form-action 'none'; base-uri 'none'">"""


def grade(student, assignment):
    """Run nbgrader's autograding and feedback. → exercise → points, or raises."""
    c = config()
    steps = Autograde.autograde_preprocessors.default()
    if by_hand(assignment):  # what its author's own run printed is what is judged
        steps.remove(Execute)
        c.Autograde.sanitize_preprocessors = Autograde.sanitize_preprocessors.default()
        c.Autograde.sanitize_preprocessors.remove(ClearOutput)
    c.Autograde.autograde_preprocessors = [
        *(LimitedExecute if step is Execute else step for step in steps), Harmless
    ]
    result = NbGraderAPI(config=c).autograde(assignment, student, force=True)
    if not result["success"]:
        raise RuntimeError(cause(result["log"]))
    feedback(student, assignment)
    return points(student, assignment)


def feedback(student, assignment):
    """Write the page of feedback, closed to scripts and to other hosts: it shows a
    stranger's Markdown and output. Formulas stay as they are written."""
    api = NbGraderAPI(config=config())
    result = api.generate_feedback(assignment, student, force=True)
    if not result["success"]:
        raise RuntimeError(cause(result["log"]))
    page = COURSE / "feedback" / student / assignment / f"{assignment}.html"
    text = re.sub("http-equiv", "data-no", page.read_text(encoding="utf-8"), flags=re.IGNORECASE)
    start, found, rest = text.partition("<html>\n<head>")
    if not found:
        page.unlink()
        raise RuntimeError("nbgrader's page of feedback has another head than expected")
    rest = re.sub(r'(<a href="#([\w-]+)">)Test cell', r"\1\2", rest)  # the exercise's name
    page.write_text(start + HEAD + rest, encoding="utf-8")


def cause(log):
    """The error behind nbgrader's failure: the last one that its log shows."""
    found = re.findall(r"^\s*(?:[\w.]+\.)?(\w*Error): (.*)$", log, re.MULTILINE)
    return ": ".join(found[-1]) if found else "nbgrader failed and did not say why"


def points(student, assignment):
    """What the gradebook holds: exercise → [points, of how many, still to be given by hand]."""
    with Gradebook(config().CourseDirectory.db_url) as book:
        submission = book.find_submission(assignment, student)
        return {
            grade.cell.name: [grade.score, grade.max_score, grade.needs_manual_grade]
            for notebook in submission.notebooks for grade in notebook.grades
        }


def main(student, assignment):
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    try:
        found = {"points": grade(student, assignment), "status": "graded"}
    except Exception as error:
        found = {"points": None, "status": f"not graded: {error}"[:300]}
    found["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
