"""Drawings made from a network itself: a block as a graph, a network as a strip."""

import operator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

from archbook.figures import INK, PALETTE, Figure, box, line, text, text_width
from archbook.tracing import trace

MODULE_KINDS = {
    nn.Conv2d: "convolution",
    nn.Linear: "fully connected",
    nn.MaxPool2d: "max pooling",
    nn.AvgPool2d: "average pooling",
    nn.AdaptiveAvgPool2d: "average pooling",
    nn.BatchNorm2d: "normalisation",
    nn.LocalResponseNorm: "normalisation",
    nn.ReLU: "activation",
    nn.ReLU6: "activation",
    nn.Tanh: "activation",
    nn.Sigmoid: "activation",
    nn.SiLU: "activation",
}
FUNCTION_KINDS = {
    operator.add: "addition", operator.iadd: "addition", torch.add: "addition",
    operator.mul: "multiplication", torch.mul: "multiplication",
    torch.cat: "concatenation",
    F.relu: "activation", torch.relu: "activation", torch.sigmoid: "activation",
    torch.tanh: "activation", F.max_pool2d: "max pooling", F.avg_pool2d: "average pooling",
    F.adaptive_avg_pool2d: "average pooling", F.pad: "other",
}
BADGES = {
    "BatchNorm2d": "BN", "LocalResponseNorm": "LRN", "relu": "ReLU", "sigmoid": "Sigmoid",
    "tanh": "Tanh", "ScaledTanh": "tanh", "Tanh": "tanh",
}
JOINS = {"addition": "+", "multiplication": "×"}
FOLDED = ("normalisation", "activation")


@dataclass
class Layer:
    """One box of a drawing: a layer with the norms and activations folded into it."""

    name: str
    kind: str
    label: str
    shape: tuple  # of its output, without the batch
    inputs: list = field(default_factory=list)
    before: list = field(default_factory=list)  # badges of norms and activations
    after: list = field(default_factory=list)
    traced: list = field(default_factory=list)  # names of the graph's nodes it stands for
    window: str = ""


def layers_of(model, input_size, cells=False):
    """The layers of a network as a list in the order of their calls.

    Norms and activations are folded into the layer before them, or, if that is an input,
    a concatenation or used elsewhere too (pre-activation), into the layer after them.
    What only reshapes or drops out is left out; its edges are kept. With `cells`, a module
    that has a `strip_label` is one layer of that name.

    Returns:
        A list of `Layer`; `inputs` holds the layers that feed it.

    Raises:
        ValueError: the network does not accept `input_size`.
    """
    graph = trace(model, input_size, cells)
    layers, where = [], {}  # where: graph node -> the layer that gives its tensor
    for node in graph.graph.nodes:
        if node.op in ("output", "get_attr"):
            continue
        sources = [where[n] for n in node.all_input_nodes if n in where]
        layer = _layer(graph, node, sources)
        if layer is None:
            if sources:
                where[node] = sources[0]
                sources[0].traced.append(node.name)
            continue
        where[node] = layer
        layers.append(layer)
    layers = _merge_parallel(layers)
    return _fold(layers)


