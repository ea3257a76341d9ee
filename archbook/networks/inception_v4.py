"""Written by tools/export.py from notebooks/18_inception_v4.ipynb; change it there."""

import torch
from torch import nn

from archbook.networks.inception import Branches


class ConvBNReLU(nn.Sequential):
    """Convolution without bias, batch norm with epsilon 0.001, ReLU.

    Args:
        padding: "same" keeps height and width; "valid" is none, the figures' "V".
    """

    def __init__(self, in_channels, out_channels, kernel, stride=1, padding="same"):
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=False),
            nn.BatchNorm2d(out_channels, eps=0.001),
            nn.ReLU(),
        )


def branch(in_channels, *layers):
    """Convolutions in a row, each (out_channels, kernel[, stride, padding])."""
    convs = []
    for out_channels, *window in layers:
        convs.append(ConvBNReLU(in_channels, out_channels, *window))
        in_channels = out_channels
    return nn.Sequential(*convs)


def average_branch(in_channels, out_channels):
    """3×3 average, whose windows at the border count real pixels only, and a 1×1."""
    average = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return nn.Sequential(average, ConvBNReLU(in_channels, out_channels, 1))


def stem_v4():
    """Figure 3: (N, 3, 299, 299) → (N, 384, 35, 35)."""
    return nn.Sequential(
        branch(3, (32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3)),
        Branches(nn.MaxPool2d(3, stride=2), branch(64, (96, 3, 2, "valid"))),
        Branches(
            branch(160, (64, 1), (96, 3, 1, "valid")),
            branch(160, (64, 1), (64, (1, 7)), (64, (7, 1)), (96, 3, 1, "valid")),
        ),
        Branches(branch(192, (192, 3, 2, "valid")), nn.MaxPool2d(3, stride=2)),
    )


def inception_a():
    """Figure 4, Inception-A: (N, 384, 35, 35) → the same shape."""
    return Branches(
        branch(384, (96, 1)),
        branch(384, (64, 1), (96, 3)),
        branch(384, (64, 1), (96, 3), (96, 3)),
        average_branch(384, 96),
    )


def inception_b():
    """Figure 5, Inception-B: (N, 1024, 17, 17) → the same shape."""
    return Branches(
        branch(1024, (384, 1)),
        branch(1024, (192, 1), (224, (1, 7)), (256, (7, 1))),
        branch(
            1024, (192, 1), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7))
        ),
        average_branch(1024, 128),
    )


def fork(in_channels):
    """The split ends of Inception-C: 1×3 and 3×1 side by side, 256 channels each."""
    return Branches(
        branch(in_channels, (256, (1, 3))),
        branch(in_channels, (256, (3, 1))),
    )


def inception_c():
    """Figure 6, Inception-C: (N, 1536, 8, 8) → the same shape."""
    return Branches(
        branch(1536, (256, 1)),
        nn.Sequential(branch(1536, (384, 1)), fork(384)),
        nn.Sequential(branch(1536, (384, 1), (448, (3, 1)), (512, (1, 3))), fork(512)),
        average_branch(1536, 256),
    )


def reduction_a(in_channels, k, l, m, n):
    """Figure 7: 35×35 → 17×17, in_channels + m + n channels; Table 1 has k, l, m, n."""
    return Branches(
        branch(in_channels, (n, 3, 2, "valid")),
        branch(in_channels, (k, 1), (l, 3), (m, 3, 2, "valid")),
        nn.MaxPool2d(3, stride=2),
    )


def reduction_b_v4():
    """Figure 8: (N, 1024, 17, 17) → (N, 1536, 8, 8)."""
    return Branches(
        branch(1024, (192, 1), (192, 3, 2, "valid")),
        branch(1024, (256, 1), (256, (1, 7)), (320, (7, 1)), (320, 3, 2, "valid")),
        nn.MaxPool2d(3, stride=2),
    )


