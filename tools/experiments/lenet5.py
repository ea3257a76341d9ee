"""Section 09: which activation, which pooling, and the network of 1998."""

from torch import nn

from archbook.networks.lenet import LeNet5, LeNet5Simplified
from tools.experiments import Experiment, grid


def build(config):
    if config["network"] == "lenet5":
        return LeNet5()
    activation = getattr(nn, config["activation"])
    return LeNet5Simplified(10, activation, getattr(nn, config["pooling"]))


EXPERIMENTS = {
    "lenet5_activation": Experiment(
        grid(
            network=["lenet5_simplified"],
            activation=["Sigmoid", "Tanh", "ReLU"],
            pooling=["AvgPool2d", "MaxPool2d"],
            lr=[0.01, 0.03, 0.1, 0.3, 1.0],
        ),
        build,
        data={"train_size": 10_000, "pad": 2},
        training={"epochs": 3},
    ),
    "lenet5_1998": Experiment(
        grid(network=["lenet5"], lr=[0.0003, 0.001, 0.003, 0.01, 0.03]),
        build,
        data={"train_size": 10_000, "pad": 2},
        training={"epochs": 3},
    ),
}
