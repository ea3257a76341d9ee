"""Section 19: concatenation against addition, and which connections a trained net uses."""

from archbook.networks.densenet import (
    adding, concatenating, losses_when_shuffled, mean_weights,
)
from tools.experiments import Experiment, grid

CONVS = {"addition, 1 layer": 1, "addition, 2 layers": 2}


def build(config):
    join = config["join"]
    return concatenating() if join == "concatenation" else adding(CONVS[join])


def reuse(model, data):
    """The two maps of connections, as lists of (block, source, reader, number)."""
    if not hasattr(model, "blocks"):
        return {}  # the nets that add
    some = data.validation[:300]
    maps = {
        "mean_weights": mean_weights(model),
        "shuffled": losses_when_shuffled(model, some.normalised(), some.labels),
    }
    return {
        name: [[*key, round(value, 6)] for key, value in numbers.items()]
        for name, numbers in maps.items()
    }


EXPERIMENTS = {
    "densenet_joins": Experiment(
        grid(lr=[0.1, 0.3, 1.0], join=["concatenation", *CONVS]),
        build,
        data={"train_size": 10_000},
        training={"epochs": 2, "batch_size": 64},
        measure=reuse,
    ),
}
