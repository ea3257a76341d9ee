"""Drawings of tensors: what goes into an operation and what comes out, to scale."""

from dataclasses import dataclass

import torch

from archbook.figures import INK, Figure, box, line, text, text_width

COLORS = ("#e69f00", "#3a9bdc", "#1fa37a", "#d5633c", "#cc79a7", "#8f8f8f")  # Okabe and Ito
HIGH, LONG = 64, 110  # pixels of the largest height and of the largest channel number
SLANT = 0.45  # depth of a drawn box in units of its height
GAP, LANE = 20, 34


@dataclass
class _Drawn:
    """A tensor of the drawing: its name and its pieces, end to end along the channels."""

    name: str
    pieces: list

    @property
    def label(self):
        _, height, width = self.pieces[0].shape
        return f"{self.name} ({sum(p.shape[0] for p in self.pieces)}, {height}, {width})"


def draw_tensors(operation, inputs, outputs, alt) -> Figure:
    """Draw tensors, an operation on them and its results, from left to right.

    Each tensor is a box to one scale: its length is the number of channels, its height
    and depth are those of the image. A tensor that occurs twice has one colour.

    Args:
        operation: what is written between them: "+", "×", or a name such as "copy";
            "" draws a mere branch of the line.
        inputs, outputs: pairs (name, tensor); a tensor is (C, H, W), or a list of such
            tensors that lie one behind the other, as concatenation puts them.
        alt: what the figure shows, in a sentence.

    Raises:
        ValueError: nothing to draw, a tensor that has not three dimensions, or more
            tensors than colours.
    """
    left, right = [_as_drawn(side) for side in (inputs, outputs)]
    pieces = [piece for drawn in left + right for piece in drawn.pieces]
    colors = dict(zip(dict.fromkeys(map(id, pieces)), COLORS))
    if len(set(map(id, pieces))) > len(COLORS):
        raise ValueError(f"{len(set(map(id, pieces)))} tensors; expected at most {len(COLORS)}")
    high = HIGH / max(p.shape[1] for p in pieces)
    long = LONG / max(sum(p.shape[0] for p in d.pieces) for d in left + right)
    scale = (long, high)

    widths = [max(_width(d, scale) for d in side) for side in (left, right)]
    tall = max(sum(_height(d, scale) for d in side) for side in (left, right))
    level = tall / 2 - 9  # the middle of the boxes, their labels not counted
    half = 15 if len(operation) == 1 else 24
    middle = 14 + widths[0] + LANE + half
    start = middle + half + LANE
    body = _operation(operation, middle, level)
    for drawn, y in _stacked(left, scale, tall):
        shape, edge = _tensor(drawn, 14, y, scale, colors)
        lane = 14 + widths[0] + LANE / 2
        way = [(edge, y), (lane, y), (lane, level), (middle - half, level)]
        body += shape + line(way, arrow=bool(operation))
    for drawn, y in _stacked(right, scale, tall):
        shape, _ = _tensor(drawn, start, y, scale, colors)
        lane = middle + half + LANE / 3
        way = [(middle + half, level), (lane, level), (lane, y), (start - 3, y)]
        body += shape + line(way, arrow=True)
    width = start + widths[1] + 14
    return Figure(body, width, tall, alt, min_width=min(round(width), 340))


def _as_drawn(side):
    """Pairs of name and tensor as a checked list."""
    if not side:
        raise ValueError("no tensors to draw; expected at least one on each side")
    drawn = [_Drawn(n, list(t) if isinstance(t, (list, tuple)) else [t]) for n, t in side]
    for one in drawn:
        for piece in one.pieces:
            if not isinstance(piece, torch.Tensor) or piece.ndim != 3:
                shape = tuple(getattr(piece, "shape", ())) or repr(piece)
                raise ValueError(f"{one.name} is {shape}; expected a tensor (C, H, W)")
    return drawn


def _size(drawn, scale):
    """Length, height and depth of a tensor's box in pixels."""
    long, high = scale
    length = sum(max(p.shape[0] * long, 3) for p in drawn.pieces)
    height = max(drawn.pieces[0].shape[1] * high, 3)
    return length, height, max(drawn.pieces[0].shape[2] * high, 3) * SLANT


def _width(drawn, scale):
    length, _, depth = _size(drawn, scale)
    return max(length + depth, text_width(drawn.label))


def _height(drawn, scale):
    _, height, depth = _size(drawn, scale)
    return height + depth + 18 + GAP


def _stacked(side, scale, tall):
    """(tensor, height of its middle), one below the other, the stack centred."""
    y = (tall - sum(_height(d, scale) for d in side)) / 2
    for drawn in side:
        yield drawn, y + GAP / 2 + (_height(drawn, scale) - GAP - 18) / 2
        y += _height(drawn, scale)


def _tensor(drawn, x, middle, scale, colors):
    """A tensor's box and label, and where its right side is at half its height."""
    _, height, depth = _size(drawn, scale)
    top = middle - (height - depth) / 2  # of the front face
    body = text(x, middle + (height + depth) / 2 + 15, drawn.label, anchor="start")
    for piece in drawn.pieces:
        length = max(piece.shape[0] * scale[0], 3)
        look = f'fill="{colors[id(piece)]}" stroke="currentColor" stroke-width="0.8"'
        body += (
            f'<rect x="{x:.1f}" y="{top:.1f}" width="{length:.1f}" height="{height:.1f}" {look}/>'
            + _face([(x, top), (x + depth, top - depth), (x + length + depth, top - depth),
                     (x + length, top)], look, 0.7)
        )
        x += length
    side = [(x, top), (x + depth, top - depth), (x + depth, top - depth + height),
            (x, top + height)]  # fmt: skip
    return body + _face(side, look, 0.5), x + depth + 3


def _face(points, look, opacity):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{path}" {look} fill-opacity="{opacity}"/>'


def _operation(name, x, y):
    """The sign of an operation: a circle for one character, a box for a word."""
    if len(name) == 1:
        circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="15" fill="#ffffff" stroke="#5b6470"/>'
        return circle + text(x, y + 6, name, size=19, ink=INK, weight="bold")
    if not name:
        return line([(x - 24, y), (x + 24, y)])
    return box(x - 24, y - 14, 48, 28, "other") + text(x, y + 4.5, name, size=12, ink=INK)
