"""Written by tools/export.py from notebooks/20_nasnet.ipynb; change it there."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from archbook.networks.inception_v4 import initialise_he


class Design:
    """A cell as data: what a search chooses.

    States 0 and 1 are the outputs of the last cell and of the one before it; each
    combination appends one state, the sum of its two results.

    Args:
        combinations: tuples (state, operation, state, operation).
        outputs: the states whose concatenation the cell gives.
    """

    def __init__(self, combinations, outputs):
        self.combinations, self.outputs = combinations, outputs


NASNET_A_NORMAL = Design(
    (
        (0, "separable 5×5", 1, "separable 3×3"),
        (1, "separable 5×5", 1, "separable 3×3"),
        (0, "average 3×3", 1, "identity"),
        (1, "average 3×3", 1, "average 3×3"),
        (0, "separable 3×3", 0, "identity"),
    ),
    outputs=(1, 2, 3, 4, 5, 6),
)


NASNET_A_REDUCTION = Design(
    (
        (0, "separable 5×5", 1, "separable 7×7"),
        (0, "max 3×3", 1, "separable 7×7"),
        (0, "average 3×3", 1, "separable 5×5"),
        (3, "identity", 2, "average 3×3"),
        (2, "separable 3×3", 0, "max 3×3"),
    ),
    outputs=(3, 4, 5, 6),
)


def norm(channels):
    """Batch norm with the released networks' epsilon."""
    return nn.BatchNorm2d(channels, eps=0.001)


