"""Written by tools/export.py from notebooks/22_efficientnet.ipynb; change it there."""

import torch
from torch import nn

from archbook.networks.nasnet import SamePadding


def silu_unit(in_channels, out_channels, kernel_size, stride=1, groups=1):
    """A convolution without bias, its batch norm, and swish, which torch calls SiLU."""
    padding = kernel_size // 2
    return [
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding,
                  groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.SiLU(),
    ]


class Gate(nn.Module):
    """Squeeze-and-excitation: each channel times a number in (0, 1), shape unchanged.

    Args:
        channels: of the maps that are weighed.
        hidden: channels between the two 1×1 convolutions.
    """

    def __init__(self, channels, hidden):
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1), nn.SiLU(),
            nn.Conv2d(hidden, channels, 1), nn.Sigmoid(),
        )

    def forward(self, x):
        return x * self.weigh(x)


class StochasticDepth(nn.Module):
    """In training, zero whole images of a path with probability p, scale up the others.

    (N, C, H, W) → the same shape; in the mean over the draws, the input.

    Raises:
        ValueError: p is not in [0, 1).
    """

    def __init__(self, p):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p is {p}; expected a probability, 0 or more and below 1")
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        kept = torch.empty(len(x), 1, 1, 1, dtype=x.dtype, device=x.device)
        return x * kept.bernoulli_(1 - self.p) / (1 - self.p)


