"""An interactive scatter plot without scripts: HTML, SVG and CSS do all the work."""

import math
import zlib
from html import escape

from archbook.figures import FONT, text

COLORS = ("#e69f00", "#3a9bdc", "#1fa37a", "#d5633c", "#cc79a7", "#8f8f8f")
SHAPES = (
    '<circle r="5.5"/>', '<rect x="-5" y="-5" width="10" height="10"/>',
    '<path d="M0-7 6.5 5h-13z"/>',
)
WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 58, 706, 60, 384  # of the plot, inside the drawing

FIXED = """
fieldset{border:0;margin:0;padding:.2rem 0;min-width:0;font-size:.85rem}
legend{font-size:.85rem;font-weight:600;margin:0;padding:0;width:auto;float:none}
label{display:inline-flex;align-items:center;gap:.25rem;margin:.15rem .8rem .15rem 0}
input{margin:0;width:1rem;height:1rem}
label svg{min-width:0}
.plot{overflow-x:auto}
.plot svg{width:100%;min-width:560px;max-width:720px;height:auto}
.tip,.axis{display:none}
.plot a:is(:hover,:focus) .tip{display:inline}
.plot a:is(:hover,:focus) .mark{stroke:currentColor;stroke-width:2.5}
.plot svg:has(a:is(:hover,:focus)) .ask{display:none}
"""


