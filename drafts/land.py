"""What changes elsewhere when sections 24 and 25 come in: links, contents, tests, imports."""
import re, shutil, subprocess
from pathlib import Path
import nbformat

def edit(path, *pairs):
    p = Path(path); s = p.read_text()
    for old, new in pairs:
        assert s.count(old) == 1, (path, old, s.count(old))
        s = s.replace(old, new)
    p.write_text(s)

def cell(path, old, new):
    nb = nbformat.read(path, 4); n = 0
    pattern = r"\s+".join(map(re.escape, old.split()))
    for c in nb.cells:
        if c.cell_type == "markdown" and re.search(pattern, c.source):
            c.source = re.sub(pattern, lambda m: new, c.source); n += 1
    assert n == 1, (path, old, n)
    nbformat.write(nb, path)

cell("notebooks/23_fixres.ipynb", "Section 24 compares all networks of the book,", "[Section 24](24_comparison.ipynb) compares all networks of the book,")
cell("notebooks/02_preview.ipynb", "The last sections of the course return to the comparison with all networks built.", "[Section 24](24_comparison.ipynb) returns to the comparison with all networks built, and [section 25](25_discussion.ipynb) asks what to make of it.")
edit("book/index.md", ("24 Comparison · 25 Discussion", "[24 Comparison](../notebooks/24_comparison.ipynb) · [25 Discussion](../notebooks/25_discussion.ipynb)"), (" Sections with a link are ready; the others\nfollow.", ""))
shutil.copy("drafts/toc.yml", "_toc.yml")
shutil.copy("drafts/test_site_with_explorer.txt", "tests/test_site.py")
edit("tests/test_site.py", ("tools.setup_browser", "tools.setup_system"))
for path in ("tools/ruler.py", "tests/test_comparison.py"):
    edit(path, ("from tools.ruler_networks import VARIANTS", "from archbook.networks.ruler import VARIANTS"))
subprocess.run(["git", "mv", "tools/ruler_networks.py", "archbook/networks/ruler.py"], check=True)
subprocess.run("cat drafts/24[abcd].txt > /tmp/24.txt; python drafts/make_notebook.py /tmp/24.txt notebooks/24_comparison.ipynb ruler; python drafts/make_notebook.py drafts/25.txt notebooks/25_discussion.ipynb; python -m tools.export", shell=True, check=True)
# The picture of the runs, on the front page and in the README.
subprocess.run("python -m tools.draw_front", shell=True, check=True)
edit("README.md", ("![LeNet-5 as a chain of layers and a ResNet block with its shortcut](book/_static/front.svg)", "![LeNet-5 as a chain of layers and a ResNet block with its shortcut](book/_static/front.svg)\n\n![All networks of the book with one recipe and nearly equal processor time: test accuracy of every run](book/_static/ruler.svg)"))
edit("book/index.md", ("## What you can rely on", "All networks with one recipe, at three budgets of processor time, five runs each ([section 24](../notebooks/24_comparison.ipynb)):\n\n<div class=\"archbook-figure\" tabindex=\"0\" role=\"group\" aria-label=\"figure\">\n\n```{raw} html\n:file: _static/ruler.svg\n```\n\n</div>\n\n## What you can rely on"))
edit("book/_static/book.css", ("#front {", "#front,\n#ruler {"))
edit("tests/test_drawing.py", ('    front = (draw_front.STATIC / "front.svg").read_text(encoding="utf-8")\n    assert front == draw_front.front() + "\\n"\n', '    for name, draw in (("front", draw_front.front), ("ruler", draw_front.ruler)):\n        stored = (draw_front.STATIC / f"{name}.svg").read_text(encoding="utf-8")\n        assert stored == draw() + "\\n"\n'))

# Section 02 ends with the comparison, too.
nb = nbformat.read("notebooks/02_preview.ipynb", 4)
[imports] = [c for c in nb.cells if c.cell_type == "code" and "import pandas as pd" in c.source]
for old, new in (
    ("import math\n", "import math\nimport statistics\n"),
    ("from archbook.drawing import LINES, draw_networks, from_matplotlib, plot_style", "from archbook.drawing import (\n    LINES, draw_networks, from_matplotlib, plot_comparison, plot_style,\n)"),
    ("from archbook.published import published", "from archbook.published import published\nfrom archbook.results import load_results"),
):
    assert imports.source.count(old) == 1, old
    imports.source = imports.source.replace(old, new)
at = next(i for i, c in enumerate(nb.cells) if c.source.startswith("## What it changed"))
text = """## If only the network differs

None of these plots shows that. So every network of this book was trained as a small variant on Fashion-MNIST, with one recipe, nearly
the same processor time and five seeds. [Section 24](24_comparison.ipynb) says how, and how little this order has in common with the plots above."""
code = """runs = pd.DataFrame(load_results("ruler"))
runs = runs[runs["budget_cpu_s"] == 240]
largest = runs.groupby("network")["test_accuracy"].agg(list)
order = largest.map(statistics.mean).sort_values(ascending=False).index
plot_comparison(largest[order].to_dict(), "test accuracy after 240 s of one core")"""
nb.cells[at:at] = [nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell(code)]
for i, c in enumerate(nb.cells):
    c.id = f"c{i:03d}"
nbformat.write(nb, "notebooks/02_preview.ipynb")
