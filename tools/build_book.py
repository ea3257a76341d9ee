"""Build the website: _build/html from the stored outputs; every warning is an error.

Only changed pages are read again, if the last build succeeded and nothing that concerns all
pages has changed since. Otherwise the build starts afresh: after a failure Sphinx would not
read the faulty page again, and so report success; and it does not copy a changed style sheet
where no page has changed.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "_build"
COMPLETE = BUILD / ".complete"  # written when a build has succeeded
FOR_ALL_PAGES = ("_config.yml", "_toc.yml", "requirements.txt", "book/references.bib")
FOLDERS_FOR_ALL_PAGES = ("book/_static", "tools/book_ext")


def must_start_afresh():
    """Whether the last build failed, or something that concerns all pages is newer."""
    if not COMPLETE.exists():
        return True
    folders = [path for name in FOLDERS_FOR_ALL_PAGES for path in (ROOT / name).rglob("*")]
    paths = [*(ROOT / name for name in FOR_ALL_PAGES), *folders]
    paths = [p for p in paths if "__pycache__" not in p.parts]
    return max(p.stat().st_mtime for p in paths) > COMPLETE.stat().st_mtime


def main():
    command = [
        *(Path(sys.executable).with_name("jupyter-book"), "build", ROOT),
        *("-W", "-n", "--keep-going", "--quiet"),
    ]
    if must_start_afresh():
        shutil.rmtree(BUILD, ignore_errors=True)
    COMPLETE.unlink(missing_ok=True)
    failed = subprocess.run(command).returncode
    if failed or not (BUILD / "html" / "index.html").exists():
        raise SystemExit("the book was not built: the warnings above are errors")
    COMPLETE.touch()
    print(f"open {BUILD / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
