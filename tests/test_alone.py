"""Every notebook runs alone: only the built wheel, an empty folder, no network.

The same run is nbval's: each output is compared with the one stored in the notebook.
So a notebook, the slowest thing here, is executed once.
"""

import os
import resource
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

import pytest
from conftest import NOTEBOOKS, ROOT

# Loaded when the fresh Python starts: its own machine can be reached, nothing else.
CLOSED_NETWORK = '''\
import sys

HERE = (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0")


def refuse(event, args):
    if event in ("socket.connect", "socket.sendto"):
        host = args[1][0] if isinstance(args[1], tuple) else None
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if host not in HERE:
        raise OSError(f"the network is closed: {host}")


sys.addaudithook(refuse)
'''


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A fresh Python with what .venv has, but of archbook only the wheel."""
    folder = tmp_path_factory.mktemp("alone")
    venv.create(folder / "fresh", with_pip=False)
    python = folder / "fresh" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    source = copy_sources(folder / "source")
    wheel = [*offline, "--no-build-isolation", "--wheel-dir", folder, source]
    subprocess.run([*pip, "wheel", *wheel], check=True)
    [built] = folder.glob("archbook-*.whl")
    subprocess.run([*pip, "--python", python, "install", *offline, built], check=True)
    assert any("THIRD_PARTY" in name for name in zipfile.ZipFile(built).namelist())
    [packages] = (folder / "fresh").glob("lib/python*/site-packages")
    (packages / "closed_network.py").write_text(CLOSED_NETWORK)
    # Paths in a .pth are added without reading .pth files there: the repository, which
    # .venv knows through one, stays unknown.
    (packages / "fresh.pth").write_text(
        f"{sysconfig.get_path('purelib')}\nimport closed_network\n"
    )
    return python


def copy_sources(folder):
    """What a wheel is built from, apart: building leaves files behind."""
    for name in ("archbook", "results"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for path in [ROOT / "pyproject.toml", *ROOT.glob("LICENSE*"), ROOT / "THIRD_PARTY.md"]:
        shutil.copy(path, folder)
    return folder


def ask(python, folder, code):
    """What a line of Python prints in the fresh Python, or how it fails."""
    run = subprocess.run(
        [python, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True
    )
    return run.stdout + run.stderr


def environment():
    """This process's environment, but for what would lead back to the repository."""
    dropped = ("PYTHONPATH", "VIRTUAL_ENV")
    kept = {k: v for k, v in os.environ.items() if k not in dropped}
    kept = {k: v for k, v in kept.items() if not k.startswith("PYTEST_")}
    return kept | {"OMP_NUM_THREADS": "1"}


def test_only_the_wheel_is_there(python, tmp_path):
    where = ask(python, tmp_path, "import archbook; print(archbook.__file__)")
    assert where.startswith(str(python.parent.parent)), where
    assert "No module named 'tools'" in ask(python, tmp_path, "import tools")


def test_the_network_is_closed(python, tmp_path):
    code = "import urllib.request; urllib.request.urlopen('http://{}')"
    for host in ("example.org", "192.0.2.1"):
        answer = ask(python, tmp_path, code.format(host))
        assert f"the network is closed: {host}" in answer


def test_the_wheel_holds_data_and_results(python, tmp_path):
    code = """
from archbook.data import load_images
from archbook.published import published
from archbook.results import load_results
print(len(load_images().test), len(published()) > 0, len(load_results("lenet5_1998")) > 0)
"""
    assert ask(python, tmp_path, code) == "10000 True True\n"


# Processor seconds that a whole notebook may take on one thread, training included, when
# the machine is busy; idle it takes about two thirds of them.
CPU_SECONDS = {"01": 135, "05": 30, "06": 30, "07": 30, "08": 30}
OTHERS = 270


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_repeats_its_outputs_alone(path, python, tmp_path):
    shutil.copy(path, tmp_path)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        [
            *(python, "-m", "pytest", path.name, "-q", "-p", "no:cacheprovider"),
            *("-p", "no:xdist", "--rootdir", tmp_path, "--color=no"),
            *("--nbval", "--nbval-current-env", "--nbval-cell-timeout=600"),
            *("--nbval-sanitize-with", ROOT / "tests" / "nbval.cfg"),
        ],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " skipped" not in run.stdout, run.stdout
    left = sorted(p.name for p in tmp_path.iterdir())
    assert left == [path.name], f"{path.name} left files behind: {left}"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{path.name}: {seconds:.0f} processor seconds")
    assert seconds < CPU_SECONDS.get(path.stem[:2], OTHERS)
