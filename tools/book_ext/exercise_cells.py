"""Sphinx extension: shows a notebook's exercise cells as exercise and solution boxes.

In JupyterLab and Colab an exercise is plain Markdown with <details> for hint and
solution (archbook/exercises.py reads that format). For the website the same cells
become directives of sphinx-exercise and a dropdown of sphinx-design, before MyST
reads them.
The number of cells stays the same, so warnings still point at the right cell.
"""

import json

from docutils import nodes
from sphinx.util import logging
from sphinx_exercise.nodes import exercise_node, solution_node

from archbook.exercises import difficulty_line, exercises_in

STATEMENT = """\
### Exercise {number} · {title}

:::::::{{exercise}} {line}
:label: {id}
:nonumber:

{statement}

::::::{{dropdown}} Hint
{hint}
::::::
:::::::
"""

SOLUTION = """\
:::::::{{solution}} {id}
:class: dropdown

{answer}
:::::::
"""


def show_exercises(app, docname, source):
    """Rewrite a notebook's source (the one string in `source`) in place."""
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    try:
        exercises = exercises_in(notebook, docname)
    except ValueError as error:
        logging.getLogger(__name__).warning(str(error), location=docname)
        return
    cells = notebook["cells"]
    for exercise in exercises:
        fields = vars(exercise) | {
            "line": difficulty_line(
                exercise.difficulty, exercise.points, exercise.minutes
            )
        }
        cells[exercise.cell]["source"] = STATEMENT.format(**fields)
        cells[exercise.cell + 3]["source"] = SOLUTION.format(**fields)
    source[0] = json.dumps(notebook)


def name_contents(app, document):
    """Give the text of each box an id of its own; sphinx-exercise repeats one id."""
    for box in document.findall(nodes.Admonition):
        if isinstance(box, (exercise_node, solution_node)):
            box[1]["ids"] = [f"{box['label']}-text"]


def setup(app):
    app.connect("source-read", show_exercises)
    app.connect("doctree-read", name_contents)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
