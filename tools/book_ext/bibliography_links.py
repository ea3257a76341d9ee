"""Sphinx extension: plain Markdown can link to an entry of bibliography or glossary.

Notebooks cite with ordinary links, `[LeCun et al. (1998)](../book/references.md#KEY)` and
`[stride](../book/glossary.md#term-stride)`, because JupyterLab and Colab do not know the
roles for it. MyST resolves such a link among the page's headings; here it learns the keys
of the bibliography and the terms of the glossary, too.
"""


def add_keys(app, env):
    """Enter the citation keys among the link targets of the pages that list them."""
    for citation in env.get_domain("cite").citations:
        page = env.metadata[citation.bibliography_key.docname]
        targets = page.setdefault("myst_slugs", {})
        targets[citation.key] = (0, citation.citation_id, citation.key)


def add_terms(app, env):
    """Enter the glossary's terms among the link targets of the glossary's page."""
    for (kind, name), (docname, label) in env.get_domain("std").objects.items():
        if kind == "term":
            env.metadata[docname].setdefault("myst_slugs", {})[label] = (0, label, name)


def mend_roles(app, pagename, templatename, context, doctree):
    """Give entries the role that their list asks for; docutils' own is deprecated."""
    if "body" in context:
        context["body"] = context["body"].replace(
            'role="doc-biblioentry"', 'role="listitem"'
        )


def setup(app):
    # After the bibliography's own handler, which makes the list of citations.
    app.connect("env-updated", add_keys, priority=900)
    app.connect("env-updated", add_terms)
    app.connect("html-page-context", mend_roles)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
