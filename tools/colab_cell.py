"""The first code cell of every notebook; `python -m tools.colab_cell` renews it in all."""

from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).parent.parent
SOURCE = '''\
# In Colab: install the book's library. Nothing that Colab already has is replaced.
import importlib.util

if importlib.util.find_spec("archbook") is None:
    print("Installing archbook from {address}")
    %pip install -q "git+{address}"'''


def repository_address(root=ROOT):
    """The one address, as _config.yml holds it."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"]


def colab_cell():
    return SOURCE.format(address=repository_address())


def main():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if "colab" in cell.metadata.get("tags", []):
                cell.source = colab_cell()
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
