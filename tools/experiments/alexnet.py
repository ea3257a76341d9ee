"""Section 10: ReLU against tanh, dropout and augmentation, ensembles, ten crops."""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms.functional import ten_crop

from archbook.data import ordered_batches
from archbook.networks.alexnet import Ensemble, SmallAlexNet, mean_probability
from tools.experiments import Experiment, grid

MEMBERS = 7


def build(config):
    return SmallAlexNet(10, getattr(nn, config["activation"]), config["dropout"])


def build_ensemble(config):
    return Ensemble(SmallAlexNet(dropout=config["dropout"]) for _ in range(MEMBERS))


@torch.no_grad()
def by_members(model, data):
    """Test accuracy of the first 1, 2, ... members together, and of each alone."""
    batches = [
        torch.stack([member(images) for member in model.members])
        for images, _ in ordered_batches(data.test)
    ]
    logits = torch.cat(batches, dim=1)

    def accuracy(some):
        right = mean_probability(list(some)).argmax(1) == data.test.labels
        return right.float().mean().item()

    return {
        "together": [accuracy(logits[: n + 1]) for n in range(MEMBERS)],
        "alone": [accuracy(logits[n : n + 1]) for n in range(MEMBERS)],
    }


@torch.no_grad()
def ten_crops(model, data):
    """Test accuracy with softmax outputs averaged over ten crops of a bordered image."""
    images = F.pad(data.test.images, [2] * 4).float() / 255
    images = (images - data.test.mean) / data.test.std
    crops = ten_crop(images, data.test.images.shape[2])
    found = mean_probability([model(crop) for crop in crops]).argmax(1)
    return {"ten_crop": (found == data.test.labels).float().mean().item()}


# So few images for so many parameters that overfitting is the problem, as in the paper.
SCARCE = {"train_size": 2_000, "pad": 2}

EXPERIMENTS = {
    # No regularisation, as in the paper's Figure 1.
    "alexnet_activation": Experiment(
        grid(
            activation=["ReLU", "Tanh"], dropout=[0.0],
            lr=[0.003, 0.01, 0.03, 0.1, 0.3],
        ),
        build,
        data={"train_size": 10_000, "pad": 2},
        training={"epochs": 3, "weight_decay": 0.0},
    ),
    "alexnet_dropout": Experiment(
        grid(activation=["ReLU"], dropout=[0.0, 0.5], lr=[0.03]),
        build,
        data=SCARCE,
        training={"epochs": 20},
    ),
    "alexnet_augment": Experiment(
        grid(activation=["ReLU"], dropout=[0.0, 0.5], lr=[0.03]),
        build,
        data=SCARCE,
        training={"epochs": 20, "augment": True},
        measure=ten_crops,
    ),
    # Each member has its own loss and gradient; they share the order of the images.
    "alexnet_ensemble": Experiment(
        grid(dropout=[0.5], lr=[0.03]),
        build_ensemble,
        data=SCARCE,
        training={"epochs": 20, "aux_weight": 1.0},
        measure=by_members,
    ),
}
