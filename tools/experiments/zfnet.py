"""Section 11: size and stride of the first filters, and what projections depend on."""

import copy

import torch
import torch.nn.functional as F

from archbook.networks.zfnet import (
    RULES, SmallZFNet, dead_filters, filter_aliasing, initialise_he, occlude,
    project_by_autograd, response_aliasing, squares, weak_filters,
)
from tools.experiments import Experiment, grid


def build(config):
    return SmallZFNet(config["kernel_size"], config["stride"])


def measure(model, data):
    """First-layer counts, change under a shift, and tests of the projections."""
    conv, layers = model.features[0], model.features[:-1]
    images = data.test.normalised()
    untrained = copy.deepcopy(model).apply(initialise_he).features[:-1]
    few = images[:100]
    return {
        "dead": int(dead_filters(conv, images).sum()),
        "weak": int(weak_filters(conv.weight).sum()),
        "filter_aliasing": rounded(filter_aliasing(conv)),
        "response_aliasing": rounded(response_aliasing(conv, images[:500])),
        "shift_changes": shift_changes(model, data.test),
        "likeness": {rule: likeness(layers, few, rule) for rule in RULES},
        "likeness_untrained": {rule: likeness(untrained, few, rule) for rule in RULES},
        "agreement": agreement(layers, few[:50]),
        "agreement_untrained": agreement(untrained, few[:50]),
    }


def rounded(values):
    return [round(value, 4) for value in values.tolist()]


def shift_changes(model, test):
    """Share of test images whose predicted class changes if they move by one pixel."""
    moved = test.images.roll(1, dims=3)
    moved[..., 0] = 0
    with torch.no_grad():
        before, after = (
            model((images / 255 - test.mean) / test.std).argmax(1)
            for images in (test.images, moved)
        )
    return (before != after).float().mean().item()


def likeness(layers, images, rule):
    """Mean cosine between the projections of an image's two most active maps."""
    with torch.no_grad():
        first, second = layers(images).amax((2, 3)).topk(2).indices.T
    one, two = (
        project_by_autograd(layers, images, map_, rule).flatten(1)
        for map_ in (first, second)
    )
    return F.cosine_similarity(one, two).mean().item()


def agreement(layers, images):
    """How well what a square hides tells how much the strongest activation loses by it.

    For each image the correlation, over all places of the square, between the loss of
    its most active map's maximum and the energy that the square covers: of the maximum's
    projection by each rule, and of the image itself. Returns the means over images.
    """
    masks = squares(images.shape[2])
    with torch.no_grad():
        strongest, maps = layers(images).amax((2, 3)).max(1)
        lost = torch.stack([
            strongest[i] - layers(occlude(image, masks))[:, map_].amax((1, 2))
            for i, (image, map_) in enumerate(zip(images, maps))
        ])
    seen = {r: project_by_autograd(layers, images, maps, r) for r in RULES}
    seen["image"] = images
    return {
        name: correlation(lost, x.square().flatten(1) @ masks.flatten(1).float().T)
        for name, x in seen.items()
    }


def correlation(a, b):
    """Mean over rows of Pearson's correlation of two tensors (images, places)."""
    centred = [x - x.mean(1, keepdim=True) for x in (a, b)]
    return F.cosine_similarity(*centred).mean().item()


EXPERIMENTS = {
    "zfnet_first_layer": Experiment(
        grid(lr=[0.03, 0.01, 0.1], kernel_size=[7, 11], stride=[2, 4]),
        build,
        data={"train_size": 10_000},
        training={"epochs": 4},
        measure=measure,
    ),
}
