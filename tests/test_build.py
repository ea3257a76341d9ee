"""The website's build: what makes it start afresh."""

import os

import pytest

from tools import build_book


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A book that was built a minute ago."""
    monkeypatch.setattr(build_book, "ROOT", tmp_path)
    monkeypatch.setattr(build_book, "COMPLETE", tmp_path / "_build" / ".complete")
    for name in (*build_book.FOR_ALL_PAGES, "book/_static/book.css", "notebooks/x.ipynb"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (1_000_000, 1_000_000))
    build_book.COMPLETE.parent.mkdir()
    build_book.COMPLETE.touch()
    os.utime(build_book.COMPLETE, (1_000_060, 1_000_060))
    return tmp_path


def test_a_changed_notebook_alone_does_not_start_afresh(book):
    assert not build_book.must_start_afresh()
    (book / "notebooks" / "x.ipynb").write_text("changed")
    assert not build_book.must_start_afresh()


@pytest.mark.parametrize("name", ["_config.yml", "_toc.yml", "book/_static/book.css"])
def test_what_concerns_all_pages_starts_afresh(book, name):
    (book / name).write_text("changed")
    assert build_book.must_start_afresh()


def test_a_failed_build_starts_the_next_one_afresh(book, monkeypatch):
    class Failure:
        returncode = 1

    monkeypatch.setattr(build_book, "BUILD", book / "_build")
    monkeypatch.setattr(build_book.subprocess, "run", lambda command: Failure)
    with pytest.raises(SystemExit, match="not built"):
        build_book.main()
    assert build_book.must_start_afresh()