def relu_conv(in_channels, out_channels, kernel_size=1, stride=1):
    """ReLU, convolution without bias, batch norm: every weighted operation's order."""
    pair = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2
    padding = tuple(k // 2 for k in pair)
    conv = nn.Conv2d(in_channels, out_channels, pair, stride, padding, bias=False)
    return nn.Sequential(nn.ReLU(), conv, norm(out_channels))


class SamePadding(nn.Module):
    """TensorFlow's "SAME" padding before a stride of 2: the odd row and column behind.

    (N, C, H, W) → such that an odd kernel gives H/2 and W/2, rounded up.
    """

    draw_as_one = "other"

    def __init__(self, kernel_size, value=0.0):
        super().__init__()
        self.kernel_size, self.value = kernel_size, value

    def forward(self, x):
        sides = []
        for size in (x.shape[3], x.shape[2]):
            total = self.kernel_size - 2 + size % 2
            sides += [total // 2, total - total // 2]
        return F.pad(x, sides, value=self.value)


def separable(in_channels, out_channels, kernel_size, stride=1):
    """ReLU, depthwise and 1×1 convolution, norm: twice, with the stride once (A.4)."""

    def once(channels, stride):
        padding, pad = kernel_size // 2, nn.Identity()
        if stride == 2:
            padding, pad = 0, SamePadding(kernel_size)
        depthwise = nn.Conv2d(channels, channels, kernel_size, stride, padding,
                              groups=channels, bias=False)
        pointwise = nn.Conv2d(channels, out_channels, 1, bias=False)
        return [nn.ReLU(), pad, depthwise, pointwise, norm(out_channels)]

    return nn.Sequential(*once(in_channels, stride), *once(out_channels, 1))


def pooling(kind, stride):
    """3×3 pooling, "max" or "average"; a border of zeros counts only with stride 2."""
    window = nn.MaxPool2d if kind == "max" else nn.AvgPool2d
    if stride == 2:
        pad = SamePadding(3, value=-torch.inf if kind == "max" else 0.0)
        return nn.Sequential(pad, window(3, stride=2))
    border = {} if kind == "max" else {"count_include_pad": False}
    return window(3, stride=1, padding=1, **border)


def identity(in_channels, out_channels, stride):
    """Nothing; with stride 2 or for other channels ReLU, 1×1 convolution and norm."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return relu_conv(in_channels, out_channels, 1, stride)


def factorised(in_channels, out_channels, stride):
    """1×7 and then 7×1 convolution, the stride split between them."""
    across, down = (1, stride), (stride, 1)
    return nn.Sequential(
        *relu_conv(in_channels, out_channels, (1, 7), across),
        *relu_conv(out_channels, out_channels, (7, 1), down),
    )


KNOWN = (
    "identity", "average 3×3", "max 3×3", "separable 3×3", "separable 5×5",
    "separable 7×7", "1×7, 7×1",
)


def operation(name, in_channels, out_channels, stride=1):
    """An operation by name: (N, in_channels, H, W) → (N, out_channels, H, W) / stride.

    Raises:
        ValueError: unknown name, or a pooling that would have to change the channels.
    """
    kind, _, kernel = name.partition(" ")
    if name not in KNOWN:
        raise ValueError(f"operation is {name!r}; expected one of: {', '.join(KNOWN)}")
    if name == "identity":
        return identity(in_channels, out_channels, stride)
    if name == "1×7, 7×1":
        return factorised(in_channels, out_channels, stride)
    if kind == "separable":
        return separable(in_channels, out_channels, int(kernel[0]), stride)
    if in_channels != out_channels:
        raise ValueError(
            f"{name} gives {in_channels} channels; expected {out_channels}"
        )
    return pooling(kind, stride)


class Halving(nn.Module):
    """Half the resolution by two 1×1 convolutions, one of them shifted by a pixel.

    One reads every second pixel, the other its neighbour diagonally below
    (released code: "factorized reduction"). (N, C, H, W) → (N, out_channels, H/2, W/2).
    """

    def __init__(self, in_channels, out_channels):
        super().__init__()
        half = out_channels // 2
        self.relu, self.shift = nn.ReLU(), nn.ZeroPad2d((-1, 1, -1, 1))
        self.first = nn.Conv2d(in_channels, half, 1, stride=2, bias=False)
        self.second = nn.Conv2d(in_channels, out_channels - half, 1, 2, bias=False)
        self.norm = norm(out_channels)

    def forward(self, x):
        x = self.relu(x)
        both = [self.first(x), self.second(self.shift(x))]
        return self.norm(torch.cat(both, dim=1))


class Cell(nn.Module):
    """A cell built from its design: (previous, last) maps → one map.

    Args:
        previous: module that brings state 1 to `filters` channels and the size of 0.
        previous_channels: what it gives; another number only where it does nothing.
        channels: of the last cell's output.
        filters: channels of each state; the cell gives len(design.outputs) · filters.
        stride: 2 halves the map where an operation reads state 0 or 1.
    """

    def __init__(self, design, previous, previous_channels, channels, filters,
                 stride=1):
        super().__init__()
        self.strip_label = f"{'reduction' if stride == 2 else 'normal'} cell"
        self.design, self.previous = design, previous
        self.last = relu_conv(channels, filters)
        widths = [filters, previous_channels] + [filters] * len(design.combinations)
        self.operations = nn.ModuleList(
            operation(name, widths[state], filters, stride if state < 2 else 1)
            for a, name_a, b, name_b in design.combinations
            for state, name in ((a, name_a), (b, name_b))
        )

    def forward(self, previous, last):
        states = [self.last(last), self.previous(previous)]
        for i, (a, _, b, _) in enumerate(self.design.combinations):
            left, right = self.operations[2 * i], self.operations[2 * i + 1]
            states.append(left(states[a]) + right(states[b]))
        return torch.cat([states[i] for i in self.design.outputs], dim=1)


class NASNet(nn.Module):
    """Stem, cells, ReLU, mean over the map, dropout, linear layer: images → logits.

    Args:
        stem: gives `channels` channels.
        plan: one (design, filters, stride) for each cell; skip: see `sources`.
    """

    def __init__(self, stem, channels, plan, num_classes, skip=False, dropout=0.5):
        super().__init__()
        self.stem, self.cells = stem, nn.ModuleList()
        self.sources, strides = sources(plan, skip), [stride for *_, stride in plan]
        widths = [channels]
        for i, (design, filters, stride) in enumerate(plan):
            source, adjust, width = self.sources[i], nn.Identity(), channels
            if i > 0:
                halve = 2 in strides[source:i]
                adjust = (Halving if halve else relu_conv)(widths[source], filters)
                width = filters
            self.cells.append(Cell(design, adjust, width, widths[-1], filters, stride))
            widths.append(filters * len(design.outputs))
        self.relu, self.pool = nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        self.dropout, self.fc = nn.Dropout(dropout), nn.Linear(widths[-1], num_classes)
        initialise_he(self)

    def forward(self, x):
        maps = [self.stem(x)]
        for source, cell in zip(self.sources, self.cells):
            maps.append(cell(maps[source], maps[-1]))
        return self.fc(self.dropout(self.pool(self.relu(maps[-1])).flatten(1)))


def sources(plan, skip):
    """Which map each cell gets as `previous`: 0 the stem's, i the i-th cell's.

    With `skip`, the first cell after a reduction gets what the reduction cell got as
    `previous`, not the reduction cell's own input (released "large" network).
    """
    found = []
    for i in range(len(plan)):
        after = i > 1 and plan[i - 1][2] == 2 and plan[i - 2][2] == 1
        found.append(max(i - (2 if skip and after else 1), 0))
    return found


def imagenet_nasnet(cells, filters, stem_channels, skip, num_classes):
    """NASNet-A for ImageNet (Figure 2): two reduction cells, then three groups.

    Args:
        cells: N, the normal cells in a group.
        filters: of the first group, doubled at each reduction between groups.
        skip: see `sources`.
    """
    stem = nn.Sequential(
        nn.Conv2d(3, stem_channels, 3, stride=2, bias=False), norm(stem_channels)
    )
    plan = [(NASNET_A_REDUCTION, filters // divisor, 2) for divisor in (4, 2)]
    for group in range(3):
        if group > 0:
            plan += [(NASNET_A_REDUCTION, filters * 2**group, 2)]
        plan += [(NASNET_A_NORMAL, filters * 2**group, 1)] * cells
    return NASNet(stem, stem_channels, plan, num_classes, skip)


def nasnetalarge(num_classes=1000):
    """NASNet-A (6 @ 4032), for 331×331 images."""
    return imagenet_nasnet(6, 168, 96, skip=True, num_classes=num_classes)


def nasnetamobile(num_classes=1000):
    """NASNet-A (4 @ 1056), for 224×224 images."""
    return imagenet_nasnet(4, 44, 32, skip=False, num_classes=num_classes)


OPERATIONS = (
    "identity", "average 3×3", "max 3×3", "separable 3×3", "separable 5×5", "1×7, 7×1",
)
CANDIDATES = tuple(
    (a, b, c) for a in OPERATIONS for b in OPERATIONS for c in OPERATIONS
)


def small_design(candidate):
    """The cell of a small search space: three operations, placed as chosen.

    Args:
        candidate: three names of OPERATIONS: what is applied to the last cell's output,
            to the previous one's, and to the sum of the two.
    """
    first, second, third = candidate
    return Design(((0, first, 1, second), (2, third, 0, "identity")), outputs=(2, 3))


def small_nasnet(candidate, filters=8):
    """The twin: (N, 1, 28, 28) → (N, 10); one cell on 14², two on 7² pixels."""
    stem = nn.Sequential(
        nn.Conv2d(1, filters, 3, stride=2, padding=1, bias=False), norm(filters)
    )
    design = small_design(candidate)
    plan = [(design, filters, 1), (design, 2 * filters, 2), (design, 2 * filters, 1)]
    return NASNet(stem, filters, plan, num_classes=10, dropout=0.0)


def random_cell(rng):
    """Three operations, each drawn with equal probability, by a `random.Random`."""
    return tuple(rng.choices(OPERATIONS, k=3))


def random_search(accuracy, budget, rng):
    """Train random cells. → the `budget` trained cells, in order."""
    return [random_cell(rng) for _ in range(budget)]


def mutate(cell, rng):
    """The cell with one of its operations replaced by another one."""
    slot = rng.randrange(len(cell))
    others = [name for name in OPERATIONS if name != cell[slot]]
    return (*cell[:slot], rng.choice(others), *cell[slot + 1 :])


def evolution(accuracy, budget, rng, population=20, tournament=5):
    """Regularised evolution (Real et al. 2019). → the trained cells, in order.

    Args:
        accuracy: function from a cell to a number.
        population: how many live at once; as many random cells come first.
        tournament: how many are drawn, of which the best becomes the parent.
    """
    living, trained = [], []
    while len(trained) < budget:
        if len(living) < population:
            child = random_cell(rng)
        else:
            parent = max(rng.sample(living, tournament), key=accuracy)
            child = mutate(parent, rng)
            living.pop(0)  # the oldest
        living.append(child)
        trained.append(child)
    return trained


def softmax(z):
    """Probabilities from a list of numbers."""
    weights = [math.exp(value - max(z)) for value in z]
    return [weight / sum(weights) for weight in weights]


def reinforce(accuracy, budget, rng, rate=10.0, memory=0.9):
    """REINFORCE with a softmax for each slot. → the trained cells, in order.

    Args:
        accuracy: function from a cell to a number, the reward.
        rate: the step η. memory: of the baseline, a running mean of the rewards.
    """
    policy, baseline, trained = [[0.0] * len(OPERATIONS) for _ in range(3)], None, []
    for _ in range(budget):
        p = [softmax(z) for z in policy]
        chosen = [rng.choices(range(len(OPERATIONS)), weights)[0] for weights in p]
        trained.append(tuple(OPERATIONS[i] for i in chosen))
        reward = accuracy(trained[-1])
        baseline = reward if baseline is None else baseline
        for z, weights, choice in zip(policy, p, chosen):
            for j, weight in enumerate(weights):
                z[j] += rate * (reward - baseline) * ((j == choice) - weight)
        baseline = memory * baseline + (1 - memory) * reward
    return trained
