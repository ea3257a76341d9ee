"""Written by tools/export.py from notebooks/17_inception_v2_v3.ipynb; change it there."""

import torch
from torch import nn

from archbook.networks.googlenet import initialise_he


def conv_bn(in_channels, out_channels, kernel_size, stride=1, padding=0):
    """Convolution without bias, batch norm and ReLU; `kernel_size` may be (1, 7)."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False),
        nn.BatchNorm2d(out_channels, eps=1e-3),
        nn.ReLU(),
    )


class Branches(nn.Module):
    """Branches that read the same tensor; their outputs are concatenated."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def pool_branch(in_channels, out_channels, pool=nn.AvgPool2d):
    """Pooling over 3×3 that keeps the size, then 1×1."""
    return nn.Sequential(
        pool(3, stride=1, padding=1), conv_bn(in_channels, out_channels, 1)
    )


def single_3x3(in_channels, channels, stride=1, padding=1):
    """1×1 to channels[0], 3×3 to channels[1]."""
    reduced, out = channels
    return nn.Sequential(
        conv_bn(in_channels, reduced, 1), conv_bn(reduced, out, 3, stride, padding)
    )


def two_3x3(in_channels, channels, stride=1, padding=1):
    """1×1 to channels[0], two 3×3 to channels[1]: the place of a 5×5 (figure 5)."""
    reduced, out = channels
    return nn.Sequential(
        conv_bn(in_channels, reduced, 1),
        conv_bn(reduced, out, 3, padding=1),
        conv_bn(out, out, 3, stride, padding),
    )


