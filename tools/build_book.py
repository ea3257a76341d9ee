"""Build the website: _build/html from the stored outputs; every warning is an error.

Every build starts afresh. Sphinx would not read a faulty page again after a failure, and so
report success, nor copy a changed style sheet where no page has changed.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "_build"


def main():
    command = [
        *(Path(sys.executable).with_name("jupyter-book"), "build", ROOT),
        *("-W", "-n", "--keep-going", "--quiet"),
    ]
    shutil.rmtree(BUILD, ignore_errors=True)
    failed = subprocess.run(command).returncode
    if failed or not (BUILD / "html" / "index.html").exists():
        raise SystemExit("the book was not built: the warnings above are errors")
    print(f"open {BUILD / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
