"""Written by tools/export.py from notebooks/14_inception_v1.ipynb; change it there."""

import torch
from torch import nn


def conv_relu(in_channels, out_channels, kernel_size, stride=1):
    """A convolution with bias and ReLU, as in the paper; padding keeps the size."""
    padding = kernel_size // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding), nn.ReLU()
    )


class Inception(nn.Module):
    """Four branches on one input, concatenated (Szegedy et al. 2015, Figure 2b).

    (N, in_channels, H, W) → (N, out_1x1 + out_3x3 + out_5x5 + pool_proj, H, W). The
    arguments stand in the order of Table 1's columns; `conv` makes a convolution with
    its activation, `large_kernel` is 5 in the paper and 3 in torchvision.
    """

    def __init__(self, in_channels, out_1x1, reduce_3x3, out_3x3, reduce_5x5, out_5x5,
                 pool_proj, conv=conv_relu, large_kernel=5):
        super().__init__()
        self.branch1 = conv(in_channels, out_1x1, 1)
        self.branch2 = nn.Sequential(
            conv(in_channels, reduce_3x3, 1), conv(reduce_3x3, out_3x3, 3)
        )
        self.branch3 = nn.Sequential(
            conv(in_channels, reduce_5x5, 1), conv(reduce_5x5, out_5x5, large_kernel)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1),
            conv(in_channels, pool_proj, 1),
        )

    def forward(self, x):
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return torch.cat([branch(x) for branch in branches], dim=1)


MODULES = {  # C in, #1×1, #3×3 reduce, #3×3, #5×5 reduce, #5×5, pool proj
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


def inception_modules(conv, large_kernel, divisor=1):
    """The nine modules of Table 1 by name, each channel number divided by `divisor`."""
    return {
        name: Inception(*(n // divisor for n in numbers), conv, large_kernel)
        for name, numbers in MODULES.items()
    }


def auxiliary_head(in_channels, num_classes, conv, pool, channels=128, hidden=1024):
    """A classifier for the middle of the network (§5): (N, C, H, W) → (N, num_classes).

    `pool` must give 4×4 maps.
    """
    return nn.Sequential(
        pool,
        conv(in_channels, channels, 1),
        nn.Flatten(),
        nn.Linear(4 * 4 * channels, hidden),
        nn.ReLU(),
        nn.Dropout(0.7),
        nn.Linear(hidden, num_classes),
    )


def halve(kernel_size):
    """Max pooling of stride 2 that rounds sizes up: 112 → 56 → 28 → 14 → 7."""
    return nn.MaxPool2d(kernel_size, stride=2, ceil_mode=True)


class GoogLeNet(nn.Module):
    """Stem, nine Inception modules, a classifier, and two heads for training.

    (N, C, H, W) → logits (N, classes); in training mode, unless `heads` is empty, a
    tuple: logits, logits of the head at module 4a, logits of the head at module 4d.

    Args:
        stem: from the image to the input of module 3a.
        modules: what `inception_modules` returns.
        last_pool: kernel of the last max pooling; 3 in the paper, 2 in torchvision.
        heads: two auxiliary classifiers, or none.
        classifier: from the output of module 5b to logits.
    """

    def __init__(self, stem, modules, last_pool, heads, classifier):
        super().__init__()
        m = modules
        self.lower = nn.Sequential(*stem, m["3a"], m["3b"], halve(3), m["4a"])
        self.middle = nn.Sequential(m["4b"], m["4c"], m["4d"])
        self.upper = nn.Sequential(m["4e"], halve(last_pool), m["5a"], m["5b"])
        self.heads = nn.ModuleList(heads)
        self.classifier = classifier

    def forward(self, x):
        at_4a = self.lower(x)
        at_4d = self.middle(at_4a)
        logits = self.classifier(self.upper(at_4d))
        if not (self.training and self.heads):
            return logits
        return logits, self.heads[0](at_4a), self.heads[1](at_4d)


def average_classifier(in_channels, num_classes, dropout):
    """Global average, dropout and one linear layer: (N, C, H, W) → (N, num_classes)."""
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout),
        nn.Linear(in_channels, num_classes),
    )


def initialise_he(module):
    """Draw weights as He et al. (2015) advise for ReLU; biases start at 0."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def initialise_xavier(module):
    """Draw weights with variance 1 / inputs, half of He's; a convolution's bias is 0.2.

    As in the Caffe replication, which calls it "xavier".
    """
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
        is_conv = isinstance(module, nn.Conv2d)
        nn.init.constant_(module.bias, 0.2 if is_conv else 0.0)


def googlenet_paper(num_classes=1000, heads=True):
    """GoogLeNet as the paper describes it (Szegedy et al. 2015, §5 and Table 1)."""
    norm1, norm2 = (nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75) for _ in range(2))
    stem = (
        conv_relu(3, 64, 7, stride=2), halve(3), norm1,
        conv_relu(64, 64, 1), conv_relu(64, 192, 3), norm2, halve(3),
    )
    modules = inception_modules(conv_relu, large_kernel=5)
    auxiliary = [
        auxiliary_head(channels, num_classes, conv_relu, nn.AvgPool2d(5, stride=3))
        for channels in (512, 528) if heads
    ]
    classifier = average_classifier(1024, num_classes, dropout=0.4)
    net = GoogLeNet(stem, modules, 3, auxiliary, classifier)
    return net.apply(initialise_xavier)


def conv_bn_relu(in_channels, out_channels, kernel_size, stride=1):
    """A convolution without bias, batch norm and ReLU, as in torchvision."""
    padding = kernel_size // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False),
        nn.BatchNorm2d(out_channels, eps=0.001),
        nn.ReLU(),
    )


def googlenet(num_classes=1000, heads=True):
    """GoogLeNet as torchvision has it: batch norm, and 3×3 in place of 5×5."""
    stem = (
        conv_bn_relu(3, 64, 7, stride=2), halve(3),
        conv_bn_relu(64, 64, 1), conv_bn_relu(64, 192, 3), halve(3),
    )
    modules = inception_modules(conv_bn_relu, large_kernel=3)
    auxiliary = [
        auxiliary_head(channels, num_classes, conv_bn_relu, nn.AdaptiveAvgPool2d(4))
        for channels in (512, 528) if heads
    ]
    classifier = average_classifier(1024, num_classes, dropout=0.2)
    net = GoogLeNet(stem, modules, 2, auxiliary, classifier)
    return net.apply(initialise_he)


def small_googlenet(conv, heads, initialise):
    """The twin for 32×32 grey images: (N, 1, 32, 32) → 10 logits, heads in training.

    Nine modules with an eighth of the paper's channels on maps of 8×8, 4×4 and 2×2;
    the stem has no second pooling. `conv` is `conv_relu` or `conv_bn_relu`,
    `initialise` a function for `Module.apply`.
    """
    stem = (conv(1, 8, 3, stride=2), halve(3), conv(8, 8, 1), conv(8, 24, 3))
    modules = inception_modules(conv, large_kernel=5, divisor=8)
    auxiliary = [
        auxiliary_head(channels, 10, conv, nn.Identity(), channels=16, hidden=128)
        for channels in (64, 66) if heads
    ]
    classifier = average_classifier(128, 10, dropout=0.0)
    return GoogLeNet(stem, modules, 3, auxiliary, classifier).apply(initialise)


def watch(parameter):
    """A list to which each backward pass adds the norm of the parameter's gradient."""
    norms = []
    parameter.register_hook(lambda gradient: norms.append(gradient.norm().item()))
    return norms
