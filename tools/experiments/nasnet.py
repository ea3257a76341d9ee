"""Section 20: a whole search space trained once, its noise, and its winners again."""

from dataclasses import replace

from archbook.networks.nasnet import CANDIDATES, small_nasnet
from tools.experiments import Experiment

LR = 0.3  # one rate for all, fixed beforehand on seed 100

# Ranks 1 to 5 and 106 to 110 of nasnet_space, by validation accuracy.
FINALISTS = [
    ("1×7, 7×1", "1×7, 7×1", "average 3×3"),
    ("separable 3×3", "1×7, 7×1", "max 3×3"),
    ("max 3×3", "separable 3×3", "separable 5×5"),
    ("max 3×3", "1×7, 7×1", "separable 5×5"),
    ("1×7, 7×1", "identity", "1×7, 7×1"),
    ("identity", "separable 5×5", "identity"),
    ("separable 3×3", "separable 3×3", "1×7, 7×1"),
    ("separable 5×5", "average 3×3", "average 3×3"),
    ("separable 3×3", "separable 3×3", "separable 5×5"),
    ("separable 3×3", "separable 5×5", "1×7, 7×1"),
]


def build(config):
    return small_nasnet(config["cell"])


def configurations(cells):
    return [{"lr": LR, "cell": list(cell)} for cell in cells]


def fewer_test_images(data):
    """The first 1,000 test images: no statement of the section rests on them."""
    return replace(data, test=data.test[:1_000])


SHORT = {
    "build": build,
    "data": {"train_size": 3_000},
    "training": {"epochs": 1, "batch_size": 32},
    "prepare": fewer_test_images,
}
EXPERIMENTS = {
    "nasnet_space": Experiment(configurations(CANDIDATES), seeds=[0], **SHORT),
    "nasnet_noise": Experiment(
        configurations(CANDIDATES[::11]), seeds=[1, 2, 3, 4], **SHORT
    ),
    "nasnet_again": Experiment(
        configurations(FINALISTS), seeds=[1, 2, 3, 4], **SHORT
    ),
    "nasnet_finalists": Experiment(
        configurations(FINALISTS),
        build,
        data={"train_size": 10_000},
        training={"epochs": 1, "batch_size": 32},
    ),
}
