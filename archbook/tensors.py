"""Drawings of tensors: what goes into an operation and what comes out, to scale."""

from dataclasses import dataclass

import torch

from archbook.figures import INK, Figure, box, line, text, text_width

COLORS = ("#e69f00", "#3a9bdc", "#1fa37a", "#d5633c", "#cc79a7", "#8f8f8f")  # Okabe and Ito
HIGH, LONG = 64, 110  # pixels of the largest height and of the largest channel number
SLANT = 0.45  # depth of a drawn box in units of its height
GAP, LANE = 20, 34
PORT = 9  # between two lines that meet the same box
DOTS = 24  # room for an ellipsis
KINDS = {"conv": "convolution", "FC": "fully connected", "concat": "concatenation"}


@dataclass
class _Drawn:
    """A tensor of the drawing: its label and its pieces, end to end along the channels."""

    name: str
    pieces: list
    with_shape: bool

    @property
    def tensors(self):
        return [piece for piece in self.pieces if piece is not ...]

    @property
    def label(self):
        if not self.with_shape:
            return self.name
        _, height, width = self.tensors[0].shape
        return f"{self.name} ({sum(p.shape[0] for p in self.tensors)}, {height}, {width})"


def draw_tensors(operation, inputs, outputs, alt, shapes=True) -> Figure:
    """Draw tensors, an operation on them and its results, from left to right.

    Each tensor is a box to one scale: its length is the number of channels, its height
    and depth are those of the image. A tensor that occurs twice has one colour.

    Args:
        operation: what is written between them: "+", "×", or a name such as "copy";
            "" draws a mere branch of the line.
        inputs, outputs: pairs (name, tensor); a tensor is (C, H, W), or a list of such
            tensors that lie one behind the other, as concatenation puts them. `...`
            between two pairs, or in such a list, stands for tensors that are not drawn.
        alt: what the figure shows, in a sentence.
        shapes: whether each name is followed by the tensor's shape.

    Raises:
        ValueError: nothing to draw, a tensor that has not three dimensions, or more
            tensors than colours.
    """
    left, right = [_as_drawn(side, shapes) for side in (inputs, outputs)]
    every = [drawn for drawn in left + right if drawn is not ...]
    tensors = [tensor for drawn in every for tensor in drawn.tensors]
    colors = dict(zip(dict.fromkeys(map(id, tensors)), COLORS)) | {id(...): "none"}
    if len(set(map(id, tensors))) > len(COLORS):
        raise ValueError(f"{len(set(map(id, tensors)))} tensors; expected at most {len(COLORS)}")
    high = HIGH / max(t.shape[1] for t in tensors)
    long = LONG / max(sum(t.shape[0] for t in d.tensors) for d in every)
    scale = (long, high)

    widths = [max(_width(d, scale) for d in side) for side in (left, right)]
    tall = max(sum(_height(d, scale) for d in side) for side in (left, right))
    level = tall / 2 - 9  # the middle of the boxes, their labels not counted
    half = 15 if len(operation) == 1 else 24
    middle = 14 + widths[0] + LANE + half
    start = middle + half + LANE
    ways = max(sum(drawn is not ... for drawn in side) for side in (left, right))
    body = _operation(operation, middle, level, ways)
    for (drawn, y), (port, inner) in zip(
        _stacked(left, scale, tall), _ports(left, operation, level)
    ):
        if drawn is ...:
            body += _dots(14 + widths[0] / 2, y)
            continue
        shape, edge = _tensor(drawn, 14, y, scale, colors)
        lane = middle - half - LANE * 2 / 3 + 7 * inner
        way = [(edge, y), (lane, y), (lane, port), (middle - half, port)]
        if len(operation) == 1 and abs(y - level) > 2 * half:  # from above or below
            way = [(edge, y), (middle, y), (middle, level + (half if y > level else -half))]
        body += shape + line(way, arrow=bool(operation))
    for (drawn, y), (port, inner) in zip(
        _stacked(right, scale, tall), _ports(right, operation, level)
    ):
        if drawn is ...:
            body += _dots(start + widths[1] / 2, y)
            continue
        shape, _ = _tensor(drawn, start, y, scale, colors)
        lane = middle + half + LANE * 2 / 3 - 7 * inner
        way = [(middle + half, port), (lane, port), (lane, y), (start, y)]
        body += shape + line(way, arrow=True)
    width = start + widths[1] + 14
    return Figure(body, width, tall, alt, min_width=min(round(width), 340))


