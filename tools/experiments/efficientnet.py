"""Section 22: one small network, scaled in four ways to the same MACs."""

from archbook.networks.efficientnet import SCALINGS, twin
from tools.experiments import Experiment, grid

EXPERIMENTS = {
    "efficientnet_scaling": Experiment(
        grid(lr=[0.1, 0.3, 1.0], scaling=list(SCALINGS)),
        lambda config: twin(*SCALINGS[config["scaling"]]),
        data={"train_size": 10_000},
        training={"epochs": 2, "batch_size": 64},
    ),
}
