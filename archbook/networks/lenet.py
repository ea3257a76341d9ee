"""Written by tools/export.py from notebooks/09_lenet5.ipynb; change it there."""

import torch
import torch.nn.functional as F
from torch import nn


class ScaledTanh(nn.Module):
    """The squashing function f(a) = 1.7159 tanh(2a/3) (LeCun et al. 1998, App. A)."""

    draw_as_one = "activation"

    def forward(self, x):
        return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    """Add 2×2 inputs, times a coefficient, plus a bias; both learned, one per map.

    (N, C, H, W) → (N, C, H/2, W/2); 2·C parameters (LeCun et al. 1998, §II.B).
    """

    draw_as_one = "average pooling"  # one layer in figures and tables
    window = 2, 2  # kernel size and stride

    def __init__(self, channels):
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((channels, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        total = 4 * F.avg_pool2d(x, kernel_size=2)
        return self.coefficient * total + self.bias


# Table I of the paper, read by columns: the maps of S2 that each map of C3 sees.
C3_INPUTS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5),
    (0, 1, 2, 5), (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)


class SparseConvolution(nn.Module):
    """A 5×5 convolution whose output maps see only some of the input maps.

    (N, 6, H, W) → (N, 16, H−4, W−4) with C3_INPUTS; one small convolution per map.
    """

    def __init__(self, inputs):
        super().__init__()
        self.inputs = [list(maps) for maps in inputs]
        self.maps = nn.ModuleList(nn.Conv2d(len(i), 1, kernel_size=5) for i in inputs)

    def forward(self, x):
        outputs = [conv(x[:, maps]) for conv, maps in zip(self.maps, self.inputs)]
        return torch.cat(outputs, dim=1)


DIGITS = """
..###.. ...#... .#####. .#####. .....#. ####### ..####. ####### .#####. .#####.
.#...#. ..##... #.....# #.....# ....##. #...... .#..... ......# #.....# #.....#
#.....# .#.#... #.....# ......# ...#.#. #...... #...... ......# #.....# #.....#
#.....# ...#... ......# ......# ..#..#. #...... #...... .....#. #.....# #.....#
#.....# ...#... ......# ......# .#...#. #...... #...... .....#. .#...#. #.....#
#.....# ...#... .....#. ..####. #....#. ######. #.####. ....#.. ..###.. .######
#.....# ...#... ....#.. ......# #....#. ......# ##....# ....#.. .#...#. ......#
#.....# ...#... ...#... ......# ####### ......# #.....# ...#... #.....# ......#
#.....# ...#... ..#.... ......# .....#. ......# #.....# ...#... #.....# ......#
#.....# ...#... .#..... ......# .....#. ......# #.....# ..#.... #.....# ......#
.#...#. ...#... #...... #.....# .....#. #.....# #.....# ..#.... #.....# .....#.
..###.. .#####. ####### .#####. .....#. .#####. .#####. ..#.... .#####. .####..
"""


def digit_codes():
    """The ten digits drawn 7 wide and 12 high as ±1: a tensor (10, 84)."""
    rows = [line.split() for line in DIGITS.split("\n") if line]
    drawings = ["".join(row[digit] for row in rows) for digit in range(10)]
    return torch.tensor([[1.0 if c == "#" else -1.0 for c in d] for d in drawings])


class RBFOutput(nn.Module):
    """One unit per class: minus the squared distance from F6 to the class's code.

    (N, 84) → (N, 10), used as logits; the codes are fixed (1998, §II.B).
    """

    draw_as_one = "output"

    def __init__(self, codes):
        super().__init__()
        self.register_buffer("codes", codes)

    def forward(self, x):
        return -(x[:, None] - self.codes).square().sum(dim=2)


class LeNet5(nn.Module):
    """LeNet-5 as published: 60,000 trainable parameters (LeCun et al. 1998, §II.B).

    (N, 1, 32, 32) → (N, 10).
    """

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, kernel_size=5)
        self.s2 = Subsampling(6)
        self.c3 = SparseConvolution(C3_INPUTS)
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, kernel_size=5)
        self.f6 = nn.Linear(120, 84)
        self.output = RBFOutput(digit_codes())
        self.squash = ScaledTanh()
        self.apply(initialise_lecun)

    def forward(self, x):
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5):
            x = self.squash(layer(x))
        x = self.squash(self.f6(x.flatten(1)))
        return self.output(x)


def initialise_lecun(module):
    """Draw weights from ±2.4 / fan-in (LeCun et al. 1998, App. A)."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        limit = 2.4 / module.weight[0].numel()
        nn.init.uniform_(module.weight, -limit, limit)
        nn.init.uniform_(module.bias, -limit, limit)


def lenet5(num_classes=10):
    """LeNet-5 of 1998; its output codes exist for ten classes only."""
    if num_classes != 10:
        raise ValueError(
            f"num_classes is {num_classes}; LeNet-5 has codes for 10 classes,"
            " lenet5_simplified takes any number"
        )
    return LeNet5()


class LeNet5Simplified(nn.Module):
    """The lecture's LeNet-5: full C3, plain pooling, linear output; 61,706 parameters.

    (N, 1, 32, 32) → (N, num_classes); activation after every layer but the last.
    """

    def __init__(self, num_classes=10, activation=nn.Tanh, pooling=nn.AvgPool2d):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, kernel_size=5), activation(),
            pooling(kernel_size=2), activation(),
            nn.Conv2d(6, 16, kernel_size=5), activation(),
            pooling(kernel_size=2), activation(),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120), activation(),
            nn.Linear(120, 84), activation(),
            nn.Linear(84, num_classes),
        )
        self.apply(initialise_xavier)

    def forward(self, x):
        return self.classifier(self.features(x))


def initialise_xavier(module):
    """Draw weights as Glorot and Bengio (2010, eq. 16) advise; biases start at 0."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def lenet5_simplified(num_classes=10):
    """The lecture's LeNet-5 with tanh and average pooling."""
    return LeNet5Simplified(num_classes)
