"""Section 21: gates that see the image, gates that don't, and none; budgets doubled twice."""

from archbook.networks.senet import (
    BlindGates, SqueezeExcite, accuracy_with, excitations, of_another_image, of_no_image,
    share_between_classes, twin,
)
from tools.experiments import Experiment, grid

GATES = {"none": None, "SE": SqueezeExcite, "blind": BlindGates}


def build(config):
    return twin(GATES[config["gates"]])


def use_of_gates(model, data):
    """What the gates of a trained network with SE depend on, measured on test images."""
    if type(model.blocks[0].main_path[-1]) is not SqueezeExcite:
        return {}
    images, labels = data.test.normalised(), data.test.labels
    gates = excitations(model, images)
    return {
        "mean": [round(g.mean().item(), 4) for g in gates],
        "between_images": [round(g.std(0).mean().item(), 4) for g in gates],
        "between_classes": [round(share_between_classes(g, labels), 4) for g in gates],
        "of_no_image": accuracy_with(model, images, labels, of_no_image),
        "of_another_image": accuracy_with(model, images, labels, of_another_image),
    }


def after(epochs, gates, rates=(0.1, 0.3, 1.0)):
    return Experiment(
        grid(lr=rates, gates=gates),
        build,
        data={"train_size": 10_000},
        training={"epochs": epochs},
        measure=use_of_gates,
    )


EXPERIMENTS = {
    "senet_3_epochs": after(3, ["none", "SE"]),
    "senet_6_epochs": after(6, ["none", "SE"]),
    # After 12 epochs 1.0 was the best of three rates for two of the arms: a fourth.
    "senet_12_epochs": after(12, ["none", "SE", "blind"], (0.1, 0.3, 1.0, 3.0)),
}
