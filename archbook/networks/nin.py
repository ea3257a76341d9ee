"""Written by tools/export.py from notebooks/13_nin.ipynb; change it there."""

import torch
from torch import nn


def mlpconv(in_channels, channels, kernel_size, stride=1, padding=0):
    """A convolution, then 1×1 convolutions, each with ReLU (Lin et al. 2014, §3.1).

    (N, in_channels, H, W) → (N, channels[-1], H', W'). `channels` are the outputs of
    the convolution and of each 1×1 convolution after it, in order.
    """
    first = nn.Conv2d(in_channels, channels[0], kernel_size, stride, padding)
    layers = [first, nn.ReLU()]
    for before, after in zip(channels, channels[1:]):
        layers += [nn.Conv2d(before, after, kernel_size=1), nn.ReLU()]
    return nn.Sequential(*layers)


class NiN(nn.Module):
    """mlpconv layers and global average pooling: (N, C, H, W) → logits.

    The last layer has one map for each class; the mean of a map is the logit of its
    class (Lin et al. 2014, §3.2). Any image size that survives the pooling will do.
    """

    def __init__(self, *layers):
        super().__init__()
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.apply(initialise_he)

    def forward(self, x):
        return self.head(self.features(x))


def initialise_he(module):
    """Draw weights as He et al. (2015) advise for ReLU; biases start at 0."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


def nin_cifar10(num_classes=10):
    """The network for CIFAR-10, 32×32: three mlpconv layers (released definition)."""
    return NiN(
        mlpconv(3, (192, 160, 96), kernel_size=5, padding=2),
        nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True), nn.Dropout(0.5),
        mlpconv(96, (192, 192, 192), kernel_size=5, padding=2),
        nn.AvgPool2d(kernel_size=3, stride=2, ceil_mode=True), nn.Dropout(0.5),
        mlpconv(192, (192, 192, num_classes), kernel_size=3, padding=1),
    )


def nin_imagenet(num_classes=1000):
    """The network for ImageNet, 224×224: four mlpconv layers (Caffe model zoo)."""
    return NiN(
        mlpconv(3, (96, 96, 96), kernel_size=11, stride=4),
        nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
        mlpconv(96, (256, 256, 256), kernel_size=5, padding=2),
        nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
        mlpconv(256, (384, 384, 384), kernel_size=3, padding=1),
        nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True), nn.Dropout(0.5),
        mlpconv(384, (1024, 1024, num_classes), kernel_size=3, padding=1),
    )


def with_batch_norm(block):
    """The block with a batch norm after each convolution (not in the paper)."""
    layers = []
    for layer in block:
        layers.append(layer)
        if isinstance(layer, nn.Conv2d):
            layers.append(nn.BatchNorm2d(layer.out_channels))
    return nn.Sequential(*layers)


def linear_inside(block):
    """The block without ReLU between its convolutions; the one at its end stays."""
    inside = [layer for layer in block[:-1] if not isinstance(layer, nn.ReLU)]
    return nn.Sequential(*inside, block[-1])


TWIN = ((24, 20, 12), (24, 24, 24), (24, 24, 10))  # an eighth of the paper's channels
PLAIN = ((20,), (24,), (25, 10))  # no network in the filter; as many MACs


def small_nin(channels=TWIN, change=None):
    """The twin for 28×28 grey images: (N, 1, 28, 28) → (N, 10), last maps 7×7.

    `channels` as in `mlpconv`, for each of the three; `change` turns each mlpconv
    into another block, such as `linear_inside`.
    """
    blocks = (
        mlpconv(1, channels[0], kernel_size=5, stride=2, padding=2),
        mlpconv(channels[0][-1], channels[1], kernel_size=5, padding=2),
        mlpconv(channels[1][-1], channels[2], kernel_size=3, padding=1),
    )
    first, second, third = (
        with_batch_norm(change(block) if change else block) for block in blocks
    )
    pool = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
    return NiN(first, pool, second, third)


def with_linear_head(net, inputs, num_classes=10):
    """Put a fully connected layer where `net` has its average; returns `net`."""
    linear = nn.Linear(inputs, num_classes)
    initialise_he(linear)
    net.head = nn.Sequential(nn.Flatten(), linear)
    return net


def finds_both(net, left, right, left_classes, right_classes):
    """Put images side by side: is each class's map stronger on its own side?

    `left` and `right` are N images each, (N, C, H, W), the classes their labels, (N,).
    Returns N truth values: both maps have the larger mean on the side of their image.
    """
    halves = net.features(torch.cat([left, right], dim=3)).chunk(2, dim=3)
    west, east = (half.mean(dim=(2, 3)) for half in halves)  # (N, classes) each
    more_west = west > east
    pair = torch.arange(len(left))
    return more_west[pair, left_classes] & (east > west)[pair, right_classes]
