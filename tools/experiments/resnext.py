"""Section 16: cardinality at nearly equal cost."""

from archbook.networks.resnext import twin
from tools.experiments import Experiment


def build(config):
    return twin(config["cardinality"], config["path_width"], config["blocks"])


def arm(cardinality, path_width):
    """One network, with one block a stage, at three learning rates."""
    network = {
        "cardinality": cardinality, "path_width": path_width, "blocks": [1, 1, 1]
    }
    return [{"lr": lr, **network} for lr in (0.1, 0.3, 1.0)]


EXPERIMENTS = {
    # The rows of the paper's Table 2 whose paths stay whole at a quarter of the channels,
    # and, as a control of their unequal cost, one path that costs more than any of them.
    "resnext_cardinality": Experiment(
        arm(1, 64) + arm(2, 40) + arm(4, 24) + arm(32, 4) + arm(1, 72),
        build,
        data={"train_size": 10_000},
        training={"epochs": 3, "augment": True},
    ),
}
