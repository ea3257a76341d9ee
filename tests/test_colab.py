"""In Colab the first cell adds the library and replaces nothing that is there."""

import importlib.util
import json
import re
import sys
import tomllib

import pytest
from conftest import NOTEBOOKS, ROOT
from packaging.requirements import Requirement
from tools.colab_cell import colab_cell, repository_address


def requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(text) for text in project["dependencies"]]


def colab():
    """Packages of Colab: name → version, as its maintainers listed them."""
    lines = (ROOT / "tests" / "colab_packages.txt").read_text().splitlines()
    return dict(line.lower().split("==") for line in lines if "==" in line)


def test_nothing_in_colab_is_replaced():
    added = []
    for requirement in requirements():
        version = colab().get(requirement.name)
        if version is None:
            added.append(requirement.name)
        else:
            assert requirement.specifier.contains(version.split("+")[0]), requirement
    assert added == ["torchinfo"]


def first_code_cell(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return next("".join(c["source"]) for c in cells if c["cell_type"] == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_notebook_begins_with_the_cell(path):
    assert first_code_cell(path) == colab_cell()


@pytest.fixture
def shell(monkeypatch):
    """An IPython whose %pip only notes what it is asked, and what is imported."""
    from IPython.core.interactiveshell import InteractiveShell

    shell, asked = InteractiveShell(), []
    shell.register_magic_function(asked.append, magic_name="pip")
    return shell, asked


def test_the_cell_installs_one_address_and_touches_no_torch(shell, monkeypatch, capsys):
    shell, asked = shell
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    before = set(sys.modules)
    shell.run_cell(colab_cell()).raise_error()
    assert asked == [f'install -q "git+{repository_address()}"']
    assert repository_address() in capsys.readouterr().out
    assert not any(m.split(".")[0] in ("torch", "torchvision") for m in set(sys.modules) - before)
    assert not re.search(r"-U|--upgrade|torch", colab_cell())


def test_the_cell_does_nothing_where_the_library_is(shell):
    shell, asked = shell
    shell.run_cell(colab_cell()).raise_error()
    assert asked == []
