"""nbgrader's course folder, made by `make assignments`, and its settings.

The folder is _course, or what the environment variable COURSE names.
"""

import os
import sys
from pathlib import Path

from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import ClearSolutions
from traitlets.config import Config

# nbgrader starts alembic, which stands beside this Python, by its name.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

ROOT = Path(__file__).parent.parent.parent
COURSE = Path(os.environ.get("COURSE", ROOT / "_course")).resolve()


# For nbgrader's own pages (formgrader): its Generate button must keep the starters, too.
NBGRADER_CONFIG = """\
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import ClearSolutions

c = get_config()
c.GenerateAssignment.preprocessors = [
    step for step in GenerateAssignment.preprocessors.default() if step is not ClearSolutions
]
"""


def by_hand(assignment):
    """Whether a person gives its points; then nobody runs it again."""
    return assignment.startswith("project_")


def config():
    """nbgrader's settings."""
    c = Config()
    c.CourseDirectory.root = str(COURSE)
    c.CourseDirectory.db_url = f"sqlite:///{COURSE / 'gradebook.db'}"
    c.NbGrader.logfile = ""
    c.GenerateAssignment.preprocessors = [  # the answer cells hold the starters already
        step for step in GenerateAssignment.preprocessors.default() if step is not ClearSolutions
    ]
    return c
