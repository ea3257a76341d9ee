"""Written by tools/export.py from notebooks/10_alexnet.ipynb; change it there."""

import torch
from torch import nn


def overlapping_pool():
    """The largest of 3×3, moved by 2: neighbouring windows overlap (§3.4)."""
    return nn.MaxPool2d(kernel_size=3, stride=2)


def local_response_norm():
    """The paper's normalisation (§3.3); torch divides alpha by the 5 channels."""
    return nn.LocalResponseNorm(size=5, alpha=5 * 1e-4, beta=0.75, k=2)


class AlexNet2012(nn.Module):
    """AlexNet as published (Krizhevsky et al. 2012, §3.5): (N, 3, 227, 227) → logits.

    Args:
        groups: 2 for the paper's split over two GPUs, 1 for the network merged.
    """

    def __init__(self, num_classes=1000, groups=2):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, kernel_size=11, stride=4), nn.ReLU(),
            local_response_norm(), overlapping_pool(),
            nn.Conv2d(96, 256, kernel_size=5, padding=2, groups=groups), nn.ReLU(),
            local_response_norm(), overlapping_pool(),
            nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 384, kernel_size=3, padding=1, groups=groups), nn.ReLU(),
            nn.Conv2d(384, 256, kernel_size=3, padding=1, groups=groups), nn.ReLU(),
            overlapping_pool(),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(4096, num_classes),
        )
        initialise_2012(self)

    def forward(self, x):
        return self.classifier(self.features(x))


def initialise_2012(net):
    """Weights from a Gaussian of deviation 0.01, biases of 1 or 0 (§5)."""
    layers = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    for number, layer in enumerate(layers, start=1):
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.constant_(layer.bias, 1 if number in (2, 4, 5, 6, 7) else 0)


def alexnet_2012(num_classes=1000):
    """AlexNet of 2012: two groups, LRN, 227×227 pixels."""
    return AlexNet2012(num_classes)


def alexnet_2012_merged(num_classes=1000):
    """AlexNet of 2012 on one GPU: the same layers without groups."""
    return AlexNet2012(num_classes, groups=1)


class AlexNet(nn.Module):
    """AlexNet for one GPU (Krizhevsky 2014), as torchvision: (N, 3, H, W) → logits."""

    def __init__(self, num_classes=1000):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True), overlapping_pool(),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True), overlapping_pool(),
            nn.Conv2d(192, 384, kernel_size=3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1), nn.ReLU(inplace=True),
            overlapping_pool(),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(inplace=True),
            nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


def alexnet(num_classes=1000):
    """torchvision's AlexNet: one tower, no groups, no LRN."""
    return AlexNet(num_classes)


class SmallAlexNet(nn.Module):
    """AlexNet's plan for small grey images: (N, 1, 32, 32) → logits."""

    def __init__(self, num_classes=10, activation=nn.ReLU, dropout=0.5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=5, stride=2, padding=2), activation(),
            overlapping_pool(),
            nn.Conv2d(16, 32, kernel_size=5, padding=2), activation(),
            overlapping_pool(),
            nn.Conv2d(32, 48, kernel_size=3, padding=1), activation(),
            nn.Conv2d(48, 48, kernel_size=3, padding=1), activation(),
            nn.Conv2d(48, 32, kernel_size=3, padding=1), activation(),
            overlapping_pool(),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(32, 256), activation(), nn.Dropout(dropout),
            nn.Linear(256, 256), activation(), nn.Dropout(dropout),
            nn.Linear(256, num_classes),
        )
        initialise_he(self, activation)

    def forward(self, x):
        return self.classifier(self.features(x))


def initialise_he(model, activation):
    """Weights with which signals keep their size (He et al. 2015); biases at 0."""
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            name = activation.__name__.lower()  # "relu" or "tanh": each has its factor
            nn.init.kaiming_normal_(layer.weight, nonlinearity=name)
            nn.init.zeros_(layer.bias)


class Ensemble(nn.Module):
    """Networks that predict together, by the mean of their probabilities (§6).

    In training it returns the logits of every member, so that each has a loss of its
    own; in evaluation the logarithm of the mean probabilities.
    """

    def __init__(self, members):
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x):
        logits = [member(x) for member in self.members]
        if self.training:
            return tuple(logits)
        return mean_probability(logits).log()


def mean_probability(logits):
    """The mean of several networks' class probabilities."""
    return torch.stack(logits).softmax(dim=2).mean(dim=0)