class ResidualInception(nn.Module):
    """ReLU(x + scale · expand(branches(x))): Inception with a shortcut (Figure 20).

    Args:
        branches: what the block computes, with `inside` channels in all.
        channels: of the block's input, and so of its output.
        scale: factor of the residual before it is added.
        relu: False leaves the sum as it is.
    """

    def __init__(self, branches, inside, channels, scale, relu=True):
        super().__init__()
        self.branches = branches
        self.expand = nn.Conv2d(inside, channels, kernel_size=1)  # no norm, no ReLU
        self.scale = scale
        self.relu = nn.ReLU() if relu else nn.Identity()

    def forward(self, x):
        return self.relu(x + self.scale * self.expand(self.branches(x)))


def residual_a(channels, middle, last, scale=0.17):
    """35×35: `middle` and `last` are 32, 32 in Figure 10 (v1), 48, 64 in Figure 16."""
    branches = Branches(
        branch(channels, (32, 1)),
        branch(channels, (32, 1), (32, 3)),
        branch(channels, (32, 1), (middle, 3), (last, 3)),
    )
    return ResidualInception(branches, 32 + 32 + last, channels, scale)


def residual_b(channels, first, middle, last, scale=0.10):
    """17×17: the widths are 128 in Figure 11 (v1), and 192, 160, 192 in Figure 17."""
    branches = Branches(
        branch(channels, (first, 1)),
        branch(channels, (128, 1), (middle, (1, 7)), (last, (7, 1))),
    )
    return ResidualInception(branches, first + last, channels, scale)


def residual_c(channels, middle, last, scale=0.20, relu=True):
    """8×8: the widths are 192, 192 in Figure 13 (v1), and 224, 256 in Figure 19."""
    branches = Branches(
        branch(channels, (192, 1)),
        branch(channels, (192, 1), (middle, (1, 3)), (last, (3, 1))),
    )
    return ResidualInception(branches, 192 + last, channels, scale, relu)


def reduction_b(in_channels, second, third, last):
    """Figure 12 (v1: 256 three times) and 18 (v2: 288, 288, 320): 17×17 → 8×8."""
    return Branches(
        branch(in_channels, (256, 1), (384, 3, 2, "valid")),
        branch(in_channels, (256, 1), (second, 3, 2, "valid")),
        branch(in_channels, (256, 1), (third, 3), (last, 3, 2, "valid")),
        nn.MaxPool2d(3, stride=2),
    )


def stem_v1():
    """Figure 14: (N, 3, 299, 299) → (N, 256, 35, 35)."""
    return nn.Sequential(
        branch(3, (32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3)),
        nn.MaxPool2d(3, stride=2),
        branch(64, (80, 1), (192, 3, 1, "valid"), (256, 3, 2, "valid")),
    )


def stem_released():
    """The released v2's own: as v1 up to 192 channels, then an Inception block."""
    return nn.Sequential(
        branch(3, (32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3)),
        nn.MaxPool2d(3, stride=2),
        branch(64, (80, 1), (192, 3, 1, "valid")),
        nn.MaxPool2d(3, stride=2),
        Branches(
            branch(192, (96, 1)),
            branch(192, (48, 1), (64, 5)),
            branch(192, (64, 1), (96, 3), (96, 3)),
            average_branch(192, 64),
        ),
    )


class Inception(nn.Module):
    """Stem, blocks, reductions; mean over the map; dropout; one linear layer.

    Args:
        features: modules in a row, the last of which gives `channels` channels.
        num_classes: number of logits.
    """

    def __init__(self, features, channels, num_classes):
        super().__init__()
        self.features = nn.Sequential(*features)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)  # Figures 9 and 15: keep 0.8
        self.fc = nn.Linear(channels, num_classes)
        initialise_he(self)

    def forward(self, x):
        x = self.pool(self.features(x)).flatten(1)
        return self.fc(self.dropout(x))


