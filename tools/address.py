"""Set the repository's address everywhere: `make address URL=https://github.com/me/book`.

_config.yml holds the address; this tool writes it there and replaces the old one in every
notebook, page and file of the project.
"""

import re
import sys

from tools.colab_cell import ROOT, repository_address

PATTERNS = ("*.md", "*.toml", "*.yml", "book/**/*.md", "notebooks/*.ipynb", "tools/*.py")


def files(root=ROOT):
    """The files that may hold the address."""
    return sorted({path for pattern in PATTERNS for path in root.glob(pattern)})


def main(url, root=ROOT):
    if not re.fullmatch(r"https://[\w.-]+/[\w.-]+/[\w.-]+", url) or url.endswith(".git"):
        raise SystemExit(f"URL is {url!r}; expected https://host/owner/name, without .git")
    old = repository_address(root)
    changed = 0
    for path in files(root):
        text = path.read_text(encoding="utf-8")
        if old in text:
            path.write_text(text.replace(old, url), encoding="utf-8")
            changed += 1
    print(f"{old} -> {url} in {changed} files")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1]:
        raise SystemExit("usage: make address URL=https://github.com/owner/name")
    main(sys.argv[1])
