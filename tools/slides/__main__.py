"""Write a slide deck for each section: _slides/NN_name.html.

usage: python -m tools.slides [NUMBER ...]

A heading starts a slide, each further text cell one below it. Slides show headings, first
sentences, lists, formulas, figures, tables, and the code that builds networks; all of a cell's
text stands in the speaker's notes (key S). What is shown follows from the cells' tags:

- `export`: code and output; `hide-input`: output alone; other code: a picture or table alone, or,
  if it is short, code and output;
- `exercise`: the task; its starter, check and solution are left out, as are `colab` cells, imports
  and checks without output;
- `slide-skip` leaves a cell out, `slide-code` shows its code.

The decks need no other host: serve the folder with python -m http.server, or open a file.
"""

import ast
import re
import shutil
import sys
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbformat.v4 import new_markdown_cell, new_notebook
from traitlets.config import Config

ROOT = Path(__file__).parent.parent.parent
OUT = ROOT / "_slides"
HERE = Path(__file__).parent
SHORT = 8  # lines of code that a slide shows beside its output
ROOM = 28  # lines on a slide
HEADING = re.compile(r"^(#{1,3}) .+$", re.MULTILINE)
SENTENCE = re.compile(r"(?<=[.!?:])\s+(?=[A-Z*`$(\[])")
BLOCK = re.compile(r"^(?:[-*|]|\d+\.|\$\$)")  # a list, a table or a formula
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]+\)")


def deck(notebook):
    """The cells of a deck, each with its slide type."""
    cells = []
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if "slide-skip" in tags or tags & {"exercise-starter", "exercise-check", "exercise-solution"}:
            continue
        cells += text_cells(cell, tags) if cell.cell_type == "markdown" else code_cells(cell, tags)
    return spread(cells)


def spread(cells):
    """Start a slide below where a code cell would not fit any more."""
    used = 0
    for cell in cells:
        kind = cell.metadata.slideshow.slide_type
        if kind == "notes":
            continue
        lines = height(cell)
        if kind != "-":
            used = lines
        elif used + lines > ROOM and used > 0:
            typed(cell, "subslide")
            used = lines
        else:
            used += lines
    return cells


def height(cell):
    """Estimated lines of a cell on a slide."""
    if cell.cell_type == "markdown":
        return sum(1 + len(line) // 90 for line in cell.source.splitlines())
    shown = not cell.metadata.get("transient")
    lines = len(cell.source.splitlines()) + 2 if shown else 0
    for output in cell.outputs:
        html = "".join(output.get("data", {}).get("text/html", ""))
        text = output.get("text", "") or output.get("data", {}).get("text/plain", "")
        lines += max(1.5 * html.count("<tr"), 14 * html.count("<svg")) or len(text.splitlines())
    return lines


def text_cells(cell, tags):
    """A cell's headings and their texts as slides, condensed, with the text as notes."""
    text = LINK.sub(r"\1", cell.source)
    if "exercise" in tags:
        task = text.split("<details>")[0]
        return [typed(new_markdown_cell(task), "subslide")]
    found, starts = [], [m.start() for m in HEADING.finditer(text)]
    if not starts or starts[0] > 0:
        starts = [0, *starts]
    for start, end in zip(starts, [*starts[1:], None]):
        part = text[start:end].strip()
        heading = HEADING.match(part)
        body = part[heading.end():].strip() if heading else part
        level = len(heading[1]) if heading else 3
        shown = [heading[0]] if heading else []
        slide = new_markdown_cell("\n\n".join([*shown, *condensed(body)]))
        found.append(typed(slide, "slide" if level < 3 else "subslide"))
        if body:
            found.append(typed(new_markdown_cell(body), "notes"))
    return found


def condensed(body):
    """Lists, tables and formulas whole; of the other paragraphs the first sentence of each."""
    kept, formula = [], False
    for paragraph in re.split(r"\n\s*\n", body):
        opens = paragraph.count("$$") % 2 == 1
        if formula or opens or BLOCK.match(paragraph) or paragraph.startswith("**The one fact"):
            kept.append(paragraph)
        elif paragraph:
            kept.append(SENTENCE.split(paragraph.strip())[0])
        formula ^= opens
    return kept


def code_cells(cell, tags):
    """A code cell as it is shown, or nothing."""
    if "colab" in tags or not tags & {"export", "slide-code"} and not cell.outputs:
        return []
    tree = ast.parse(cell.source)
    if all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in tree.body):
        return []
    picture = any("text/html" in output.get("data", {}) for output in cell.outputs)
    hidden = "hide-input" in tags or picture or len(cell.source.splitlines()) > SHORT
    if hidden and not tags & {"export", "slide-code"}:
        cell.metadata["transient"] = {"remove_source": True}
    return [typed(cell, "-")]


def typed(cell, kind):
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


def exporter():
    """nbconvert's slides with the book's template, reveal.js and MathJax from this folder."""
    c = Config()
    c.SlidesExporter.extra_template_basedirs = [str(HERE)]
    c.SlidesExporter.template_name = "template"
    c.SlidesExporter.reveal_url_prefix = "vendor/reveal"
    c.SlidesExporter.reveal_theme = "book"
    c.SlidesExporter.mathjax_url = "vendor/mathjax/tex-mml-chtml.js"
    return SlidesExporter(config=c)


def main(chosen, out=OUT):
    paths = {p.stem[:2]: p for p in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    if unknown := set(chosen) - set(paths):
        raise SystemExit(f"no section {sorted(unknown)}; there are {', '.join(paths)}")
    shutil.copytree(HERE / "vendor" / "reveal", out / "vendor" / "reveal", dirs_exist_ok=True)
    theme = out / "vendor" / "reveal" / "dist" / "theme"
    theme.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "theme.css", theme / "book.css")
    mathjax = ROOT / "book" / "_static" / "vendor" / "mathjax"
    shutil.copytree(mathjax, out / "vendor" / "mathjax", dirs_exist_ok=True)
    export = exporter()
    for number in chosen or paths:
        notebook = nbformat.read(paths[number], as_version=4)
        slides = new_notebook(cells=deck(notebook), metadata=notebook.metadata)
        title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
        slides.metadata["title"] = title
        html, _ = export.from_notebook_node(slides)
        path = out / f"{paths[number].stem}.html"
        path.write_text(html, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
