"""Exercises: the checks a notebook runs, and the four cells each one is written in.

An exercise is four consecutive cells of a notebook, known by their tags:

1. ``exercise`` (Markdown): heading, difficulty line, text, folded hint.
2. ``exercise-starter`` (code): what the student completes.
3. ``exercise-check`` (code): ``with checking(id, hint=...):`` and plain asserts.
4. ``exercise-solution`` (Markdown): the folded solution.

``book/instructors.md`` shows the format; `read_exercises` is its only reader, for the
website, for the tests and for student versions alike. It needs nothing but Python.
"""

import ast
import json
import linecache
import re
import traceback
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

DIFFICULTIES = ("warm-up", "core", "project")
SETUP = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
PARTS = ("exercise", "exercise-starter", "exercise-check", "exercise-solution")

_solved = {}  # exercise id -> whether its last check passed, in this Python process


class checking:
    """Context manager around the asserts of an exercise's check cell.

    It reports instead of raising, so a notebook with open exercises still runs from
    top to bottom: ``ID: solved.`` or ``ID: not solved yet (what failed). Hint: HINT``.
    Only `Exception` is caught, so the stop button works inside a check.

    Args:
        exercise_id: the exercise's id, e.g. ``"lenet5-c3-count"``.
        hint: one sentence that helps without giving the answer away.
    """

    def __init__(self, exercise_id, hint):
        self.exercise_id = exercise_id
        self.hint = hint

    def __enter__(self):
        _solved[self.exercise_id] = False

    def __exit__(self, kind, error, trace):
        if error is None:
            _solved[self.exercise_id] = True
            print(f"{self.exercise_id}: solved.")
            return False
        if not isinstance(error, Exception):
            return False
        failure = _failure(error, trace)
        print(f"{self.exercise_id}: not solved yet ({failure}). Hint: {self.hint}")
        return True


def _failure(error, trace):
    """What failed, in words: the assert's message, or the check's own code."""
    check = traceback.extract_tb(trace)[0]  # the check cell; deeper ones are its calls
    code = _statement_at(check.filename, check.lineno)
    if not isinstance(error, AssertionError):
        said = f": {error}" if str(error) else ""
        return f"{code} raised {type(error).__name__}{said}"
    return str(error) or f"{code} does not hold"


def _statement_at(filename, line):
    """The code of the whole statement that a line of a cell belongs to, in one line."""
    source = "".join(linecache.getlines(filename))
    if not source:
        return "this check"
    statements = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt) and node.lineno <= line <= node.end_lineno
    ]
    innermost = max(statements, key=lambda node: node.lineno)
    return " ".join(ast.get_source_segment(source, innermost).split())


def progress():
    """Print how many of the exercises checked so far are solved, and which are open."""
    still_open = [name for name, solved in _solved.items() if not solved]
    solved, checked = len(_solved) - len(still_open), len(_solved)
    print(f"{solved} of {checked} checked exercises solved.")
    if still_open:
        print("Open: " + ", ".join(still_open))


@dataclass(frozen=True)
class Exercise:
    """One exercise as its notebook holds it; texts are Markdown, the rest is Python."""

    id: str
    number: int  # 1, 2, ... in the order of the notebook
    title: str
    points: int
    difficulty: str  # one of DIFFICULTIES
    minutes: int  # expected working time
    objective: int  # which of the section's objectives it serves, counted from 1
    statement: str  # text between the difficulty line and the hint
    hint: str
    starter: str
    check: str
    hidden_tests: str  # asserts for grading, absent from the check cell
    answer: str  # text of the folded solution, its code included
    solution: str  # that code alone: it takes the starter's place
    cell: int  # position of the first of the four cells

    @property
    def tests(self):
        """What a mark rests on: the asserts of the check, and the hidden ones."""
        [block] = ast.parse(self.check).body
        head = block.items[-1].context_expr.end_lineno  # the `with` may take several lines
        visible = dedent("\n".join(self.check.splitlines()[head:]))
        return f"{visible}\n{self.hidden_tests}"


def read_exercises(path):
    """Read every exercise of a notebook file, in order.

    Args:
        path: an .ipynb file.

    Returns:
        A list of `Exercise`, empty for a notebook without exercises.

    Raises:
        ValueError: an exercise is malformed; the message names notebook and cell.
    """
    path = Path(path)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return exercises_in(notebook, path.name)


