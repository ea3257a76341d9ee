"""See that the tests have what pip does not install: a Chromium, and bubblewrap on Linux.

Chromium is the system's, else Debian's, else Playwright's; bubblewrap, in which submissions
are graded, is the system's, else Debian's.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def system_chromium():
    """Path of a Chromium on this system, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def main():
    wanted = [] if system_chromium() else ["chromium"]
    wanted += [] if shutil.which("bwrap") else ["bubblewrap"]
    if wanted and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"])
        subprocess.run(["apt-get", "install", "-y", "-qq", *wanted])
    if not system_chromium():
        # If this fails, too, the browser tests say what to do.
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])


if __name__ == "__main__":
    main()
