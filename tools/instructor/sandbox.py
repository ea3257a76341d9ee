"""Where a submission runs: a kernel without network, without files of others, with limits.

bubblewrap (Linux) shows the kernel Python, the book's library and the system's programs,
read-only, and an empty /tmp; nothing else of the machine: no home, no other submission, no
gradebook, no notebook with solutions. Kernel and grader speak through sockets in a folder of
their own. The grader, which knows the hidden
tests and writes the marks, stays outside.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_async
from nbgrader.preprocessors import Execute
from traitlets import Float, Int

from tools.instructor.course import ROOT

MEMORY = 3 * 2**30  # bytes that a process may hold
DISK = 100 * 2**20  # bytes of the kernel's /tmp, which is memory too
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
    return [
        "prlimit", f"--data={MEMORY}", f"--fsize={DISK}", "--core=0",
        # The book and its Python may themselves lie in /tmp.
        "bwrap", "--dev", "/dev", "--proc", "/proc", "--size", str(DISK), "--tmpfs", "/tmp",
        *show, "--bind", sockets, sockets, "--remount-ro", "/",
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
