"""The website in a browser: nothing broken, nothing from outside, readable everywhere."""

import functools
import http.server
import json
import threading

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from conftest import NOTEBOOKS, ROOT
from playwright.sync_api import Error, sync_playwright
from tools.colab_cell import repository_address
from tools.setup_system import system_chromium

SITE = ROOT / "_build" / "html"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]
SECTIONS = [f"notebooks/{path.stem}" for path in NOTEBOOKS]
pytestmark = pytest.mark.browser


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def base():
    assert (SITE / "index.html").exists(), "no website: run `make book` first"
    handler = functools.partial(Quiet, directory=SITE)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        try:
            path = system_chromium()
            found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error:
            pytest.fail("no Chromium: run `.venv/bin/python -m playwright install chromium`")
        yield found
        found.close()


@pytest.fixture
def visit(browser, base):
    """Open a page in a fresh context; its `said` and `outside` lists must stay empty."""
    contexts = []

    def open_page(name, width=1280, theme="light"):
        phone = width < 600
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme,
            is_mobile=phone, has_touch=phone,
        )
        contexts.append(context)
        page = context.new_page()
        page.said, page.outside = [], []
        page.on("console", lambda m: page.said.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on(
            "request",
            lambda r: page.outside.append(r.url)
            if r.url.startswith("http") and not r.url.startswith(base) else None,
        )
        page.goto(f"{base}{name}.html", wait_until="load")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_page_loads_clean_and_fits(visit, name, width, theme):
    page = visit(name, width, theme)
    page.wait_for_timeout(500)
    assert page.said == [] and page.outside == []
    assert page.locator("article h1").count() == 1
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) <= 0
    bare = "[...document.images].filter(i => !i.alt || /\\.(png|svg|jpe?g)$/.test(i.alt)).length"
    assert page.evaluate(bare) == 0


def test_every_notebook_is_in_the_table_of_contents():
    assert [name for name in PAGES if name.startswith("notebooks/")] == SECTIONS


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("name", [*PAGES, "search"])
def test_page_is_accessible(visit, name, width, theme):
    page = visit(name, width, theme)
    found = Axe().run(page).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("critical", "serious")] == []


@pytest.mark.parametrize("name", SECTIONS)
def test_section_shows_math_figures_and_downloads(visit, name):
    page = visit(name)
    cells = json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    if any(c["cell_type"] == "markdown" and "$" in "".join(c["source"]) for c in cells):
        page.wait_for_selector("mjx-container", state="attached")
    outputs = [json.dumps(o) for c in cells for o in c.get("outputs", [])]
    figures = sum("archbook-figure" in output for output in outputs)
    assert page.locator(".archbook-figure svg[role]").count() == figures > 0
    assert page.locator(".archbook-figure svg text").count() >= figures
    for raw in (":::", "<details>", "{cite", "{exercise}", "raise NotImplementedError("):
        assert raw not in page.locator("article").inner_text()
    download = page.locator(f"a[href$='_sources/{name}.ipynb']").first
    link = download.evaluate("a => a.href")
    assert page.request.get(link).body() == (ROOT / f"{name}.ipynb").read_bytes()
    colab = repository_address().replace("https://github.com", "/github") + "/blob/main/"
    assert page.locator(f"a[href*='colab.research.google.com{colab}{name}.ipynb']").count()
    assert page.locator("a[href*='mybinder.org']").count()


@pytest.mark.parametrize("name", SECTIONS)
def test_solution_is_folded_until_it_is_opened(visit, name):
    page = visit(name)
    solution = page.locator("div.solution").first
    code = solution.locator("pre").first
    assert not code.is_visible()
    solution.scroll_into_view_if_needed()
    solution.locator("button, summary, .admonition-title").first.click()
    code.wait_for(state="visible")


@pytest.mark.parametrize("name", SECTIONS)
def test_figures_follow_the_dark_theme(visit, name):
    page = visit(name, theme="dark")
    colour = page.locator(".archbook-figure svg").first.evaluate(
        "e => getComputedStyle(e).color.match(/[0-9.]+/g).slice(0, 3).map(Number)"
    )
    assert min(colour) > 120, "text in figures is dark on a dark page"


def test_search_finds_degradation(visit):
    page = visit("search")
    page.goto(page.url + "?q=degradation")
    page.wait_for_selector("#search-results li a")
    links = page.locator("#search-results li a").evaluate_all("a => a.map(x => x.href)")
    assert any("15_resnet" in link for link in links)


def test_the_front_page_is_the_index(visit):
    page = visit("index")
    page.wait_for_url("**/book/index.html")
    assert page.locator("article img, article svg").count() >= 1


def test_the_published_networks_can_be_explored(visit):
    page = visit("notebooks/24_comparison")
    figure = page.locator(".archbook-figure:has(fieldset)").first
    alexnet = figure.locator("a[aria-label^='alexnet']")
    place = "e => e.getBoundingClientRect().x"
    by_parameters = alexnet.locator(".mark").evaluate(place)
    figure.get_by_role("radio", name="activations").check()
    by_activations = alexnet.locator(".mark").evaluate(place)
    assert by_activations < by_parameters - 100  # most parameters of all, fewest activations
    labels = figure.locator(".axis > text").filter(has_text="(")
    shown = [label.text_content() for label in labels.all() if label.is_visible()]
    assert shown == ["activations (millions)"]

    figure.get_by_role("checkbox", name="VGG").uncheck()
    assert not figure.locator("a[aria-label^='vgg16']").first.is_visible()
    assert not alexnet.locator(".tip").is_visible()
    alexnet.locator(".mark").hover()
    assert "56.5 %" in alexnet.locator(".tip").text_content()
    assert alexnet.locator(".tip").is_visible()
    alexnet.locator(".mark").click()
    page.wait_for_url("**/notebooks/10_alexnet.html")
    assert page.said == []


def test_a_click_sorts_the_table(visit):
    page = visit("notebooks/24_comparison")
    table = page.locator("table.sortable").first
    table.evaluate("e => e.closest('details').open = true")
    head = table.locator("th", has_text="parameters")
    column = head.evaluate("e => e.cellIndex")
    values = f"e => [...e.tBodies[0].rows].map(r => +r.cells[{column}].textContent)"
    for order in ("descending", "ascending"):
        head.click()
        page.wait_for_function("e => e.ariaSort !== null", arg=head.element_handle())
        page.wait_for_timeout(200)
        assert head.get_attribute("aria-sort") == order
        found = table.evaluate(values)
        assert found == sorted(found, reverse=order == "descending") and len(found) > 200
