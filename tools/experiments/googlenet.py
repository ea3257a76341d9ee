"""Section 14: with and without auxiliary heads, with and without batch norm."""

from archbook.networks.googlenet import (
    conv_bn_relu, conv_relu, initialise_he, initialise_xavier, small_googlenet, watch,
)
from tools.experiments import Experiment, grid


def build(config):
    if config["batch_norm"]:
        model = small_googlenet(conv_bn_relu, config["heads"], initialise_he)
    else:
        model = small_googlenet(conv_relu, config["heads"], initialise_xavier)
    model.stem_gradient = watch(model.lower[0][0].weight)
    return model


def stem_gradient(model, data):
    """Norm of the gradient at the first convolution's weights, at each step of training."""
    return {"stem_gradient": [float(f"{n:.3g}") for n in model.stem_gradient]}


EXPERIMENTS = {
    "googlenet_heads": Experiment(  # each best rate lies inside its grid
        grid(lr=[0.01, 0.03, 0.1, 0.3], batch_norm=[False], heads=[True, False])
        + grid(lr=[0.1, 0.3, 1.0], batch_norm=[True], heads=[True, False]),
        build,
        data={"train_size": 5_000, "pad": 2},
        training={"epochs": 4},
        measure=stem_gradient,
    ),
}
