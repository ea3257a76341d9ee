"""Where a submission runs: a kernel without network, without files of others, with limits.

bubblewrap (Linux) shows the kernel Python, the book's library and the system's programs,
read-only, and an empty /tmp; nothing else of the machine: no home, no other submission, no
gradebook, no notebook with solutions. Kernel and grader speak through sockets in a folder of
their own. The grader, which knows the hidden
tests and writes the marks, stays outside.
"""

import asyncio
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_async
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.utils import is_grade, is_locked, is_solution
from traitlets import Float, Int

from tools.instructor.course import ROOT

MEMORY = 3 * 2**30  # bytes that a kernel may hold, with all processes that it starts
PROCESSES = 100  # that may run at once
DISK = 100 * 2**20  # bytes of the kernel's /tmp, which is memory too, and beside its sockets
CELL, ALL = 30, 120  # seconds for one cell, and for all of a submission
OUTPUT, FLOOD = 100_000, 5_000_000  # characters of a cell's output: kept, too many
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/fonts",
    "/etc/ld.so.cache", "/etc/localtime", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf",
)


def require_bubblewrap():
    """Stop with advice where submissions cannot be shut in."""
    if not shutil.which("bwrap"):
        raise SystemExit(
            "grading runs submissions in a sandbox and needs Linux with bubblewrap;"
            " install it with: apt install bubblewrap"
        )
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run(
            sandboxed([sys.executable, "-c", "import archbook"], folder),
            capture_output=True, text=True,
        )
    if tried.returncode:
        raise SystemExit(f"bubblewrap cannot start a kernel here: {tried.stderr.strip()}")


def sandboxed(command, sockets):
    """The command that runs `command` shut in, with the folder `sockets` shared."""
    library = map(str, (sys.base_prefix, sys.prefix, ROOT / "archbook", ROOT / "results"))
    show = [w for path in (*SYSTEM, *library) for w in ("--ro-bind-try", path, path)]
    small = ["--size", str(DISK), "--tmpfs"]
    return [
        "prlimit", f"--data={MEMORY}", f"--fsize={DISK}", "--core=0",
        "bwrap", "--dev", "/dev", *small, "/dev/shm", "--remount-ro", "/dev", "--proc", "/proc",
        # The book and its Python may themselves lie in /tmp, so that comes first.
        *small, "/tmp", *show, "--bind", sockets, sockets, "--remount-ro", "/",
        "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
        "--clearenv", "--setenv", "HOME", "/tmp", "--setenv", "OMP_NUM_THREADS", "1",
        "--setenv", "PATH", os.environ["PATH"], "--setenv", "PYTHONPATH", str(ROOT),
        "--chdir", "/tmp", "--", *command,
    ]


class ShutInKernel(AsyncKernelManager):
    """A kernel in the sandbox; it is interrupted by a message, since signals stay outside."""

    transport = "ipc"

    def __init__(self, **kwargs):
        # All of the kernel's sockets lie beside this file.
        folder = Path(os.environ["JUPYTER_RUNTIME_DIR"])
        super().__init__(**kwargs, connection_file=str(folder / "kernel.json"))

    def format_kernel_cmd(self, extra_arguments=None):
        self.kernel_spec.interrupt_mode = "message"
        command = super().format_kernel_cmd(extra_arguments)
        return sandboxed(command, str(Path(self.connection_file).parent))

    async def start_kernel(self, **kwargs):
        """Start it without the grader's environment, and without its output: that holds the
        marks."""
        closed = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        await super().start_kernel(**kwargs, **closed, env={"PATH": os.environ["PATH"]})

    async def _async_is_alive(self):
        """nbclient asks once a second; a kernel that takes too much dies here."""
        alive = await super()._async_is_alive()
        if alive and self.takes_too_much():
            await self.provisioner.kill()
            return False
        return alive

    is_alive = _async_is_alive

    def takes_too_much(self):
        """Whether all its processes, or its files beside the sockets, pass the limits."""
        held = []
        for process in psutil.Process(self.provisioner.pid).children(recursive=True):
            try:
                held.append(process.memory_info().rss)
            except psutil.NoSuchProcess:  # it has ended since
                pass
        files = list(Path(self.connection_file).parent.rglob("*"))
        size = sum(path.lstat().st_size for path in files if os.path.lexists(path))
        return sum(held) > MEMORY or len(held) > PROCESSES or size > DISK or len(files) > 1000


class LimitedExecute(Execute):
    """nbgrader's execution, in the sandbox, with limits for time and output."""

    iopub_timeout = Int(CELL)  # a flood of output takes a while to read, too
    started = Float()
    kept = Int()

    def __init__(self, **kwargs):
        super().__init__(**kwargs, kernel_manager_class=ShutInKernel)
        self.started = time.monotonic()
        self.timeout_func = self.seconds_left

    def seconds_left(self, cell):
        """Once the time for all is used up, each further cell gets a moment only."""
        left = ALL - (time.monotonic() - self.started)
        return int(max(2, min(CELL, left)))

    def output(self, outs, msg, display_id, cell_index):
        """Keep a cell's output up to a limit; interrupt a cell that floods."""
        if not outs:
            self.kept = 0
        before, self.kept = self.kept, self.kept + len(str(msg["content"]))
        if before < FLOOD <= self.kept:
            asyncio.ensure_future(ensure_async(self.km.interrupt_kernel()))
        if before < OUTPUT or msg["msg_type"] == "error":
            return super().output(outs, msg, display_id, cell_index)

    def on_cell_executed(self, **kwargs):
        """An error costs a graded cell its points, and nothing else does.

        nbgrader would take a displayed result for points, whatever error follows, and a
        warning for an error.
        """
        super().on_cell_executed(**kwargs)
        cell = kwargs["cell"]
        for output in cell.outputs if is_grade(cell) and not is_solution(cell) else ():
            if output.output_type == "execute_result":
                output.output_type = "display_data"
                del output["execution_count"]
            elif output.get("name") == "stderr":
                output.name = "stdout"


class Harmless(NbGraderPreprocessor):
    """Takes the scripts out of what a student wrote or printed: others will open the pages.

    Tags in text are shown as text. Output in HTML stands in a frame that runs no scripts.
    """

    SHOWN = ("text/plain", "image/png", "image/jpeg")

    def preprocess_cell(self, cell, resources, cell_index):
        if cell.cell_type != "code":
            if not is_locked(cell):
                cell.source = re.sub(r"<(?=[a-zA-Z/!?])", "&lt;", cell.source)
            return cell, resources
        for output in cell.outputs:
            data = output.get("data", {})
            page = data.get("text/html") or data.get("image/svg+xml")
            for kind in set(data) - set(self.SHOWN):
                del data[kind]
            if page:
                data["text/html"] = (
                    f'<iframe sandbox srcdoc="{html.escape(page)}"'
                    ' style="width:100%;height:28em;border:0;resize:vertical"></iframe>'
                )
        return cell, resources
