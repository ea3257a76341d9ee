"""Write archbook/networks/ from the notebooks' cells tagged `export`.

usage: python -m tools.export [--check]

A notebook names its module in its metadata (`export_module`). --check writes nothing and
fails if a module is not what its notebook says.
"""

import ast
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
NETWORKS = ROOT / "archbook" / "networks"
HEADER = '"""Written by tools/export.py from notebooks/{name}; change it there."""\n\n'


def tagged(cell, tag):
    return tag in cell["metadata"].get("tags", [])


def module_text(path):
    """The module that a notebook's exported cells make, and its name; or None."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [
        "".join(cell["source"]).strip()
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and tagged(cell, "export")
    ]
    name = notebook["metadata"].get("export_module")
    if not cells and not name:
        return None
    if not (cells and name):
        raise SystemExit(f"{path.name}: needs both exported cells and export_module")
    for cell in cells:
        check_cell(path, cell)
    return name, HEADER.format(name=path.name) + "\n\n\n".join(cells) + "\n"


def check_cell(path, source):
    """Refuse what a module cannot hold: magics, and imports of other packages than torch."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise SystemExit(f"{path.name}: an exported cell is not plain Python: {error}")
    for node in ast.walk(tree):
        names = [a.name for a in getattr(node, "names", [])] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module]
        for name in names:
            known = name.split(".")[0] in ("torch", *sys.stdlib_module_names)
            if not (known or name.startswith("archbook.networks")):
                raise SystemExit(
                    f"{path.name}: an exported cell imports {name};"
                    " networks import torch, the standard library and one another only"
                )


def modules():
    """All modules that the notebooks make: path → text."""
    found = [module_text(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    return {NETWORKS / f"{name}.py": text for name, text in filter(None, found)}


def main(check=False):
    stale = []
    for path, text in modules().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if check and stale:
        raise SystemExit(f"stale: {', '.join(stale)}; run `make export`")
    print(f"exported: {', '.join(stale) or 'nothing to do'}")


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:])
