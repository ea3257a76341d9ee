"""Grade a folder of submissions: points, a report, and a page of feedback for each student.

usage: python -m tools.instructor.grade FOLDER

The folder holds one folder a student, and in it the notebooks: FOLDER/ada/12_vgg.ipynb, or
another name with 12_vgg in it. Each submission is graded in a process of its own, two at a time;
what is graded already, and has not changed since, is not graded again. _course/report_NAME.csv
has the points for every exercise, of earlier calls, too; _course/feedback a page for every
student.
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

from tools.instructor.course import COURSE, ROOT, by_hand, config
from tools.instructor.grade_one import feedback
from tools.instructor.sandbox import require_bubblewrap

LIMIT = 300  # seconds for one submission, starting and feedback included
LARGEST = 20 * 2**20  # bytes of a submitted notebook


def submissions(folder):
    """What a folder holds: (student, assignment) → its files; and the files that are neither.

    Copies have other names: "Copy of 12_vgg.ipynb", "12_vgg (1).ipynb", "ada_417_12_vgg.ipynb".
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SystemExit(f"{folder} is not a folder; expected FOLDER/STUDENT/NN_name.ipynb")
    names = [path.name for path in (COURSE / "source").glob("*")]
    found, strange = {}, []
    for path in sorted(folder.glob("*/*.ipynb")):
        match = [name for name in names if name in path.stem]
        if match:
            found.setdefault((path.parent.name, match[0]), []).append(path)
        else:
            strange.append(path)
    if not found:
        raise SystemExit(
            f"no FOLDER/STUDENT/NN_name.ipynb of an assignment in {folder}; there are"
            f" {', '.join(sorted(names)) or 'none: make assignments writes them'}"
        )
    return found, strange


def fingerprint(assignment, paths):
    """What a mark depends on: the submission and the assignment with its tests."""
    source = COURSE / "source" / assignment / f"{assignment}.ipynb"
    texts = [p.read_bytes() for p in paths if p.stat().st_size <= LARGEST]
    return hashlib.sha256(b"\0".join([*texts, source.read_bytes()])).hexdigest()


def record_path(student, assignment):
    return COURSE / "graded" / assignment / f"{student}.json"


def grade(student, assignment, paths):
    """Grade one submission and write its record."""
    start = time.monotonic()
    record = {"student": student, "fingerprint": fingerprint(assignment, paths)}
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths)
        record |= {"points": None, "status": f"not graded: {names}; expected one file"}
    else:
        record |= unreadable(*paths) or run(student, assignment, *paths)
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


def graded(student, assignment, paths):
    """Whether an earlier run graded this, and nothing has changed since."""
    target = record_path(student, assignment)
    return target.exists() and (
        json.loads(target.read_text())["fingerprint"] == fingerprint(assignment, paths)
    )


def report(assignment):
    """Write the CSV of one assignment: a row a student, a column an exercise.

    What is not graded has no points: somebody must look at it.
    """
    records = sorted((COURSE / "graded" / assignment).glob("*.json"))
    with Gradebook(config().CourseDirectory.db_url) as book:
        cells = [c for n in book.find_assignment(assignment).notebooks for c in n.grade_cells]
        of = {cell.name: cell.max_score for cell in cells}
        # From the gradebook, since points given by hand come in later.
        grades = {
            s.student.id: {g.name: g for n in s.notebooks for g in n.grades}
            for s in book.assignment_submissions(assignment)
        }
        path = COURSE / f"report_{assignment}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["student", "total", "of", *of, "to grade by hand", "status", "seconds"])
            for record in (json.loads(path.read_text()) for path in records):
                own = grades[record["student"]] if record["points"] else {}
                each = [own[name].score for name in of] if own else [""] * len(of)
                total = sum(each) if own else ""
                waiting = sum(grade.needs_manual_grade for grade in own.values())
                table.writerow([
                    record["student"], total, sum(of.values()), *each, waiting,
                    record["status"], record["seconds"],
                ])
    return path


def main(folder):
    require_bubblewrap()
    found, strange = submissions(folder)
    todo = [(*who, paths) for who, paths in found.items() if not graded(*who, paths)]
    bar = tqdm(total=len(found), initial=len(found) - len(todo), unit="submission")
    with bar, ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(grade, *entry) for entry in todo]
        try:
            for job in as_completed(jobs):
                job.result()
                bar.update()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise SystemExit(f"stopped; {bar.n} of {len(found)} submissions are graded")
    for student, assignment in found:
        if by_hand(assignment):  # points and comments may have come in since
            feedback(student, assignment)
    for assignment in sorted({assignment for _, assignment in found}):
        print(report(assignment))
    for path in strange:
        print(f"left out, the name is no assignment's: {path}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m tools.instructor.grade FOLDER")
    main(sys.argv[1])
