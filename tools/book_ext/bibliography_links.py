"""Sphinx extension: plain Markdown can link to an entry of the bibliography.

Notebooks cite with ordinary links, `[LeCun et al. (1998)](../book/references.md#KEY)`,
because JupyterLab and Colab do not know citation roles. MyST resolves such a link among
the page's headings; here it learns the keys of the bibliography, too.
"""


def add_keys(app, env):
    """Enter the citation keys among the link targets of the pages that list them."""
    for citation in env.get_domain("cite").citations:
        page = env.metadata[citation.bibliography_key.docname]
        targets = page.setdefault("myst_slugs", {})
        targets[citation.key] = (0, citation.citation_id, citation.key)


def mend_roles(app, pagename, templatename, context, doctree):
    """Give entries the role that their list asks for; docutils' own is deprecated."""
    if "body" in context:
        context["body"] = context["body"].replace(
            'role="doc-biblioentry"', 'role="listitem"'
        )


def setup(app):
    # After the bibliography's own handler, which makes the list of citations.
    app.connect("env-updated", add_keys, priority=900)
    app.connect("html-page-context", mend_roles)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
