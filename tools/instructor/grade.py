"""Grade a folder of submissions: points, a report, and a page of feedback for each student.

usage: python -m tools.instructor.grade FOLDER

The folder holds one folder a student, and in it the notebooks as they were handed out:
FOLDER/ada/12_vgg.ipynb. Each submission is graded in a process of its own, two at a time; what is
graded already, and has not changed since, is not graded again. _course/report_NAME.csv has the points for
every exercise, _course/feedback a page for every student.
"""

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from tqdm import tqdm

from tools.instructor.course import COURSE, ROOT, config
from tools.instructor.sandbox import require_bubblewrap

LIMIT = 300  # seconds for one submission, starting and feedback included
LARGEST = 20 * 2**20  # bytes of a submitted notebook


def submissions(folder):
    """All (student, assignment, file) of a folder, in order."""
    folder = Path(folder)
    if not folder.is_dir():
        raise SystemExit(f"{folder} is not a folder; expected FOLDER/STUDENT/NN_name.ipynb")
    found = [(p.parent.name, p.stem, p) for p in sorted(folder.glob("*/*.ipynb"))]
    if not found:
        raise SystemExit(f"no FOLDER/STUDENT/NN_name.ipynb in {folder}")
    return found


def fingerprint(assignment, path):
    """What a mark depends on: the submission and the assignment with its tests."""
    source = COURSE / "source" / assignment / f"{assignment}.ipynb"
    text = path.read_bytes() if path.stat().st_size <= LARGEST else b""
    return hashlib.sha256(text + source.read_bytes()).hexdigest()


def record_path(student, assignment):
    return COURSE / "graded" / assignment / f"{student}.json"


def grade(student, assignment, path):
    """Grade one submission and write its record."""
    start = time.monotonic()
    record = {"student": student, "fingerprint": fingerprint(assignment, path)}
    record |= unreadable(path) or run(student, assignment, path)
    record["seconds"] = round(time.monotonic() - start, 1)
    target = record_path(student, assignment)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_text(json.dumps(record))
    part.replace(target)
    return record


def unreadable(path):
    """The outcome for a file that is no notebook, or None."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"larger than {LARGEST >> 20} MB")
        nbformat.read(path, as_version=4)
    except Exception as error:
        return {"points": None, "status": f"unreadable: {error}"[:300]}


def run(student, assignment, path):
    """Let a process of its own grade it, and stop that after LIMIT seconds."""
    place = COURSE / "submitted" / student / assignment
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    notebook, missing = restored(nbformat.read(path, as_version=4), assignment)
    nbformat.write(notebook, place / f"{assignment}.ipynb")
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.instructor.grade_one", student, assignment],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        start_new_session=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        said, _ = process.communicate(timeout=LIMIT)
        record = json.loads(said.splitlines()[-1])
        if missing:
            record["status"] += f"; {missing} deleted cells were put back"
        return record
    except subprocess.TimeoutExpired:
        return {"points": None, "status": f"stopped after {LIMIT} s"}
    except (IndexError, json.JSONDecodeError):
        return {"points": None, "status": f"the grader died with code {process.returncode}"}
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def restored(notebook, assignment):
    """The submission with the cells that its student deleted, and how many these are."""
    source = nbformat.read(COURSE / "release" / assignment / f"{assignment}.ipynb", as_version=4)
    place = {grade_id(cell): i for i, cell in enumerate(notebook.cells)}
    cells, missing, at = list(notebook.cells), 0, 0
    for cell in source.cells:
        if grade_id(cell) in place:
            at = cells.index(notebook.cells[place[grade_id(cell)]]) + 1
        else:
            cells.insert(at, cell)
            missing, at = missing + 1, at + 1
    notebook.cells = cells
    return notebook, missing


def grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def graded(student, assignment, path):
    """The record of an earlier run, if nothing has changed since; else None."""
    target = record_path(student, assignment)
    if target.exists():
        record = json.loads(target.read_text())
        if record["fingerprint"] == fingerprint(assignment, path):
            return record


def report(assignment, found):
    """Write the CSV of one assignment: a row a student, a column an exercise."""
    with Gradebook(config().CourseDirectory.db_url) as book:
        cells = [c for n in book.find_assignment(assignment).notebooks for c in n.grade_cells]
        of = {cell.name: cell.max_score for cell in cells}
        by_hand = {
            s.student.id: {g.name: g.score for n in s.notebooks for g in n.grades}
            for s in book.assignment_submissions(assignment)
        }
    path = COURSE / f"report_{assignment}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["student", "total", "of", *of, "to grade by hand", "status", "seconds"])
        for record in found:
            points = {name: entry[0] for name, entry in (record["points"] or {}).items()}
            if points:  # marks given by hand since count, too
                points |= by_hand.get(record["student"], {})
            waiting = [n for n, entry in (record["points"] or {}).items() if entry[2]]
            each = [points.get(name, 0) for name in of]
            table.writerow([
                record["student"], sum(each), sum(of.values()), *each, len(waiting),
                record["status"], record["seconds"],
            ])
    return path


def main(folder):
    require_bubblewrap()
    todo, done = [], {}
    for student, assignment, path in submissions(folder):
        if not (COURSE / "source" / assignment).is_dir():
            raise SystemExit(
                f"{path}: no assignment {assignment!r}; write it first:"
                f" make assignments SECTIONS={assignment[:2]}"
            )
        record = graded(student, assignment, path)
        done.setdefault(assignment, []).extend([record] if record else [])
        if not record:
            todo.append((student, assignment, path))
    total = len(todo) + sum(map(len, done.values()))
    bar = tqdm(total=total, initial=total - len(todo), unit="submission")
    with bar, ThreadPoolExecutor(2) as pool:
        jobs = {pool.submit(grade, *entry): entry[1] for entry in todo}
        try:
            for job in as_completed(jobs):
                done[jobs[job]].append(job.result())
                bar.update()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise SystemExit(f"stopped; {bar.n} of {total} submissions are graded")
    for assignment, found in done.items():
        print(report(assignment, sorted(found, key=lambda r: r["student"])))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m tools.instructor.grade FOLDER")
    main(sys.argv[1])
