"""One repository address, the same everywhere, set by one command."""

import re
import shutil

import pytest
from conftest import ROOT
from tools.address import files, main
from tools.colab_cell import repository_address

HOSTS = r"https://(?:github\.com|gitlab\.com)/[\w.-]+/[\w.-]+"


def addresses(path):
    """Repository addresses in a file that belong to the book's own host and owner."""
    owner = repository_address().rsplit("/", 1)[0]
    found = re.findall(HOSTS, path.read_text(encoding="utf-8"))
    return {a.removesuffix(".git") for a in found if a.startswith(owner)}


def test_every_address_is_the_one_in_config():
    found = {path: addresses(path) for path in files()}
    assert all(a <= {repository_address()} for a in found.values())
    holding = [path.name for path, a in found.items() if a]
    assert "_config.yml" in holding and "README.md" in holding
    assert any(name.endswith(".ipynb") for name in holding)


def test_every_installation_line_names_it():
    for path in files():
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"(?:git clone |git\+)(https?://[\w./-]+)", text)
        assert set(found) <= {repository_address()}, path


def test_no_file_that_holds_it_is_forgotten():
    folders = ("*", "archbook/*", "book/*", "notebooks/*", "tools/*", "tools/*/*")
    texts = {".md", ".yml", ".toml", ".txt", ".py", ".ipynb", ".bib", ".css"}
    every = {p for folder in folders for p in ROOT.glob(folder) if p.suffix in texts}
    holding = {p for p in every if repository_address() in p.read_text(encoding="utf-8")}
    assert holding <= set(files())


@pytest.fixture
def copy(tmp_path):
    for path in files():
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


def test_one_command_sets_it_everywhere(copy):
    old, new = repository_address(), "https://github.com/someone/fork"
    main(new, copy)
    texts = [path.read_text(encoding="utf-8") for path in files(copy)]
    assert repository_address(copy) == new
    assert not any(old in text for text in texts)
    assert sum(new in text for text in texts) == sum(
        old in path.read_text(encoding="utf-8") for path in files()
    )


@pytest.mark.parametrize("url", ["", "github.com/a/b", "https://github.com/a", "https://github.com/a/b.git"])
def test_a_malformed_address_changes_nothing(url, copy):
    with pytest.raises(SystemExit, match="expected https://host/owner/name"):
        main(url, copy)
    assert repository_address(copy) == repository_address()
