"""Grade one submission in a process of its own: its points, as JSON, on the last line.

usage: python -m tools.instructor.grade_one STUDENT ASSIGNMENT
"""

import json
import os
import re
import resource
import sys
import tempfile

from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute

from tools.instructor.course import config
from tools.instructor.sandbox import MEMORY, LimitedExecute


def grade(student, assignment):
    """Run nbgrader's autograding and feedback. → exercise → points, or raises."""
    c = config()
    c.Autograde.autograde_preprocessors = [
        LimitedExecute if step is Execute else step
        for step in Autograde.autograde_preprocessors.default()
    ]
    api = NbGraderAPI(config=c)
    for step in (api.autograde, api.generate_feedback):
        result = step(assignment, student, force=True)
        if not result["success"]:
            raise RuntimeError(cause(result["log"]))
    return points(student, assignment)


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
    with tempfile.TemporaryDirectory(prefix="grade") as folder:
        os.environ["JUPYTER_RUNTIME_DIR"] = folder  # for the sockets
        try:
            found = {"points": grade(student, assignment), "status": "graded"}
        except Exception as error:
            found = {"points": None, "status": f"not graded: {error}"[:300]}
    found["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