def initialise_he(model):
    """Convolutions: normal with variance 2 / incoming connections, biases zero."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def inception_v4(num_classes=1000):
    """Inception-v4 (Figure 9)."""
    features = [stem_v4()]
    features += [inception_a() for _ in range(4)]
    features += [reduction_a(384, k=192, l=224, m=256, n=384)]
    features += [inception_b() for _ in range(7)]
    features += [reduction_b_v4()]
    features += [inception_c() for _ in range(3)]
    return Inception(features, 1536, num_classes)


def inception_resnet_v1(num_classes=1000):
    """Inception-ResNet-v1 (Figure 15)."""
    features = [stem_v1()]
    features += [residual_a(256, 32, 32) for _ in range(5)]
    features += [reduction_a(256, k=192, l=192, m=256, n=384)]
    features += [residual_b(896, 128, 128, 128) for _ in range(10)]
    features += [reduction_b(896, 256, 256, 256)]
    features += [residual_c(1792, 192, 192) for _ in range(5)]
    return Inception(features, 1792, num_classes)


def inception_resnet_v2_paper(num_classes=1000):
    """Inception-ResNet-v2 as the paper draws it (Figure 15)."""
    features = [stem_v4()]
    features += [residual_a(384, 48, 64) for _ in range(5)]
    features += [reduction_a(384, k=256, l=256, m=384, n=384)]
    features += [residual_b(1152, 192, 160, 192) for _ in range(10)]
    features += [reduction_b(1152, 288, 288, 320)]
    features += [residual_c(2144, 224, 256) for _ in range(5)]
    return Inception(features, 2144, num_classes)


def inception_resnet_v2(num_classes=1000):
    """Inception-ResNet-v2 as its authors released it: twice the blocks."""
    features = [stem_released()]
    features += [residual_a(320, 48, 64) for _ in range(10)]
    features += [reduction_a(320, k=256, l=256, m=384, n=384)]
    features += [residual_b(1088, 192, 160, 192) for _ in range(20)]
    features += [reduction_b(1088, 288, 288, 320)]
    features += [residual_c(2080, 224, 256) for _ in range(9)]
    features += [residual_c(2080, 224, 256, scale=1.0, relu=False)]
    features += [branch(2080, (1536, 1))]
    return Inception(features, 1536, num_classes)


def small_branches(channels, *kernels):
    """As in residual blocks B and C: a 1×1, and a 1×1 before the two given kernels."""
    return Branches(
        branch(channels, (16, 1)),
        branch(channels, (16, 1), *((16, kernel) for kernel in kernels)),
    )


def small_reduction_b(width):
    """Figure 12 at the twin's size: (N, 64, 6, 6) → (N, width, 2, 2)."""
    third = (width - 64) // 3  # the pooling brings its own 64 channels
    return Branches(
        branch(64, (16, 1), (third, 3, 2, "valid")),
        branch(64, (16, 1), (third, 3, 2, "valid")),
        branch(64, (16, 1), (16, 3), (third, 3, 2, "valid")),
        nn.MaxPool2d(3, stride=2),
    )


def small_inception_resnet(scale=0.1, width=1024, block=ResidualInception):
    """The twin for 28×28 grey images: (N, 1, 28, 28) → (N, 10).

    Args:
        scale: factor of the residuals.
        width: channels of the last grid, 64 and a multiple of 3.
        block: PlainInception leaves out every shortcut, and with it the scale.
    """
    three = Branches(
        branch(16, (8, 1)),
        branch(16, (8, 1), (8, 3)),
        branch(16, (8, 1), (8, 3), (8, 3)),
    )
    features = [branch(1, (16, 3, 2, "valid"))]
    features += [block(three, 24, 16, scale)]
    features += [reduction_a(16, k=8, l=8, m=16, n=32)]
    for _ in range(2):
        features += [block(small_branches(64, (1, 7), (7, 1)), 32, 64, scale)]
    features += [small_reduction_b(width)]
    for _ in range(3):
        features += [block(small_branches(width, (1, 3), (3, 1)), 32, width, scale)]
    return Inception(features, width, num_classes=10)


class PlainInception(ResidualInception):
    """The same block without its shortcut: ReLU(expand(branches(x)))."""

    def forward(self, x):
        return self.relu(self.expand(self.branches(x)))


def dead_channels(net, images):
    """Share of the last maps' channels that are 0 at every pixel of every image."""
    net.eval()
    with torch.no_grad():
        return (net.features(images).amax(dim=(0, 2, 3)) == 0).float().mean().item()
