"""See that the browser tests have a Chromium: the system's, else Debian's, else Playwright's."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def system_chromium():
    """Path of a Chromium on this system, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def main():
    if system_chromium():
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"])
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"])
    if not system_chromium():
        # If this fails, too, the browser tests say what to do.
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])


if __name__ == "__main__":
    main()
