"""How long grading takes: python -m benchmarks.grading [SECTION] [COUNT]

Generates COUNT submissions of one section's assignment (solutions, wrong answers, blank ones,
some that hang or do harm), grades them, checks every mark, and prints time and memory.
Uses a course folder of its own. On two cores 200 submissions should take under 30 minutes.
"""

import copy
import csv
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
HARM = {  # put into the first answer, which it costs; the others are the solutions
    "exits": "import sys\nsys.exit(0)",
    "hangs": "while True:\n    pass",
    "prints a gigabyte": "for _ in range(10_000):\n    print('x' * 100_000)",
    "takes all memory": (
        "hoard = []\ntry:\n    while True:\n        hoard.append(bytearray(2**24))\n"
        "finally:\n    hoard.clear()"
    ),
    "deletes files": (
        "import os, shutil\nshutil.rmtree({root!r}, ignore_errors=True)\n"
        "shutil.rmtree('/home', ignore_errors=True)\nos.listdir({root!r}).index('archbook')\n"
        "raise RuntimeError"
    ),
    "calls out": "import urllib.request\nurllib.request.urlopen('http://example.org', timeout=5)",
    "looks for solutions": (
        "import glob\nassert glob.glob({root!r} + '/notebooks/*') + glob.glob({course!r} + '/*')"
    ),
}
FATAL = {  # cannot be graded
    "ends its process": "import os\nos._exit(3)",
    "will not stop": (
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except BaseException:\n        pass"
    ),
    "starts 400 processes": (
        "import os, time\nfor _ in range(400):\n    if os.fork() == 0:\n        time.sleep(60)\n"
        "        os._exit(0)\ntime.sleep(5)"
    ),
    "shares all memory": (
        "import mmap, time\nhoard = []\nfor _ in range(45):\n"
        "    hoard.append(mmap.mmap(-1, 2**27))\n    hoard[-1].write(b'x' * 2**27)\n    time.sleep(0.2)"
    ),
}


def grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def submission(release, answers):
    """The handed-out notebook with answers: exercise's id → code."""
    notebook = copy.deepcopy(release)
    for cell in notebook.cells:
        name = grade_id(cell).removesuffix("-answer")
        if grade_id(cell).endswith("-answer") and name in answers:
            cell.source = answers[name]
    return notebook


def wrong_answers(section):
    """Exercise's id → its wrong answers, from the tests."""
    text = (ROOT / "tests" / "wrong_answers" / f"{section}.py").read_text(encoding="utf-8")
    parts = re.split(r"^# %% (\S+) · .+\n", text, flags=re.MULTILINE)[1:]
    found = {}
    for name, code in zip(parts[::2], parts[1::2]):
        found.setdefault(name, []).append(code)
    return found


def kinds(section, exercises, course):
    """Kind of submission → (answers, points it must get, or None)."""
    solutions = {e.id: e.solution for e in exercises}
    first, total = exercises[0], sum(e.points for e in exercises)
    places = {"root": str(ROOT), "course": str(course)}
    found = {"right": (solutions, total), "blank": ({}, 0)}
    wrong = wrong_answers(section)
    for i in range(3):
        found[f"wrong {i + 1}"] = ({name: codes[i] for name, codes in wrong.items()}, 0)
    for name, code in HARM.items():
        code = code.format(**places) if "{" in code else code
        found[name] = ({**solutions, first.id: code}, total - first.points)
    for name, code in FATAL.items():
        found[name] = ({**solutions, first.id: code}, None)
    return found


def write(folder, section, course, count):
    """Write `count` submissions under `folder`. → student → (kind, points)."""
    from archbook.exercises import read_exercises

    exercises = read_exercises(ROOT / "notebooks" / f"{section}.ipynb")
    release = nbformat.read(course / "release" / section / f"{section}.ipynb", as_version=4)
    every, expected = kinds(section, exercises, course), {}
    usual = ("right", "wrong 1", "right", "wrong 2", "blank", "right", "wrong 3", "right")
    rare = [name for name in every if name not in usual]
    for i in range(count):
        kind = rare[i // 5 % len(rare)] if i % 5 == 4 else usual[(i - i // 5) % len(usual)]
        answers, points = every[kind]
        path = Path(folder) / f"s{i:03d}" / f"{section}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(submission(release, answers), path)
        expected[path.parent.name] = kind, points
    return expected


def main(section="12_vgg", count="200"):
    with tempfile.TemporaryDirectory(prefix="course") as course, \
            tempfile.TemporaryDirectory(prefix="submissions") as folder:
        os.environ["COURSE"] = course  # before the tools read it
        from tools.instructor import assignments, grade

        assignments.main([section[:2]])
        expected = write(folder, section, Path(course), int(count))
        print(Counter(kind for kind, _ in expected.values()))
        start = time.monotonic()
        grade.main(folder)
        minutes = (time.monotonic() - start) / 60
        with (Path(course) / f"report_{section}.csv").open(encoding="utf-8") as file:
            rows = {row["student"]: row for row in csv.DictReader(file)}
        wrong = {
            student: (kind, points, rows[student]["total"], rows[student]["status"])
            for student, (kind, points) in expected.items()
            if (float(rows[student]["total"]) if rows[student]["total"] else None) != points
        }
        records = [json.loads(p.read_text()) for p in Path(course).glob("graded/*/*.json")]
        memory = sorted(r["memory_mb"] for r in records if "memory_mb" in r)
        print(f"{count} submissions of {section} in {minutes:.1f} minutes;"
              f" memory of a grader {memory[len(memory) // 2]} MB (median), {memory[-1]} MB at most;"
              f" {len(wrong)} marks are not as expected")
        for student, details in wrong.items():
            print(student, *details)


if __name__ == "__main__":
    main(*sys.argv[1:])