def setup_code(path):
    """Source of what a notebook's exercises may use, without training and output.

    These are its imports, functions, classes and constants (numbers, texts, and tuples
    and dictionaries of them), in order. An exercise needs nothing else.
    """
    kept = []
    for cell in json.loads(Path(path).read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code" or _tags(cell) & {"colab", *PARTS}:
            continue
        source = "".join(cell["source"])
        lines = source.splitlines()
        for node in ast.parse(source).body:
            if isinstance(node, SETUP) or _is_constant(node):
                first = min([node.lineno, *(d.lineno for d in _decorators(node))])
                kept.append("\n".join(lines[first - 1 : node.end_lineno]))
    return "\n\n".join(kept) + "\n"


def _tags(cell):
    return set(cell["metadata"].get("tags", []))


def _decorators(node):
    return getattr(node, "decorator_list", [])


def _is_constant(node):
    literals = (ast.Constant, ast.Tuple, ast.Dict, ast.Load)
    return (
        isinstance(node, ast.Assign)
        and all(isinstance(target, (ast.Name, ast.Tuple)) for target in node.targets)
        and isinstance(node.value, literals)
        and all(isinstance(part, literals) for part in ast.walk(node.value))
    )


def exercises_in(notebook, name):
    """Read every exercise of a notebook given as a dict; see `read_exercises`."""
    exercises = []
    cells = notebook["cells"]
    position = 0
    while position < len(cells):
        try:
            if _part(cells[position]) is None:
                position += 1
                continue
            four = cells[position : position + 4]
            number = len(exercises) + 1
            exercise = _exercise(four, number, position)
            if exercise.id in [earlier.id for earlier in exercises]:
                raise ValueError(f"the id {exercise.id!r} is taken by an earlier one")
        except ValueError as error:
            raise ValueError(f"{name}, cell {position}: {error}") from None
        exercises.append(exercise)
        position += 4
    return exercises


def _part(cell):
    """Which of PARTS a cell is, by its tags; None for any other cell."""
    tags = cell["metadata"].get("tags", [])
    parts = [tag for tag in tags if tag.startswith("exercise")]
    if not parts:
        return None
    if len(parts) > 1 or parts[0] not in PARTS:
        raise ValueError(f"tags {parts}; expected exactly one of {list(PARTS)}")
    return parts[0]


def _exercise(four, number, position):
    """Build an Exercise from its four cells, or say what is wrong with them."""
    found = [_part(cell) for cell in four]
    if found != list(PARTS):
        raise ValueError(f"cells tagged {found}; expected {list(PARTS)}")
    statement, starter, check, solution = ("".join(cell["source"]) for cell in four)
    about, of_check, of_solution = (
        four[i]["metadata"].get("exercise", {}) for i in (0, 2, 3)
    )
    fields = _checked_metadata(about)
    for part, metadata in (("check", of_check), ("solution", of_solution)):
        if metadata.get("id") != fields["id"]:
            raise ValueError(
                f"the {part} cell names exercise {metadata.get('id')!r}; "
                f"expected {fields['id']!r}"
            )
    hidden_tests = of_check.get("hidden_tests", "")
    if not hidden_tests.strip():
        raise ValueError("the check cell's metadata holds no hidden_tests")
    _require_checking(check, fields["id"])
    answer = _folded(solution, "Solution")
    return Exercise(
        **fields,
        number=number,
        statement=_statement(statement, number, fields),
        hint=_folded(statement, "Hint"),
        starter=starter,
        check=check,
        hidden_tests=hidden_tests,
        answer=answer,
        solution=_python(answer),
        cell=position,
    )


def _checked_metadata(about):
    """The metadata of the first cell, with every value of the kind it should be."""
    expected = {"id": str, "title": str, "difficulty": str}
    expected |= {"points": int, "minutes": int, "objective": int}
    if set(about) != set(expected):
        raise ValueError(
            f"exercise metadata has {sorted(about)}; expected {sorted(expected)}"
        )
    for key, kind in expected.items():
        if type(about[key]) is not kind or (kind is int and about[key] < 1):
            wanted = "a positive whole number" if kind is int else "a string"
            raise ValueError(f"{key} is {about[key]!r}; expected {wanted}")
    if about["difficulty"] not in DIFFICULTIES:
        raise ValueError(
            f"difficulty is {about['difficulty']!r}; expected one of {DIFFICULTIES}"
        )
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", about["id"]):
        raise ValueError(f"id is {about['id']!r}; expected words-with-hyphens")
    return about


def difficulty_line(difficulty, points, minutes):
    """The line under an exercise's heading, e.g. ``core · 2 points · 1 minute``."""
    return (
        f"{difficulty} · {points} point{'s' * (points > 1)}"
        f" · {minutes} minute{'s' * (minutes > 1)}"
    )


def _statement(source, number, fields):
    """The exercise's text; heading and difficulty line must say what metadata says."""
    keys = ("difficulty", "points", "minutes")
    start = (
        f"### Exercise {number} · {fields['title']}\n\n"
        f"*{difficulty_line(*(fields[key] for key in keys))}*\n"
    )
    if not source.startswith(start):
        raise ValueError(f"the text starts {source[:len(start)]!r}; expected {start!r}")
    return source[len(start) : source.index("<details>")].strip()


def _folded(source, summary):
    """The text folded away under a summary."""
    pattern = rf"<details>\n<summary>{summary}</summary>\n\n(.*?)\n\n</details>\s*\Z"
    found = re.search(pattern, source, flags=re.DOTALL)
    if not found or not found[1].strip():
        raise ValueError(
            f"no {summary.lower()}: expected <details>, <summary>{summary}</summary>, "
            "an empty line, the text, an empty line, </details> at the end of the cell"
        )
    return found[1].strip()


def _python(answer):
    """The code of an answer's Python blocks."""
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```", answer)
    if not blocks:
        raise ValueError("the solution has no ```python block")
    return dedent("\n".join(blocks))


def _require_checking(source, exercise_id):
    """A check cell is one ``with checking("ID", hint="..."):`` and nothing else."""
    match ast.parse(source).body:
        case [
            ast.With(
                items=[
                    ast.withitem(
                        context_expr=ast.Call(
                            func=ast.Name(id="checking"),
                            args=[ast.Constant(value=given_id)],
                            keywords=[ast.keyword(arg="hint", value=ast.Constant())],
                        )
                    )
                ]
            )
        ] if given_id == exercise_id:
            return
    raise ValueError(
        f'the check is not a single with checking("{exercise_id}", hint="...") block'
    )
