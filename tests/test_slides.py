"""Slide decks: one for each section, from its cells, complete without any other host."""

import re

import nbformat
import pytest
from conftest import NOTEBOOKS
from playwright.sync_api import Error, sync_playwright
from tools.setup_system import system_chromium
from tools.slides.__main__ import condensed, deck, main

MARKDOWN = """\
A first sentence. And a second one.

- a list
- stays

$$
x = 1

y = 2
$$

Words after. More."""


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decks")
    main([], folder)
    return folder


def test_of_a_text_the_essence_is_shown():
    shown = "\n\n".join(condensed(MARKDOWN))
    assert "second one" not in shown and "More" not in shown
    assert "- a list\n- stays" in shown and "y = 2\n$$" in shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_deck_has_the_lesson_and_no_solution(path, decks):
    cells = deck(nbformat.read(path, as_version=4))
    kinds = [cell.metadata.slideshow.slide_type for cell in cells]
    assert kinds[0] == "slide" and kinds.count("slide") >= 4 and "notes" in kinds
    text = "\n".join(c.source for c in cells)
    assert "### Exercise 1" in text and "<summary>" not in text and "checking(" not in text
    html = (decks / f"{path.stem}.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="https?://', re.sub(r"<a [^>]*>", "", html))


@pytest.mark.browser
def test_a_deck_runs_from_a_file(decks):
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=system_chromium(), args=["--no-sandbox"]
            )
        except Error:
            pytest.fail("no Chromium: run `.venv/bin/python -m playwright install chromium`")
        page, said, outside = browser.new_page(), [], []
        page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda r: outside.append(r.url) if r.url.startswith("http") else None)
        page.goto((decks / f"{NOTEBOOKS[0].stem}.html").as_uri())
        page.wait_for_selector("mjx-container", state="attached")
        first = page.evaluate("Reveal.getIndices().h")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("Reveal.getIndices().h") == first + 1
        assert page.evaluate("Reveal.getTotalSlides()") > 20
        assert said == [] and outside == []
        browser.close()