class Explorer:
    """Points over a logarithmic axis that the reader chooses, by kind, with links.

    Buttons choose the axis, boxes show and hide a kind; the point under the pointer says
    its name above the plot, and a click follows its link. All of this is a file without
    scripts, so it works on a website, in a notebook and from a disk.

    Args:
        table: pandas.DataFrame with one row a point.
        costs: column → label of the axes to choose from; positive numbers or NaN.
        gain: column of the vertical axis and its label, a pair.
        kind: column that colours and filters the points.
        tip: function from a row (named tuple) to two lines of text.
        link: function from a row to an address.
        hollow: column of booleans (these points are drawn as outlines) and its label.
        fronts: for each cost the positions of the rows that a line joins.
        alt: what a reader who cannot see the figure needs to know.
    """

    def __init__(self, table, costs, gain, kind, tip, link, hollow, fronts, alt):
        if not alt.strip():
            raise ValueError("alt is empty; expected a sentence that describes the figure")
        if missing := {*costs, gain[0], kind, hollow[0]} - set(table.columns):
            raise ValueError(f"no columns {sorted(missing)}; there are {list(table)}")
        for cost in costs:
            if not table[cost].max() > 0 or (table[cost] <= 0).any():
                raise ValueError(f"column {cost!r} needs positive numbers for its log axis")
        self.table, self.costs, self.gain, self.kind = table, costs, gain, kind
        self.tip, self.link, self.hollow, self.fronts = tip, link, hollow, fronts
        self.alt = alt
        self.kinds = list(dict.fromkeys(table[kind]))
        self.spans = {cost: _span(table[cost]) for cost in costs}
        low, high = table[gain[0]].min(), table[gain[0]].max()
        self.low, self.high = 2 * math.floor(low / 2), 2 * math.ceil(high / 2)

    def __repr__(self):
        return f"<figure: {self.alt}>"

    def _repr_html_(self):
        body = "".join([
            *self._rows(), *self._axes(), *self._lines(), *self._points(),
        ])
        own = f"e{zlib.crc32((self.alt + body).encode()):x}"  # differs between figures
        return (
            f'<div class="archbook-figure" id="{own}" role="group"'
            f' aria-label="interactive figure"><style>{self._css(own)}</style>'
            f"{self._controls(own)}"
            f'<div class="plot" tabindex="0" role="group" aria-label="plot">'
            f'<svg xmlns="http://www.w3.org/2000/svg" role="group"'
            f' aria-label="{escape(self.alt)}" viewBox="0 0 {WIDTH} {HEIGHT}"'
            f' font-family="{FONT}" fill="currentColor">{body}</svg></div></div>'
        )

    def _controls(self, own):
        """One radio button an axis, one checkbox a kind."""
        axes = "".join(
            f'<label><input type="radio" name="{own}-axis" class="x{i}"'
            f'{" checked" if i == 0 else ""}> {escape(label)}</label> '
            for i, label in enumerate(self.costs.values())
        )
        kinds = "".join(
            f'<label><input type="checkbox" class="k{i}" checked>'
            f' <svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true"'
            f' {_paint(i, False)}>{_shape(i)}</svg>'
            f" {escape(str(kind))}</label> "
            for i, kind in enumerate(self.kinds)
        )
        hollow = (
            '<label><input type="checkbox" class="hollow" checked>'
            ' <svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true"'
            ' fill="none" stroke="currentColor" stroke-width="2">'
            f'{SHAPES[0]}</svg> {escape(self.hollow[1])}</label>'
        )
        return (
            f'<fieldset><legend>Horizontal axis</legend>{axes}</fieldset>'
            f'<fieldset><legend>Shown</legend>{kinds}{hollow}</fieldset>'
        )

    def _css(self, own):
        """What the buttons and boxes do."""
        rules = [FIXED]
        for i in range(len(self.costs)):
            chosen = f"&:has(input.x{i}:checked)"
            rules.append(f"{chosen} .axis.x{i}{{display:inline}}")
            rules.append(f"{chosen} .mark{{transform:translate(var(--x{i}),var(--y))}}")
        for name in [*(f"k{i}" for i in range(len(self.kinds))), "hollow"]:
            rules.append(f"&:has(input.{name}:not(:checked)) a.{name}{{display:none}}")
        return f"#{own}{{{''.join(rules)}}}"

    def _rows(self):
        """Horizontal lines with their values."""
        line, number = (2, 4) if self.high - self.low > 10 else (1, 1)  # points between two
        for value in range(self.low, self.high + 1, line):
            y = self._y(value)
            yield (
                f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
                ' stroke="currentColor" stroke-opacity=".15"/>'
            )
            if value % number == 0:
                yield text(LEFT - 8, y + 4.5, value, 13, "end")
        middle = (TOP + BOTTOM) / 2
        yield f'<g transform="rotate(-90 16 {middle})">{text(16, middle, self.gain[1])}</g>'
        yield f'<g class="ask">{text(LEFT, 22, "Point at a mark to see its name.", 13, "start")}</g>'

    def _axes(self):
        """One horizontal axis for each cost; the buttons show one of them."""
        for i, (cost, label) in enumerate(self.costs.items()):
            parts = [text((LEFT + RIGHT) / 2, HEIGHT - 14, label)]
            for value in _ticks(*self.spans[cost]):
                x = self._x(cost, value)
                parts.append(
                    f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{BOTTOM}"'
                    ' stroke="currentColor" stroke-opacity=".15"/>'
                )
                parts.append(text(x, BOTTOM + 20, f"{value:,g}", 13))
            yield f'<g class="axis x{i}">{"".join(parts)}</g>'

    def _lines(self):
        """The front of each cost, from the cheapest to the best."""
        for i, cost in enumerate(self.costs):
            rows = self.table.iloc[self.fronts[cost]]
            points = " ".join(
                f"{self._x(cost, x):.1f},{self._y(y):.1f}"
                for x, y in zip(rows[cost], rows[self.gain[0]])
            )
            yield (
                f'<polyline class="axis x{i}" points="{points}" fill="none"'
                ' stroke="currentColor" stroke-width="1.5" stroke-dasharray="5 3"/>'
            )

    def _points(self):
        """All points, each a link with its two lines of text."""
        for row in self.table.itertuples():
            i = self.kinds.index(getattr(row, self.kind))
            hollow = getattr(row, self.hollow[0])
            places = "".join(
                f"--x{j}:{self._x(cost, getattr(row, cost)):.1f}px;"
                for j, cost in enumerate(self.costs)
            )
            first, second = self.tip(row)
            yield (
                f'<a class="k{i}{" hollow" if hollow else ""}" tabindex="-1"'
                f' href="{escape(self.link(row))}" aria-label="{escape(first)}">'
                f'<g class="mark" style="{places}--y:{self._y(getattr(row, self.gain[0])):.1f}px"'
                f" {_paint(i, hollow)}>{_shape(i)}</g>"
                f'<g class="tip">{text(LEFT, 22, first, 14, "start", weight="bold")}'
                f'{text(LEFT, 42, second, 13, "start")}</g></a>'
            )

    def _x(self, cost, value):
        """Pixels from the left; what has no value stands outside the drawing."""
        if not value > 0:
            return -WIDTH
        low, high = (math.log(v) for v in self.spans[cost])
        return LEFT + (RIGHT - LEFT) * (math.log(value) - low) / (high - low)

    def _y(self, value):
        return BOTTOM - (BOTTOM - TOP) * (value - self.low) / (self.high - self.low)


def _span(values):
    """Limits of an axis: a little room on both sides."""
    return values.min() / 1.25, values.max() * 1.25


def _ticks(low, high):
    """1, 2 and 5 times powers of ten; only 1 if there is room for no more."""
    steps = (1, 2, 5) if high / low < 2_000 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [s * 10.0**p for p in powers for s in steps if low <= s * 10.0**p <= high]


def _shape(i):
    return SHAPES[i // len(COLORS) % len(SHAPES)]


def _paint(i, hollow):
    """Fill and outline of a kind's marks."""
    color = COLORS[i % len(COLORS)]
    if hollow:
        return f'fill="none" stroke="{color}" stroke-width="2"'
    return f'fill="{color}" fill-opacity=".85" stroke="none"'