def _layer(graph, node, sources):
    """A graph node as a layer of its own, or None if it changes nothing worth drawing."""
    meta = node.meta.get("tensor_meta")
    shape = tuple(meta.shape[1:]) if meta is not None else ()
    module = graph.get_submodule(node.target) if node.op == "call_module" else None
    if node.op == "placeholder":
        kind, label = "input", "input"
    elif hasattr(module, "strip_label"):
        kind, label = "cell", module.strip_label
    elif module is not None:
        kind = MODULE_KINDS.get(type(module)) or getattr(module, "draw_as_one", None)
        label = _label(module, shape, kind)
    else:
        kind = FUNCTION_KINDS.get(node.target)
        label = _function_label(node, shape)
        if kind == "multiplication" and len(node.all_input_nodes) == 1:  # by a number
            kind = "other"
            label = f"× {next(x for x in node.args if isinstance(x, (int, float))):g}"
    if kind is None or (kind == "concatenation" and len(sources) == 1):
        return None
    layer = Layer(node.name, kind, label, shape, sources, traced=[node.name])
    if isinstance(module, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
        layer.window = _window(module.kernel_size, module.stride)
    return layer


def _window(kernel, stride):
    """A window as "3×3", with "/2" if it moves by two pixels."""
    high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
    step = stride if isinstance(stride, int) else stride[0]
    return f"{high}×{wide}" + (f" /{step}" if step != 1 else "")


def _label(module, shape, kind):
    """What is written on the box of a module."""
    if isinstance(module, nn.Conv2d):
        label = f"conv {_window(module.kernel_size, module.stride)}, {shape[0]}"
        if module.groups == module.in_channels > 1:
            return f"depthwise {label}"
        return f"{label}, {module.groups} groups" if module.groups > 1 else label
    if isinstance(module, nn.Linear):
        return f"linear {module.out_features}"
    if isinstance(module, nn.AdaptiveAvgPool2d):
        whole = shape[1:] == (1, 1)
        return "global average" if whole else f"average to {shape[1]}×{shape[2]}"
    if isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
        name = "max" if kind == "max pooling" else "average"
        return f"{name} {_window(module.kernel_size, module.stride)}"
    name = type(module).__name__
    return BADGES.get(name, name)


def _function_label(node, shape):
    """What is written on the box of a function call."""
    name = getattr(node.target, "__name__", str(node.target))
    if node.target is torch.cat:
        return f"concat {shape[0]}"
    if node.target in (F.max_pool2d, F.avg_pool2d):
        arguments = dict(zip(("kernel_size", "stride"), node.args[1:])) | node.kwargs
        kernel = arguments["kernel_size"]
        stride = arguments.get("stride") or kernel
        return f"{name.split('_')[0].replace('avg', 'average')} {_window(kernel, stride)}"
    return BADGES.get(name, name)


def _merge_parallel(layers):
    """Draw equal convolutions whose outputs are only concatenated as one layer.

    The sixteen small convolutions of LeNet-5's C3 and the paths of ResNeXt become one box
    whose label says how many they are.
    """
    for join in [x for x in layers if x.kind == "concatenation"]:
        paths = join.inputs
        alike = {(p.kind, p.label, tuple(id(i) for i in p.inputs)) for p in paths}
        only_here = all(sum(p in x.inputs for x in layers) == 1 for p in paths)
        if len(alike) > 1 or not only_here or paths[0].kind != "convolution":
            continue
        first = paths[0]
        first.label = f"{len(paths)} × {first.label}"
        first.shape = join.shape
        first.traced += [n for x in (*paths[1:], join) for n in x.traced]
        gone = {id(x) for x in (*paths[1:], join)}
        layers = [x for x in layers if id(x) not in gone]
        for layer in layers:
            layer.inputs = [first if x is join else x for x in layer.inputs]
    return layers


def _fold(layers):
    """Make badges of norms and activations: backward where possible, else forward."""
    for layer in list(layers):
        if layer.kind not in FOLDED or layer not in layers:
            continue
        source = layer.inputs[0]
        users = [x for x in layers if layer in x.inputs]
        if source.kind in ("input", "concatenation", *FOLDED) or _uses(layers, source) > 1:
            target = users[0] if len(users) == 1 else None
            if target is None or target.kind in JOINS or len(target.inputs) > 1:
                continue  # stays a box of its own
            target.before = [*layer.before, layer.label, *target.before]
            target.traced += layer.traced
            target.inputs = [source]
        else:
            source.after += [*layer.before, layer.label, *layer.after]
            source.traced += layer.traced
            for user in users:
                user.inputs = [source if x is layer else x for x in user.inputs]
        layers.remove(layer)
    return layers


def _uses(layers, source):
    return sum(source in layer.inputs for layer in layers)


ROW, GAP = 34, 30  # height of a box with one line of text, space between rows
LANE = 26  # width of a column that holds only a line


def draw_block(model, input_size, title=None):
    """Draw the graph of a block: branches, joins, kernels, strides, channels.

    Time runs downwards. The longest path stands in the middle, other branches beside it
    in the order in which they are joined; an edge without layers (a shortcut) runs in a
    lane of its own. Norms and activations are written into the box of their layer.

    Args:
        input_size: (channels, height, width) of the block's input.
        title: what stands above; the module's class name if None.

    Returns:
        A `Figure`.
    """
    layers = layers_of(model, input_size)
    title = title or type(model).__name__
    return _Block(layers, title).figure()


class _Block:
    """Positions and drawing of one block."""

    def __init__(self, layers, title):
        self.layers, self.title = layers, title
        self.place_rows()
        self.place_columns()

    def place_rows(self):
        """Row of a layer: the longest path from the input."""
        self.row = {}
        for layer in self.layers:
            before = (self.row[id(x)] for x in layer.inputs)
            self.row[id(layer)] = 1 + max(before, default=-1)

    def place_columns(self):
        """The longest path gets column 0; each other chain the nearest free one."""
        last = max(self.layers, key=lambda x: self.row[id(x)])
        self.column, taken = {}, {}
        while last is not None:
            self.column[id(last)] = 0
            last = max(last.inputs, key=lambda x: self.row[id(x)], default=None)
        self.lanes = []  # (source, join, column) of edges without layers
        for join in [x for x in self.layers if self.column.get(id(x)) == 0]:
            self.place_inputs(join, taken)

    def place_inputs(self, join, taken):
        """Columns for all that is joined: outwards from the join's own, or both sides."""
        own = self.column[id(join)]
        middle = [i for i, x in enumerate(join.inputs) if self.column.get(id(x)) == own]
        middle = middle[-1] if middle else 0
        order = sorted(range(len(join.inputs)), key=lambda i: abs(i - middle))
        for i in order:
            side = -1 if i < middle and len(join.inputs) > 2 else 1
            side = side if own == 0 else own // abs(own)
            self.place_chain(join, join.inputs[i], side, taken)

    def place_chain(self, join, end, side, taken):
        """Give the chain that ends in `end`, or the bare edge, a column up to `join`."""
        chain, source = [], end
        while id(source) not in self.column:
            chain.append(source)
            source = source.inputs[0]
        first, last = self.row[id(source)], self.row[id(join)]
        direct = not chain and last == first + 1
        if direct or (not chain and self.is_free(source, join)):
            return
        column = self.column[id(join)] + side
        while any(first < r < last for r in taken.get(column, ())):
            column += side
        shared = [c for s, _, c in self.lanes if s is source and not chain]
        column = shared[0] if shared else column
        taken.setdefault(column, set()).update(range(first + 1, last))
        for layer in chain:
            self.column[id(layer)] = column
        if not chain:
            self.lanes.append((source, join, column))
        for layer in reversed(chain):  # joins inside the branch, before the next branch
            self.place_inputs(layer, taken)

    def is_free(self, source, join):
        """Whether a straight line in the source's own column meets no other box."""
        column, rows = self.column[id(source)], range(
            self.row[id(source)] + 1, self.row[id(join)]
        )
        return self.column.get(id(join)) == column and not any(
            self.column.get(id(x)) == column and self.row[id(x)] in rows
            for x in self.layers
        )

    def figure(self):
        for padding, space in ((18, 14), (10, 8), (10, 4)):
            self.measure(padding, space)
            if self.width <= 720:
                break
        edges = "".join(self.edge(x, y) for y in self.layers for x in y.inputs)
        boxes = "".join(self.draw(layer) for layer in self.layers)
        last = self.layers[-1]
        x, y = self.x[id(last)], self.y[id(last)] + self.tall[id(last)] / 2
        end = line([(x, y), (x, y + 22)], arrow=True)
        end += text(x, y + 38, "output " + "×".join(map(str, last.shape)))
        head = text(self.width / 2, 20, self.title, size=15, weight="bold")
        return Figure(
            head + edges + boxes + end, self.width, y + 50, self.describe(),
            min_width=max(min(self.width, 330), 0.75 * self.width),
        )

    def measure(self, padding, space):
        """Sizes of boxes, and the centre of each, with room in and between boxes."""
        self.wide, self.tall = {}, {}
        for layer in self.layers:
            lines = _lines(layer)
            join = layer.kind in JOINS
            self.wide[id(layer)] = 26 if join else max(map(text_width, lines)) + padding
            self.tall[id(layer)] = 26 if join else 16 * len(lines) + 12
        columns = sorted({*self.column.values(), *(c for *_, c in self.lanes)})
        width, centre, self.lane_x = 16.0, {}, {}
        for column in columns:
            inside = [x for x in self.layers if self.column[id(x)] == column]
            own = max((self.wide[id(x)] for x in inside), default=LANE - space)
            centre[column] = width + own / 2
            width += own + space
        labels = [self.title, "output " + "×".join(map(str, self.layers[-1].shape))]
        least = max(text_width(label, 15) for label in labels) + 24
        shift = max(0.0, least / 2 - centre[0])
        self.width = max(width + 2 + shift, centre[0] + shift + least / 2)
        self.x = {id(x): centre[self.column[id(x)]] + shift for x in self.layers}
        self.lane_x = {c: centre[c] + shift for c in columns}
        rows = range(max(self.row.values()) + 1)
        height, self.y = 40.0, {}
        for row in rows:
            inside = [x for x in self.layers if self.row[id(x)] == row]
            tallest = max(self.tall[id(x)] for x in inside)
            for layer in inside:
                self.y[id(layer)] = height + tallest / 2
            height += tallest + GAP

    def draw(self, layer):
        x, y, wide, tall = (d[id(layer)] for d in (self.x, self.y, self.wide, self.tall))
        if layer.kind in JOINS:
            sign = text(x, y + 6, JOINS[layer.kind], size=18, ink=INK, weight="bold")
            badge = text(x - 20, y + 5, " · ".join(layer.after), anchor="end")
            circle = (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="13" fill="#ffffff"'
                ' stroke="#5b6470" stroke-width="1.2"/>'
            )
            return circle + sign + (badge if layer.after else "")
        lines = _lines(layer)
        top = y - 8 * len(lines) + 12.5
        words = "".join(
            text(x, top + 16 * i, words, ink=INK, weight="bold" if bold else "normal")
            for i, (words, bold) in enumerate(
                (words, words == layer.label and len(lines) > 1) for words in lines
            )
        )
        return box(x - wide / 2, y - tall / 2, wide, tall, layer.kind) + words

    def edge(self, source, target):
        """A line from one box to another: down, across just above the target, down."""
        x0, y0 = self.x[id(source)], self.y[id(source)] + self.tall[id(source)] / 2
        x1, y1 = self.x[id(target)], self.y[id(target)] - self.tall[id(target)] / 2
        lanes = [c for s, t, c in self.lanes if s is source and t is target]
        if lanes:
            lane, level = self.lane_x[lanes[0]], self.y[id(target)]
            side = 1 if lane > x1 else -1
            stop = x1 + side * self.wide[id(target)] / 2
            fork = y0 + GAP / 2
            points = [(x0, y0), (x0, fork), (lane, fork), (lane, level), (stop, level)]
            return line(points, arrow=True)
        if abs(x0 - x1) < 1:
            return line([(x0, y0), (x1, y1)], arrow=True)
        # A branch leaves right below the fork, and comes back right above the join.
        leaving = len(target.inputs) == 1 and self.row[id(target)] > self.row[id(source)]
        turn = y0 + GAP / 2 if leaving else y1 - GAP / 2
        return line([(x0, y0), (x0, turn), (x1, turn), (x1, y1)], arrow=True)

    def describe(self):
        kinds = [x.label for x in self.layers if x.kind != "input"]
        joins = sum(x.kind in (*JOINS, "concatenation") for x in self.layers)
        branches = f", {joins} join{'s' * (joins > 1)}" if joins else ", one chain"
        return f"Graph of {self.title}{branches}: " + "; ".join(kinds)


def _lines(layer):
    """The lines of text in a layer's box."""
    label = layer.label
    if layer.kind == "input":
        label = "input " + "×".join(map(str, layer.shape))
    badges = [" · ".join(b) for b in (layer.before, layer.after)]
    return [words for words in (badges[0], label, badges[1]) if words]


TALLEST = 150  # pixels: height of the box with the highest resolution
FLATTEST, NARROWEST = 7, 9  # pixels, where the scale would give less
WIDTH_SCALE = 0.95  # pixels per square root of a channel, less if 720 would be passed
LABEL = 29  # pixels that the two lines under a box need
TALLEST_BARE, SLIMMEST = 110, 3  # the same two for strips without labels
MOST = 23  # boxes on one line


def draw_network(model, input_size, title=None):
    """Draw a network as a strip, one box a layer, from the image to the logits.

    Height is the resolution and width the square root of the number of channels, with a
    least size that keeps small tensors visible. A stretch with branches is one box, and so
    is a module with a `strip_label`, even where maps pass by it; equal ones in a row are
    drawn once with their number above.

    Args:
        input_size: (channels, height, width).
        title: what stands above; the model's class name if None.

    Returns:
        A `Figure`.
    """
    title = title or type(model).__name__
    items = _repeats(_stretches(layers_of(model, input_size, cells=True)))
    largest = max(_resolution(stretch[-1]) for stretch, _ in items)
    lines = -(-len(items) // MOST)  # a long network continues on further lines
    length = -(-len(items) // lines)
    rows = [items[i : i + length] for i in range(0, len(items), length)]
    scale = WIDTH_SCALE
    while max(_row_width(row, scale) for row in rows) > 720:
        scale *= 0.95
    width = max(340, text_width(title, 15) + 24, *(_row_width(r, scale) for r in rows))
    kinds = dict.fromkeys(_kind(stretch) for stretch, _ in items)
    body, height = _legend(kinds, width)
    for row in rows:
        drawn, height = _row(row, scale, TALLEST / largest, width, height + 26)
        body += drawn
    head = text(width / 2, 20, title, size=15, weight="bold")
    foot = text(width / 2, height + 16, "height: resolution, width: √channels", size=12)
    words = "; ".join(
        f"{_summary(stretch)} to {_size(stretch[-1])}" + (f", {n} times" if n > 1 else "")
        for stretch, n in items
    )
    return Figure(
        head + body + foot, width, height + 26, f"Strip of {title}: {words}",
        min_width=0.8 * width if width > 440 else 330,
    )


def _row(items, scale, tall_scale, width, top):
    """Boxes side by side with their texts below: SVG, and the lower edge."""
    tallest = max(FLATTEST, *(tall_scale * _resolution(s[-1]) for s, _ in items))
    x, middle, body = 14 + (width - _row_width(items, scale)) / 2, top + tallest / 2, ""
    for stretch, count in items:
        last = stretch[-1]
        tall = max(FLATTEST, tall_scale * _resolution(last))
        wide, pitch = _wide(last, scale), _pitch(stretch, scale)
        centre = x + pitch / 2
        corner = (centre - wide / 2, middle - tall / 2)
        body += box(*corner, wide, tall, _kind(stretch), radius=1)
        if count > 1:
            body += text(centre, corner[1] - 6, f"×{count}", weight="bold")
        for shift, words in zip((-2, 12), (_summary(stretch), _size(last))):
            place = f"translate({centre + shift:.1f},{top + tallest + 12:.1f})"
            body += (
                f'<text transform="{place} rotate(-90)" font-size="12"'
                f' text-anchor="end">{words}</text>'
            )
        x += pitch
    longest = max(text_width(_summary(stretch), 12) for stretch, _ in items)
    return body, top + tallest + 20 + longest


def _row_width(items, scale):
    return 28 + sum(_pitch(stretch, scale) for stretch, _ in items)


def _wide(layer, scale):
    return max(NARROWEST, scale * layer.shape[0] ** 0.5)


def _pitch(stretch, scale):
    """Room for a box and its two lines of text."""
    return max(_wide(stretch[-1], scale) + 5, LABEL)


def draw_networks(networks, title="Networks on one scale"):
    """Draw networks as bare strips, one under the other, all on one scale.

    As in `draw_network`, height is the resolution and width the square root of the number
    of channels, and equal stretches in a row are one box with their number above. What a
    box is stands in its tooltip.

    Args:
        networks: name → (model, input_size); the name stands above the strip.
        title: what stands above all.

    Returns:
        A `Figure`.

    Raises:
        ValueError: no network, or one too long to be drawn within 720 pixels.
    """
    if not networks:
        raise ValueError("networks is empty; expected at least one")
    strips = {
        name: _repeats(_stretches(layers_of(model, input_size, cells=True)))
        for name, (model, input_size) in networks.items()
    }
    items = [item for strip in strips.values() for item in strip]
    longest = max(strips, key=lambda name: len(strips[name]))
    if 28 + len(strips[longest]) * (SLIMMEST + 2) > 720:
        raise ValueError(
            f"{longest} has {len(strips[longest])} boxes; expected at most"
            f" {(720 - 28) // (SLIMMEST + 2)}"
        )
    scale = WIDTH_SCALE
    while max(_bare_width(strip, scale) for strip in strips.values()) > 692:
        scale *= 0.95
    names = max(text_width(name, 13) for name in strips)
    width = 28 + max(names, 312, *(_bare_width(strip, scale) for strip in strips.values()))
    tall_scale = TALLEST_BARE / max(_resolution(stretch[-1]) for stretch, _ in items)
    body, height = _legend(dict.fromkeys(_kind(stretch) for stretch, _ in items), width)
    said = []
    for name, strip in strips.items():
        drawn, height = _bare_row(name, strip, (scale, tall_scale), height + 12)
        body += drawn
        said.append(f"{name}: {len(strip)} boxes, input {_size(strip[0][0][-1])}")
    head = text(width / 2, 20, title, size=15, weight="bold")
    foot = text(14, height + 24, "height: resolution, width: √channels", 12, "start")
    return Figure(
        head + body + foot, width, height + 34, f"{title}: " + "; ".join(said),
        min_width=0.8 * width if width > 440 else 330,
    )


def _bare_row(name, items, scale, top):
    """A name and below it a strip without labels: SVG, and the lower edge."""
    tallest = max(scale[1] * _resolution(stretch[-1]) for stretch, _ in items)
    above = 16 if any(count > 1 for _, count in items) else 4
    x, middle = 14, top + 18 + above + tallest / 2
    body = text(x, top + 13, name, size=13, anchor="start", weight="bold")
    for stretch, count in items:
        tall = max(SLIMMEST, scale[1] * _resolution(stretch[-1]))
        wide, pitch = _bare_size(stretch, count, scale[0])
        corner = (x + (pitch - wide) / 2, middle - tall / 2)
        words = f"{_summary(stretch)} to {_size(stretch[-1])}"
        if count > 1:
            words += f", {count} times"
            body += text(x + pitch / 2, corner[1] - 4, f"×{count}", size=12)
        rectangle = box(*corner, wide, tall, _kind(stretch), radius=0)
        body += f"<g><title>{words}</title>{rectangle}</g>"
        x += pitch + 2
    return body, middle + tallest / 2


def _bare_size(stretch, count, scale):
    """Width of a box in a strip without labels, and of the room for it and its number."""
    wide = max(SLIMMEST, scale * stretch[-1].shape[0] ** 0.5)
    return wide, max(wide, text_width(f"×{count}", 12) + 4 if count > 1 else 0)


def _bare_width(items, scale):
    return sum(2 + _bare_size(stretch, count, scale)[1] for stretch, count in items)


def _stretches(layers):
    """Cut a network where a single tensor carries everything, and around each cell."""
    position = {id(layer): i for i, layer in enumerate(layers)}
    reach, stretches, current = 0, [], []
    for i, layer in enumerate(layers):
        current.append(layer)
        at_cell = any(x.kind == "cell" for x in layers[i : i + 2])
        if reach <= i or at_cell:  # else something earlier is used later
            stretches.append(current)
            current = []
        users = [position[id(x)] for x in layers if layer in x.inputs]
        reach = max([reach, *users])
    return stretches


def _repeats(stretches):
    """Equal stretches or cells in a row as [stretch, how many]; layers stay single."""
    items = []
    for stretch in stretches:
        several = len(stretch) > 1 or stretch[-1].kind == "cell"
        if items and several and _signature(items[-1][0]) == _signature(stretch):
            items[-1][1] += 1
        else:
            items.append([stretch, 1])
    return items


def _main_path(stretch):
    """The layers of a stretch that lie on its longest path."""
    longest = {}
    for layer in stretch:
        before = max((longest.get(id(x), []) for x in layer.inputs), key=len, default=[])
        longest[id(layer)] = [*before, layer]
    return longest[id(stretch[-1])]


def _signature(stretch):
    """Windows (without stride) and channels of a main path, and the output's shape."""
    path = [(x.kind, x.window.split(" ")[0], x.shape[0]) for x in _main_path(stretch)]
    return stretch[-1].shape, tuple(path)


def _resolution(layer):
    return layer.shape[-1] if len(layer.shape) == 3 else 1


def _size(layer):
    """The output of a layer, resolution first: "28×28, 6"."""
    if len(layer.shape) < 3:
        return str(layer.shape[0])
    return f"{layer.shape[1]}×{layer.shape[2]}, {layer.shape[0]}"


def _kind(stretch):
    return stretch[-1].kind if len(stretch) == 1 else "convolution"


def _summary(stretch):
    """What is written under a box."""
    if len(stretch) == 1:
        return stretch[0].label.split(",")[0]
    convolutions = [x for x in _main_path(stretch) if x.kind == "convolution"]
    kind = {"addition": "residual", "concatenation": "concat"}.get(stretch[-1].kind, "")
    windows = ", ".join(x.window.split(" ")[0] for x in convolutions)
    if len(convolutions) > 4:
        windows = f"{sum(x.kind == 'convolution' for x in stretch)} convolutions"
    return f"{kind} {windows}".strip()


def _legend(kinds, width):
    """Colour squares with names, in as many lines as they need; and their height."""
    body, x, y = "", 14.0, 34.0
    for kind in kinds:
        need = 18 + text_width(kind, 12) + 12
        if x + need > width and x > 14:
            x, y = 14.0, y + 18
        body += box(x, y, 12, 12, kind, radius=2)
        body += text(x + 17, y + 10.5, kind, size=12, anchor="start")
        x += need
    return body, y + 18


CHIP, SLOT, OPERATION = 26, 26, 128  # a state's number, one input's row, a box's width


def draw_cell(design, title):
    """Draw a cell of an architecture search from the data that describe it.

    A row for each combination: two states go through an operation each, and their sum is
    the next state. The bar on the right concatenates the states that the cell puts out.

    Args:
        design: has `combinations`, tuples (state, operation, state, operation), and
            `outputs`, the numbers of the states that are concatenated. States 0 and 1
            are the outputs of the last cell and of the one before it.
        title: what stands above.

    Returns:
        A `Figure`.
    """
    result, bar = 14 + CHIP + 16 + OPERATION + 60, 14 + CHIP + OPERATION + 60 + 16 + 56
    width = max(bar + 44, text_width(title, 15) + 24)
    body, middles, y = text(width / 2, 20, title, size=15, weight="bold"), [], 50
    for state, words in enumerate(("the last cell's output", "the cell before's output")):
        body += text(result - 10, y + 4, words, anchor="end") + _chip(result, y, state)
        middles.append(y)
        y += SLOT + 6
    for a, first, b, second in design.combinations:
        y += 6
        body += _combination(((a, first), (b, second)), len(middles), y, result)
        middles.append(y + SLOT / 2)
        y += 2 * SLOT + 6
    for state in design.outputs:
        body += line([(result + CHIP, middles[state]), (bar, middles[state])], arrow=True)
    body += box(bar, 34, 24, y - 44, "concatenation")
    place = f"translate({bar + 16},{(y - 10 + 34) / 2:.1f}) rotate(-90)"
    body += (
        f'<text transform="{place}" font-size="13" text-anchor="middle" fill="{INK}">'
        "concatenate</text>"
    )
    said = "; ".join(
        f"{state} is {first} of {a} plus {second} of {b}"
        for state, (a, first, b, second) in enumerate(design.combinations, start=2)
    )
    outputs = ", ".join(map(str, design.outputs))
    alt = f"{title}: {said}; states {outputs} are concatenated"
    return Figure(body, width, y, alt)


def _combination(inputs, state, y, result):
    """Two operations and their sum, from the upper input's middle at y: SVG."""
    body, middle, sum_x = "", y + SLOT / 2, result - 28
    for i, (source, operation) in enumerate(inputs):
        at, end = y + i * SLOT, 14 + CHIP + 16 + OPERATION
        body += _chip(14, at, source) + line([(14 + CHIP, at), (30 + CHIP, at)], arrow=True)
        body += box(30 + CHIP, at - 11, OPERATION, 22, _operation_kind(operation))
        body += text(30 + CHIP + OPERATION / 2, at + 4, operation, ink=INK)
        body += line([(end, at), (sum_x, at), (sum_x, middle + (9 if i else -9))])
    body += f'<circle cx="{sum_x}" cy="{middle}" r="9" fill="{PALETTE["addition"]}"'
    body += ' stroke="#5b6470" stroke-width="0.8"/>'
    body += text(sum_x, middle + 5, "+", size=15, ink=INK)
    body += line([(sum_x + 9, middle), (result, middle)], arrow=True)
    return body + _chip(result, middle, state)


def _chip(x, middle, state):
    """The number of a state in a small box."""
    number = text(x + CHIP / 2, middle + 4, state, ink=INK, weight="bold")
    return box(x, middle - 10, CHIP, 20, "input", radius=10) + number


def _operation_kind(name):
    """The colour of an operation that is known by its name only."""
    for word in ("max", "average"):
        if name.startswith(word):
            return f"{word} pooling"
    return "other" if name == "identity" else "convolution"
