"""Recorded work: lists of records in results/, two processes, resumable."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one core for each process

import json
import multiprocessing
import platform
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch
import torchvision
from tqdm import tqdm

RESULTS = Path(__file__).parent.parent / "results"


def recorded(name):
    """The records of results/NAME.json; an empty list if there is no such file."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else []


def complete(name, function, wanted, identity, amount=lambda *args: 1, unit="run"):
    """Make the records that results/NAME.json lacks, two at a time, and save each at once.

    Args:
        function: makes one record (a dictionary) from its arguments.
        wanted: key → arguments of all records, in the order in which to make them.
        identity: function from a record to its key.
        amount: function from arguments to the work behind them, in `unit`, by which
            the time left is estimated.

    Returns:
        All records.
    """
    done = recorded(name)
    have = {identity(record) for record in done}
    missing = [args for k, args in wanted.items() if k not in have]
    total = sum(amount(*args) for args in wanted.values())
    left = sum(amount(*args) for args in missing)
    context = multiprocessing.get_context("spawn")
    bar = tqdm(total=total, initial=total - left, desc=name, unit=unit)
    with bar, ProcessPoolExecutor(2, mp_context=context) as pool:
        jobs = {pool.submit(function, *args): args for args in missing}
        try:
            for job in as_completed(jobs):
                done.append(job.result())
                save(name, sorted(done, key=identity))
                bar.update(amount(*jobs[job]))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise SystemExit(f"stopped; {len(done)} of {len(wanted)} records are saved")
    return done


def key(*parts):
    """One string from what tells a record from another."""
    return json.dumps(parts, sort_keys=True)


def save(name, records):
    """Write all records in such a way that an interruption never leaves half a file."""
    path = RESULTS / f"{name}.json"
    part = path.with_suffix(".part")
    part.write_text("[\n" + ",\n".join(json.dumps(r) for r in records) + "\n]\n")
    part.replace(path)


def conditions():
    """The fields of a record that say with what it was made."""
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }
    return {"versions": versions, "processor": processor()}


def processor():
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()
