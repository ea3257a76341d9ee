"""Who may import whom, and what every public name must have."""

import ast
import inspect
import subprocess
import sys

import pytest
from conftest import ROOT

import archbook

MODULES = sorted((ROOT / "archbook").glob("*.py"))
NETWORKS = sorted((ROOT / "archbook" / "networks").glob("*.py"))
HEAVY = ("matplotlib", "pandas", "torchinfo", "torchvision", "numpy.testing")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.stem)
def test_networks_import_torch_python_and_one_another_only(path):
    for name in imported(path):
        known = name.split(".")[0] in ("torch", *sys.stdlib_module_names)
        assert known or name.startswith("archbook.networks")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_the_library_does_not_import_networks_or_notebooks(path):
    names = list(imported(path))
    assert not any(name.startswith("archbook.networks") for name in names)
    assert not any("notebook" in name.split(".")[0] for name in names)


def test_import_is_light():
    code = f"import archbook, sys; print([m for m in {HEAVY} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stdout.strip() == "[]", out.stdout + out.stderr


@pytest.mark.parametrize("path", [*MODULES, *NETWORKS], ids=lambda p: p.stem)
def test_public_names_have_docstrings(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert path.stem == "__init__" or ast.get_docstring(tree)
    for node in tree.body:
        public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_"
        assert not public or ast.get_docstring(node), f"{path.name}: {node.name}"


def test_the_package_offers_create_and_list_networks():
    assert archbook.__all__ == ["create", "list_networks"]
    assert "pretrained" in inspect.signature(archbook.create).parameters