def row_conv(in_channels, out_channels, length):
    """1×length: looks along a row."""
    return conv_bn(in_channels, out_channels, (1, length), padding=(0, length // 2))


def column_conv(in_channels, out_channels, length):
    """length×1: looks along a column."""
    return conv_bn(in_channels, out_channels, (length, 1), padding=(length // 2, 0))


def module_35(in_channels, pool_channels=64, kernel_size=3):
    """The module for 35×35 maps: → 64 + 64 + 96 + pool_channels channels.

    `kernel_size` 3 is the paper's figure 5, 5 the module of the released v3.
    """
    return Branches(
        conv_bn(in_channels, 64, 1),
        nn.Sequential(
            conv_bn(in_channels, 48, 1),
            conv_bn(48, 64, kernel_size, padding=kernel_size // 2),
        ),
        two_3x3(in_channels, (64, 96)),
        pool_branch(in_channels, pool_channels),
    )


def module_17(channels):
    """The module for 17×17 maps (figure 6, n = 7): 768 → 4 · 192 = 768 channels.

    `channels` is the width inside the branches that look far.
    """
    return Branches(
        conv_bn(768, 192, 1),
        nn.Sequential(
            conv_bn(768, channels, 1),
            row_conv(channels, channels, 7), column_conv(channels, 192, 7),
        ),
        nn.Sequential(
            conv_bn(768, channels, 1),
            column_conv(channels, channels, 7), row_conv(channels, channels, 7),
            column_conv(channels, channels, 7), row_conv(channels, 192, 7),
        ),
        pool_branch(768, 192),
    )


def row_beside_column(channels):
    """1×3 and 3×1 side by side: twice the channels."""
    return Branches(
        row_conv(channels, channels, 3), column_conv(channels, channels, 3)
    )


def module_8(in_channels):
    """The widened module for 8×8 maps (figure 7): → 320 + 768 + 768 + 192 = 2048."""
    return Branches(
        conv_bn(in_channels, 320, 1),
        nn.Sequential(conv_bn(in_channels, 384, 1), row_beside_column(384)),
        nn.Sequential(
            conv_bn(in_channels, 448, 1), conv_bn(448, 384, 3, padding=1),
            row_beside_column(384),
        ),
        pool_branch(in_channels, 192),
    )


def reduction(in_channels, single, double, padding=0):
    """Half the size (figure 10): → single[1] + double[1] + in_channels channels.

    `padding` 1 halves even sizes, as BN-Inception needs it (28 → 14).
    """
    return Branches(
        single_3x3(in_channels, single, stride=2, padding=padding),
        two_3x3(in_channels, double, stride=2, padding=padding),
        nn.MaxPool2d(3, stride=2, ceil_mode=padding > 0),
    )


def auxiliary_head(num_classes, norm_hidden):
    """Logits from the last 17×17×768 tensor, for training only (figure 8).

    Average 5×5/3 → 5×5 maps; 1×1; a 5×5 convolution that covers the map, so a fully
    connected layer; the classifier. `norm_hidden` gives that layer batch norm, too.
    """
    hidden = conv_bn(128, 768, 5)
    if not norm_hidden:
        hidden = nn.Sequential(nn.Conv2d(128, 768, 5), nn.ReLU())
    return nn.Sequential(
        nn.AvgPool2d(5, stride=3), conv_bn(768, 128, 1), hidden,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(768, num_classes),
    )


class Inception(nn.Module):
    """Layers, global average pooling, one linear layer: (N, C, H, W) → logits.

    Args:
        before: layers up to the auxiliary head.
        after: layers behind it; `channels` of them come out.
        head: the auxiliary head, or None. In training the network then returns
            (logits, logits of the head), in evaluation logits only.
    """

    def __init__(self, before, after, channels, num_classes, head=None, dropout=0.0):
        super().__init__()
        self.before = nn.Sequential(*before)
        self.head = head
        self.after = nn.Sequential(*after)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        self.apply(initialise_he)

    def forward(self, x):
        middle = self.before(x)
        logits = self.fc(self.dropout(self.pool(self.after(middle)).flatten(1)))
        if self.training and self.head is not None:
            return logits, self.head(middle)
        return logits


def inception_v2(num_classes=1000):
    """Inception v2 for 299×299 images: Table 1 with the modules of figures 5 to 7."""
    stem = (
        conv_bn(3, 32, 3, stride=2),
        conv_bn(32, 32, 3),
        conv_bn(32, 64, 3, padding=1),
        nn.MaxPool2d(3, stride=2),
        conv_bn(64, 80, 3),
        conv_bn(80, 192, 3, stride=2),
        conv_bn(192, 288, 3, padding=1),  # the table forgets this padding
    )
    at_35 = [module_35(288) for _ in range(3)]
    at_17 = [module_17(channels=128) for _ in range(5)]
    to_17 = reduction(288, single=(192, 384), double=(64, 96))
    to_8 = reduction(768, single=(192, 320), double=(192, 192))
    return Inception(
        before=(*stem, *at_35, to_17, *at_17),
        after=(to_8, module_8(1280), module_8(2048)),
        channels=2048, num_classes=num_classes, dropout=0.5,
        head=auxiliary_head(num_classes, norm_hidden=False),
    )


def reduction_a():
    """35×35×288 → 17×17×768, as released: its first branch has no 1×1."""
    return Branches(
        conv_bn(288, 384, 3, stride=2),
        two_3x3(288, (64, 96), stride=2, padding=0),
        nn.MaxPool2d(3, stride=2),
    )


def reduction_b():
    """17×17×768 → 8×8×1280, as released: 1×7 and 7×1 before the last 3×3."""
    return Branches(
        single_3x3(768, (192, 320), stride=2, padding=0),
        nn.Sequential(
            conv_bn(768, 192, 1), row_conv(192, 192, 7), column_conv(192, 192, 7),
            conv_bn(192, 192, 3, stride=2),
        ),
        nn.MaxPool2d(3, stride=2),
    )


def inception_v3(num_classes=1000, with_head=True):
    """Inception v3 for 299×299 images, as its authors released it."""
    stem = (
        conv_bn(3, 32, 3, stride=2),
        conv_bn(32, 32, 3),
        conv_bn(32, 64, 3, padding=1),
        nn.MaxPool2d(3, stride=2),
        conv_bn(64, 80, 1),
        conv_bn(80, 192, 3),
        nn.MaxPool2d(3, stride=2),
    )
    at_35 = [
        module_35(before, pool_channels, kernel_size=5)
        for before, pool_channels in ((192, 32), (256, 64), (288, 64))
    ]
    at_17 = [module_17(channels) for channels in (128, 160, 160, 192)]
    head = auxiliary_head(num_classes, norm_hidden=True) if with_head else None
    return Inception(
        before=(*stem, *at_35, reduction_a(), *at_17),
        after=(reduction_b(), module_8(1280), module_8(2048)),
        channels=2048, num_classes=num_classes, dropout=0.5, head=head,
    )


def bn_module(in_channels, ones, single, double, pooled, pool=nn.AvgPool2d):
    """GoogLeNet's module with two 3×3 for its 5×5 (figure 5)."""
    return Branches(
        conv_bn(in_channels, ones, 1),
        single_3x3(in_channels, single),
        two_3x3(in_channels, double),
        pool_branch(in_channels, pooled, pool),
    )


def bn_inception(num_classes=1000):
    """BN-Inception for 224×224 images (Ioffe & Szegedy 2015, figure 5)."""
    layers = (
        conv_bn(3, 64, 7, stride=2, padding=3),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        conv_bn(64, 64, 1),
        conv_bn(64, 192, 3, padding=1),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        bn_module(192, 64, (64, 64), (64, 96), 32),  # 3a: 256 channels
        bn_module(256, 64, (64, 96), (64, 96), 64),  # 3b: 320
        reduction(320, (128, 160), (64, 96), padding=1),  # 3c: 576
        bn_module(576, 224, (64, 96), (96, 128), 128),  # 4a: 576
        bn_module(576, 192, (96, 128), (96, 128), 128),  # 4b: 576
        bn_module(576, 160, (128, 160), (128, 160), 128),  # 4c: 608
        bn_module(608, 96, (128, 192), (160, 192), 128),  # 4d: 608
        reduction(608, (128, 192), (192, 256), padding=1),  # 4e: 1056
        bn_module(1056, 352, (192, 320), (160, 224), 128),  # 5a: 1024
        bn_module(1024, 352, (192, 320), (192, 224), 128, nn.MaxPool2d),  # 5b: 1024
    )
    return Inception(layers, after=(), channels=1024, num_classes=num_classes)


def far_looking(channels, kind):
    """Layers that look at 5×5 pixels; `kind` says how."""
    if kind == "5x5":
        return [conv_bn(channels, channels, 5, padding=2)]
    first = conv_bn(channels, channels, 3, padding=1)
    if kind == "3x3, 3x3 linear":
        first = first[:2]  # without its ReLU
    elif kind != "3x3, 3x3":
        raise ValueError(
            f"kind is {kind!r}; expected '5x5', '3x3, 3x3' or '3x3, 3x3 linear'"
        )
    return [first, conv_bn(channels, channels, 3, padding=1)]


def small_module(in_channels, width, kind):
    """A module of the twin, half of whose width looks far: → 5 · width channels."""
    return Branches(
        conv_bn(in_channels, width, 1),
        single_3x3(in_channels, (width, width)),
        nn.Sequential(
            conv_bn(in_channels, 2 * width, 1), *far_looking(2 * width, kind)
        ),
        pool_branch(in_channels, width),
    )


def small_reduction(in_channels, width, kind, way):
    """Half the size, twice the channels (→ 10 · width), in one of three ways."""
    pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
    if way == "pool first":
        return nn.Sequential(pool, small_module(in_channels, 2 * width, kind))
    if way == "pool last":
        return nn.Sequential(small_module(in_channels, 2 * width, kind), pool)
    if way != "parallel":
        raise ValueError(
            f"way is {way!r}; expected 'pool first', 'pool last' or 'parallel'"
        )
    return reduction(in_channels, (2 * width, 3 * width), (width, 2 * width), padding=1)


def small_inception(kind="3x3, 3x3", way="parallel", width=6):
    """The twin for 28×28 grey images: (N, 1, 28, 28) → (N, 10)."""
    layers = (
        conv_bn(1, 5 * width, 3, stride=2, padding=1),  # 14×14
        small_module(5 * width, width, kind),
        small_reduction(5 * width, width, kind, way),  # 7×7
        small_module(10 * width, 2 * width, kind),
    )
    return Inception(layers, after=(), channels=10 * width, num_classes=10)
