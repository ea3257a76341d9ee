"""Sphinx extension: links to notebooks in a cell's HTML output lead to their pages.

MyST resolves links in Markdown; what a cell has printed as HTML it copies as it is.
"""

import re

LINK = re.compile(r'(<a [^>]*href="\d\d_\w+)\.ipynb(?=["#])')


def lead_to_pages(app, pagename, templatename, context, doctree):
    if "body" in context:
        context["body"] = LINK.sub(r"\1.html", context["body"])


def setup(app):
    app.connect("html-page-context", lead_to_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