def _ports(side, operation, level):
    """For each tensor: at which height its line meets the operation, and how far outside.

    Lines that meet a box stay apart, so that each can be followed; the outer a line, the
    nearer to the box it turns, so that none crosses another.
    """
    tensors = [drawn for drawn in side if drawn is not ...]
    gap = PORT if len(operation) > 1 else 0
    places = iter([place - (len(tensors) - 1) / 2 for place in range(len(tensors))])
    for drawn in side:
        place = 0 if drawn is ... else next(places)
        yield level + gap * place, int(abs(place))


def _as_drawn(side, shapes):
    """Pairs of name and tensor as a checked list; `...` stays as it is."""
    drawn = []
    for pair in side:
        if pair is ...:
            drawn.append(...)
            continue
        name, pieces = pair
        pieces = list(pieces) if isinstance(pieces, (list, tuple)) else [pieces]
        drawn.append(_Drawn(name, pieces, shapes))
    named = [one for one in drawn if one is not ...]
    if not named or not all(one.tensors for one in named):
        raise ValueError("no tensors to draw; expected at least one on each side")
    for one in named:
        for piece in one.tensors:
            if not isinstance(piece, torch.Tensor) or piece.ndim != 3:
                shape = tuple(getattr(piece, "shape", ())) or repr(piece)
                raise ValueError(f"{one.name} is {shape}; expected a tensor (C, H, W)")
    return drawn


def _length(piece, scale):
    return DOTS if piece is ... else max(piece.shape[0] * scale[0], 3)


def _size(drawn, scale):
    """Length, height and depth of a tensor's box in pixels."""
    _, height, width = drawn.tensors[0].shape
    length = sum(_length(piece, scale) for piece in drawn.pieces)
    return length, max(height * scale[1], 3), max(width * scale[1], 3) * SLANT


def _width(drawn, scale):
    if drawn is ...:
        return 0
    length, _, depth = _size(drawn, scale)
    return max(length + depth, text_width(drawn.label))


def _height(drawn, scale):
    if drawn is ...:
        return DOTS
    _, height, depth = _size(drawn, scale)
    return height + depth + 18 + GAP


def _stacked(side, scale, tall):
    """(tensor, height of its middle), one below the other, the stack centred."""
    y = (tall - sum(_height(d, scale) for d in side)) / 2
    for drawn in side:
        height = _height(drawn, scale)
        yield drawn, y + (height if drawn is ... else height - 18) / 2
        y += height


def _tensor(drawn, x, middle, scale, colors):
    """A tensor's box and label, and where its right side is at half its height."""
    _, height, depth = _size(drawn, scale)
    top = middle - (height - depth) / 2  # of the front face
    body = text(x, middle + (height + depth) / 2 + 15, drawn.label, anchor="start")
    for piece in drawn.pieces:
        length = _length(piece, scale)
        look = f'fill="{colors[id(piece)]}" stroke="currentColor" stroke-width="0.8"'
        body += (
            f'<rect x="{x:.1f}" y="{top:.1f}" width="{length:.1f}" height="{height:.1f}" {look}/>'
            + _face([(x, top), (x + depth, top - depth), (x + length + depth, top - depth),
                     (x + length, top)], look, 0.7)
        )
        if piece is ...:
            body += text(x + length / 2, top + height / 2, "…", size=16)
        x += length
    side = [(x, top), (x + depth, top - depth), (x + depth, top - depth + height),
            (x, top + height)]  # fmt: skip
    # The lower edge of a side that is deeper than high lies above the middle at its end.
    return body + _face(side, look, 0.5), x + min(depth, (height + depth) / 2)


def _dots(x, y):
    """Three dots, one below the other."""
    return "".join(
        f'<circle cx="{x:.1f}" cy="{y + step:.1f}" r="1.8"/>' for step in (-7, 0, 7)
    )


def _face(points, look, opacity):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{path}" {look} fill-opacity="{opacity}"/>'


def _operation(name, x, y, ways):
    """The sign of an operation: a circle for one character, a box for a word."""
    if len(name) == 1:
        circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="15" fill="#ffffff" stroke="#5b6470"/>'
        return circle + text(x, y + 6, name, size=19, ink=INK, weight="bold")
    if not name:
        return line([(x - 24, y), (x + 24, y)])
    high = max(28, PORT * (ways + 1))
    sign = box(x - 24, y - high / 2, 48, high, KINDS.get(name, "other"))
    return sign + text(x, y + 4.5, name, size=12, ink=INK)
