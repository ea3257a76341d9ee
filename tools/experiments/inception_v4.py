"""Section 18: residual scaling and shortcuts in a wide twin, and in a narrow one."""

from archbook.networks.inception_v4 import (
    PlainInception, ResidualInception, dead_channels, small_inception_resnet,
)
from tools.experiments import Experiment, grid


def build(config):
    block = ResidualInception if config["shortcut"] else PlainInception
    return small_inception_resnet(config["scale"], config["width"], block)


def measure_dead(model, data):
    """Dead channels before the average pooling, on the first 1,000 test images."""
    return {"dead_channels": dead_channels(model, data.test[:1000].normalised())}


WIDE, NARROW = {"width": [1024]}, {"width": [256]}
EXPERIMENTS = {
    "inception_v4_scaling": Experiment(  # each grid has its arm's best rate inside
        grid(lr=[0.003, 0.01, 0.03, 0.1], scale=[1.0], shortcut=[True], **WIDE)
        + grid(lr=[0.01, 0.03, 0.1], scale=[0.3], shortcut=[True], **WIDE)
        + grid(lr=[0.01, 0.03, 0.1, 0.3], scale=[0.1], shortcut=[True], **WIDE)
        + grid(lr=[0.01, 0.03, 0.1], scale=[1.0], shortcut=[False], **WIDE)
        + grid(lr=[0.01, 0.03, 0.1, 0.3], scale=[1.0, 0.1], shortcut=[True], **NARROW),
        build,
        data={"train_size": 4_000},
        training={"epochs": 2},
        measure=measure_dead,
    ),
}
