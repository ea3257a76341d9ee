"""Section 12: small kernels in stacks, fully connected layers or pooling, dense testing."""

import torch
import torch.nn.functional as F

from archbook.networks.vgg import SmallVGG, fully_convolutional
from tools.experiments import Experiment, grid


def build(config):
    return SmallVGG(config["kernels"], config["head"], config["dropout"])


@torch.no_grad()
def dense(model, data):
    """Test accuracy with logits averaged over the score map of a bordered image."""
    images = F.pad(data.test.images, [4] * 4).float() / 255
    images = (images - data.test.mean) / data.test.std
    network = fully_convolutional(model)
    scores = torch.cat([network(part) for part in images.split(500)])
    right = scores.mean((2, 3)).argmax(1) == data.test.labels
    return {"dense": right.float().mean().item(), "positions": scores[0, 0].numel()}


KERNELS = [[5], [3, 3], [7], [3, 3, 3]]

EXPERIMENTS = {
    "vgg_kernels": Experiment(
        grid(kernels=KERNELS, head=["fc"], dropout=[0.5], lr=[0.1, 0.3]),
        build,
        data={"train_size": 10_000},
        training={"epochs": 3},
    ),
    # The head of VGG's kind, with dropout, is an arm of vgg_kernels.
    "vgg_heads": Experiment(
        grid(kernels=[[3, 3]], head=["fc", "average"], dropout=[0.0], lr=[0.1, 0.3]),
        build,
        data={"train_size": 10_000},
        training={"epochs": 3},
    ),
    # The kernels again, without dropout and with augmentation, which dense testing needs.
    "vgg_dense": Experiment(
        grid(kernels=KERNELS, head=["fc"], dropout=[0.0], lr=[0.03, 0.1, 0.3]),
        build,
        data={"train_size": 10_000},
        training={"epochs": 3, "augment": True},
        measure=dense,
    ),
}
