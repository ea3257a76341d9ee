"""Grade a folder of submissions: points, a report, and a page of feedback for each student.

usage: python -m tools.instructor.grade FOLDER

The folder holds one folder a student, and in it the notebooks: FOLDER/ada/12_vgg.ipynb, or
another name with 12_vgg in it. Each submission is graded in a process of its own, two at a time;
what is graded already, and has not changed since, is not graded again. _course/report_NAME.csv
has the points for every exercise, of earlier calls, too; _course/feedback a page for every
student.
"""

import copy
import csv
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from unicodedata import normalize

import nbformat
from nbgrader.api import Gradebook
from tqdm import tqdm

from tools.instructor.course import COURSE, ROOT, by_hand, config
from tools.instructor.grade_one import feedback
from tools.instructor.sandbox import require_bubblewrap

LIMIT = 300  # seconds for one submission, starting and feedback included
LARGEST, CELLS = 20 * 2**20, 2000  # bytes and cells of a submitted notebook


def submissions(folder):
    """What a folder holds: (student, assignment) → its files; and what is left out, and why.

    Copies have other names: "Copy of 12_vgg.ipynb", "12_vgg (1).ipynb", "ada_417_12_vgg.ipynb".
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SystemExit(f"{folder} is not a folder; expected FOLDER/STUDENT/NN_name.ipynb")
    names = [path.name for path in (COURSE / "source").glob("*")]
    found, left_out = {}, []
    for path in sorted(folder.glob("[!._]*/[!.]*.ipynb")):
        match = [name for name in names if name in path.stem]
        if why := odd(path) or (None if match else "the name is no assignment's"):
            left_out.append(f"{ascii(str(path))}: {why}")
        else:
            found.setdefault((path.parent.name, match[0]), []).append(path)
    if not found:
        raise SystemExit(
            f"no FOLDER/STUDENT/NN_name.ipynb of an assignment in {folder}; there are"
            f" {', '.join(sorted(names)) or 'none: make assignments writes them'}"
        )
    return found, left_out


def odd(path):
    """Why nothing of this kind is graded, or None.

    nbgrader takes names for patterns, a spreadsheet takes "=1" for a formula, and a link
    may lead to another student's work.
    """
    if not re.fullmatch(r"\w[\w.,@+'() &-]{0,99}(?<! )", normalize("NFC", path.parent.name)):
        return "the folder's name; expected letters, digits, spaces and . , @ + ' ( ) & - _"
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
        return "not a plain file in a plain folder"
    if not os.access(path, os.R_OK):
        return "no permission to read it"


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
        try:
            record = (unreadable(*paths) or run(student, assignment, *paths)) | record
        except Exception as error:  # one odd file must not stop the others
            record |= {"points": None, "status": f"not graded: {error!r}"[:300]}
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
        if len(nbformat.read(path, as_version=4).cells) > CELLS:
            raise ValueError(f"more than {CELLS} cells")
    except Exception as error:
        return {"points": None, "status": f"unreadable: {error}"[:300]}


def run(student, assignment, path):
    """Let a process of its own grade it, and stop that after LIMIT seconds."""
    place = COURSE / "submitted" / student / assignment
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    notebook, missing = restored(nbformat.read(path, as_version=4), assignment)
    nbformat.write(notebook, place / f"{assignment}.ipynb")
    sockets = tempfile.TemporaryDirectory(prefix="grade", ignore_cleanup_errors=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.instructor.grade_one", student, assignment],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "JUPYTER_RUNTIME_DIR": sockets.name},
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
        sockets.cleanup()


def restored(notebook, assignment):
    """The submission with the course's own cells as they were, and how many were missing.

    Of a known cell only an answer and its outputs are the student's; of all others only the
    text: a tag could keep a test from running, and marks could be invented.
    """
    release = nbformat.read(COURSE / "release" / assignment / f"{assignment}.ipynb", as_version=4)
    ours = {grade_id(cell): cell for cell in release.cells}
    last = {grade_id(cell): i for i, cell in enumerate(notebook.cells)}
    cells = []
    for i, cell in enumerate(notebook.cells):
        name = grade_id(cell)
        cell.metadata = nbformat.NotebookNode()
        cells.append(answered(ours[name], cell) if name in ours and last[name] == i else cell)
    names, missing, at = [grade_id(cell) for cell in cells], 0, 0
    for name, own in ours.items():
        if name in names:
            at = names.index(name) + 1
        else:
            cells.insert(at, own)
            names.insert(at, name)
            missing, at = missing + 1, at + 1
    for i, cell in enumerate(cells):
        cell.id = f"c{i:04d}"
    notebook.cells, notebook.nbformat_minor = cells, 5
    return notebook, missing


def answered(own, cell):
    """A cell of the course with what a student's version of it may change."""
    own = copy.deepcopy(own)
    if own.metadata.nbgrader.solution:
        own.source = cell.source
    if own.cell_type == cell.cell_type == "code":
        own.outputs = cell.outputs
    return own


def grade_id(cell):
    marks = cell.metadata.get("nbgrader")
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    return name if isinstance(name, str) else None


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
        with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            table = csv.writer(file)
            table.writerow(["student", "total", "of", *of, "to grade by hand", "status", "seconds"])
            for record in map(json.loads, (r.read_text() for r in records)):
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
    found, left_out = submissions(folder)
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
        record = json.loads(record_path(student, assignment).read_text())
        if by_hand(assignment) and record["points"]:  # points may have come in since
            feedback(student, assignment)
    for assignment in sorted({assignment for _, assignment in found}):
        print(report(assignment))
    for what in left_out:
        print(f"left out: {what}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m tools.instructor.grade FOLDER")
    main(sys.argv[1])
