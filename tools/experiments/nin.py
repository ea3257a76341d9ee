"""Section 13: the network inside the filter, and the average instead of a linear layer."""

import torch

from archbook.networks.nin import (
    PLAIN, finds_both, linear_inside, small_nin, with_linear_head,
)
from tools.experiments import Experiment, grid


def build(config):
    if config["network"] == "mlpconv":
        return small_nin()
    if config["network"] == "linear inside":
        return small_nin(change=linear_inside)
    if config["network"] == "plain":
        return small_nin(PLAIN)
    return with_linear_head(small_nin(), 10 * 7 * 7)


def both_sides(model, data):
    """Share of pairs of test images whose class maps are stronger on the own side."""
    images, labels = data.test[:2000].normalised(), data.test.labels[:2000]
    left, right = labels[:1000], labels[1000:]
    differ = left != right
    with torch.no_grad():
        found = finds_both(
            model, images[:1000][differ], images[1000:][differ], left[differ], right[differ]
        )
    return {"both_sides": found.float().mean().item()}


EXPERIMENTS = {
    "nin_twins": Experiment(  # each grid extended until the best rate lies inside it
        grid(network=["mlpconv", "linear inside"], lr=[0.1, 0.3, 1.0])
        + grid(network=["plain"], lr=[0.1, 0.3, 1.0, 3.0])
        + grid(network=["linear head"], lr=[0.03, 0.1, 0.3, 1.0]),
        build,
        data={"train_size": 10_000},
        training={"epochs": 4},
        measure=both_sides,
    ),
}
