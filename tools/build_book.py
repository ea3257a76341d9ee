"""Build the website: _build/html from the stored outputs; every warning is an error.

After a failed build Sphinx would not read the faulty page again and so report success,
so a failure throws away what it remembers.
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
    failed = subprocess.run(command).returncode
    if failed or not (BUILD / "html" / "index.html").exists():
        shutil.rmtree(BUILD, ignore_errors=True)
        raise SystemExit("the book was not built: the warnings above are errors")
    print(f"open {BUILD / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
