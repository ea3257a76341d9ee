"""Section 17: a 5×5 as two 3×3, three ways to halve the size, label smoothing."""

import torch

from archbook.networks.inception import small_inception
from tools.experiments import Experiment, grid


def build(config):
    return small_inception(config["kind"], config["way"])


@torch.no_grad()
def logits_apart(model, data):
    """How far the largest logit stands above the mean of the others, and how sure it is."""
    logits = model(data.test.normalised())
    largest, others = logits.amax(1), logits.shape[1] - 1
    gap = largest - (logits.sum(1) - largest) / others
    return {
        "gap": gap.mean().item(),
        "confidence": logits.softmax(1).amax(1).mean().item(),
    }


RATES = [0.1, 0.03, 0.3]
KINDS = ["5x5", "3x3, 3x3 linear", "3x3, 3x3"]
IMAGES, EPOCHS = {"train_size": 10_000}, {"epochs": 2}

EXPERIMENTS = {
    "inception_kernels": Experiment(
        grid(lr=RATES, kind=KINDS, way=["parallel"]),
        build, data=IMAGES, training=EPOCHS, measure=logits_apart,
    ),
    # The third way, in parallel, is an arm of inception_kernels.
    "inception_reduction": Experiment(
        grid(lr=RATES, kind=["3x3, 3x3"], way=["pool first", "pool last"]),
        build, data=IMAGES, training=EPOCHS, measure=logits_apart,
    ),
    # Without smoothing the network is an arm of inception_kernels, too.
    "inception_smoothing": Experiment(
        grid(lr=RATES, kind=["3x3, 3x3"], way=["parallel"]),
        build, data=IMAGES, training=EPOCHS | {"label_smoothing": 0.1},
        measure=logits_apart,
    ),
}