class MBConv(nn.Module):
    """Inverted bottleneck: widen, filter each channel, weigh, narrow (Table 1, MBConv).

    (N, in_channels, H, W) → (N, out_channels, H/stride, W/stride), rounded up.

    Args:
        expansion: channels inside, as a multiple of in_channels; with 1 nothing widens.
        unit: makes the list of convolution, norm and activation.
        gated: with squeeze-and-excitation, down to a quarter of in_channels.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride, expansion,
                 unit=silu_unit, gated=True):
        super().__init__()
        inside = expansion * in_channels
        layers = unit(in_channels, inside, 1) if expansion > 1 else []
        layers += unit(inside, inside, kernel_size, stride, groups=inside)
        if gated:
            layers.append(Gate(inside, max(1, in_channels // 4)))
        layers += unit(inside, out_channels, 1)[:-1]  # no activation at the narrow end
        self.path = nn.Sequential(*layers)
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.drop = StochasticDepth(0.0)  # the network sets it

    def forward(self, x):
        if self.has_shortcut:
            return x + self.drop(self.path(x))
        return self.path(x)


# Table 1, stages 2 to 8: expansion, kernel, first stride, channels, layers.
B0_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


def round_channels(channels):
    """The nearest multiple of 8, at least 8, and not below 90 % of `channels`.

    Raises:
        ValueError: channels is not positive.
    """
    if channels <= 0:
        raise ValueError(f"channels is {channels}; expected a positive number")
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def round_layers(layers):
    """The next whole number: scaling up never takes a layer from a stage.

    Raises:
        ValueError: layers is not positive.
    """
    if layers <= 0:
        raise ValueError(f"layers is {layers}; expected a positive number")
    return int(-(-layers // 1))


def scaled_stages(stages, width, depth):
    """The rows of a stage table with channels times width and layers times depth."""
    return [
        (*kind, round_channels(width * channels), round_layers(depth * layers))
        for *kind, channels, layers in stages
    ]


def stage(in_channels, out_channels, count, kind, unit=silu_unit, gated=True):
    """`count` MBConv blocks; only the first changes channels and resolution.

    Args:
        kind: expansion, kernel size and stride of the first block.
    """
    expansion, kernel_size, stride = kind
    blocks = nn.Sequential()
    for _ in range(count):
        blocks.append(MBConv(in_channels, out_channels, kernel_size, stride, expansion,
                             unit, gated))
        in_channels, stride = out_channels, 1
    return blocks


def set_drops(stages, drop):
    """Stochastic depth that rises: block i of n, counted from 0, gets drop · i / n."""
    blocks = [block for blocks in stages for block in blocks]
    for i, block in enumerate(blocks):
        block.drop = StochasticDepth(drop * i / len(blocks))


class EfficientNet(nn.Module):
    """Stem, stages of MBConv blocks, head (Tan & Le 2019, Table 1): images → logits.

    Args:
        width, depth: factors for channels (stem and head, too) and layers of a stage.
        epsilon: of the batch norms; dropout: before the classifier.
        stages: rows like those of `B0_STAGES`; ends: channels of stem and head.
        drop: probability at which stochastic depth would arrive after the last block.
        unit, gated: see `MBConv`.
    """

    def __init__(self, width=1.0, depth=1.0, dropout=0.2, epsilon=1e-5, *,
                 stages=B0_STAGES, ends=(32, 1280), drop=0.2, unit=silu_unit,
                 gated=True, in_channels=3, num_classes=1000):
        super().__init__()
        channels, features = (round_channels(width * c) for c in ends)
        self.stem = nn.Sequential(*unit(in_channels, channels, 3, stride=2))
        self.stages = nn.Sequential()
        for *kind, out_channels, count in scaled_stages(stages, width, depth):
            self.stages.append(stage(channels, out_channels, count, kind, unit, gated))
            channels = out_channels
        set_drops(self.stages, drop)
        self.head = nn.Sequential(*unit(channels, features, 1))
        self.pool, self.dropout = nn.AdaptiveAvgPool2d(1), nn.Dropout(dropout)
        self.fc = nn.Linear(features, num_classes)
        initialise(self, epsilon)

    def forward(self, x):
        x = self.head(self.stages(self.stem(x)))
        return self.fc(self.dropout(self.pool(x).flatten(1)))


def initialise(model, epsilon):
    """The authors' start: He et al., with what leaves a channel; and epsilon."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            leaving = module.weight[:, 0].numel() // module.groups
            nn.init.normal_(module.weight, std=(2 / leaving) ** 0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            bound = module.out_features**-0.5
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.eps = epsilon


def efficientnet_b0(num_classes=1000):
    """EfficientNet-B0: width 1.0, depth 1.0, for images of 224²."""
    return EfficientNet(1.0, 1.0, 0.2, num_classes=num_classes)


def efficientnet_b1(num_classes=1000):
    """EfficientNet-B1: width 1.0, depth 1.1, for images of 240²."""
    return EfficientNet(1.0, 1.1, 0.2, num_classes=num_classes)


def efficientnet_b2(num_classes=1000):
    """EfficientNet-B2: width 1.1, depth 1.2, for images of 260²."""
    return EfficientNet(1.1, 1.2, 0.3, num_classes=num_classes)


def efficientnet_b3(num_classes=1000):
    """EfficientNet-B3: width 1.2, depth 1.4, for images of 300²."""
    return EfficientNet(1.2, 1.4, 0.3, num_classes=num_classes)


def efficientnet_b4(num_classes=1000):
    """EfficientNet-B4: width 1.4, depth 1.8, for images of 380²."""
    return EfficientNet(1.4, 1.8, 0.4, num_classes=num_classes)


def efficientnet_b5(num_classes=1000):
    """EfficientNet-B5: width 1.6, depth 2.2, for images of 456²."""
    return EfficientNet(1.6, 2.2, 0.4, 1e-3, num_classes=num_classes)


def efficientnet_b6(num_classes=1000):
    """EfficientNet-B6: width 1.8, depth 2.6, for images of 528²."""
    return EfficientNet(1.8, 2.6, 0.5, 1e-3, num_classes=num_classes)


def efficientnet_b7(num_classes=1000):
    """EfficientNet-B7: width 2.0, depth 3.1, for images of 600²."""
    return EfficientNet(2.0, 3.1, 0.5, 1e-3, num_classes=num_classes)


def lite_unit(in_channels, out_channels, kernel_size, stride=1, groups=1):
    """Convolution, batch norm and ReLU6, padded as in TensorFlow."""
    conv, norm, _ = silu_unit(in_channels, out_channels, kernel_size, stride, groups)
    if stride == 1:  # an odd kernel pads alike on both sides
        return [conv, norm, nn.ReLU6()]
    conv.padding = (0, 0)
    return [SamePadding(kernel_size), conv, norm, nn.ReLU6()]


def efficientnet_lite0(num_classes=1000):
    """EfficientNet-Lite0, for images of 224²: B0 with ReLU6 and without gates."""
    return EfficientNet(
        1.0, 1.0, 0.2, 1e-3, unit=lite_unit, gated=False, num_classes=num_classes
    )


TWIN_STAGES = ((1, 3, 2, 16, 1), (4, 3, 1, 24, 1), (4, 5, 2, 40, 2))
SCALINGS = {  # width, depth, resolution
    "base": (1.0, 1.0, 28),
    "width": (1.85, 1.0, 28),
    "depth": (1.0, 2.55, 28),
    "resolution": (1.0, 1.0, 52),
    "compound": (1.2, 1.2, 32),
}


def twin(width=1.0, depth=1.0, resolution=28):
    """The small variant, (N, 1, 28, 28) → (N, 10): three stages.

    Args:
        width, depth: see `EfficientNet`.
        resolution: pixels of a side to which the images are resized, bilinearly.
    """
    net = EfficientNet(
        width, depth, dropout=0.0, num_classes=10, in_channels=1,
        stages=TWIN_STAGES, ends=(16, 128), drop=0.0,
    )
    if resolution == 28:
        return net
    return nn.Sequential(nn.Upsample((resolution, resolution), mode="bilinear"), net)
