"""Run notebooks from top to bottom and store their outputs.

usage: python -m tools.execute [NUMBER ...]

Each notebook runs in a fresh kernel and an empty folder, two at a time, one thread each.
A notebook is written only if all of it ran; what changes from run to run without meaning
(times, version numbers in the metadata, remains of progress bars) is left out.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # two notebooks at a time on two cores

import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).parent.parent
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def run(notebook):
    """Execute a notebook object in place; its outputs are what one fresh run gives."""
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        )
        client.execute()


def tidy(notebook):
    """Drop what differs between runs without meaning."""
    own = {k: v for k, v in notebook.metadata.items() if k == "export_module"}
    notebook.metadata = nbformat.from_dict({**METADATA, **own})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if not is_blank(out)]
            for output in cell.outputs:
                plain = output.get("data", {}).get("text/plain", "")
                if plain:  # where in memory an object lay
                    output.data["text/plain"] = re.sub(r" at 0x[0-9a-f]+", "", plain)


def is_blank(output):
    """Whether an output is what a finished progress bar leaves behind."""
    return output.output_type == "stream" and not output.text.strip()


def execute(path):
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    try:
        run(notebook)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return f"{path.name}: FAILED\n{error}"
    tidy(notebook)
    nbformat.write(notebook, path)
    seconds, size = time.perf_counter() - start, path.stat().st_size / 1e6
    return f"{path.name}: {seconds:.0f} s, {size:.2f} MB"


def main(numbers):
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    if numbers:
        paths = [p for p in paths if p.name.split("_")[0] in numbers]
    if not paths:
        raise SystemExit(f"no notebook with number {' or '.join(numbers)} in notebooks/")
    with ThreadPoolExecutor(2) as pool:
        reports = []
        for report in pool.map(execute, paths):
            print(report, flush=True)
            reports.append(report)
    if any("FAILED" in report for report in reports):
        raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
