"""Section 15: degradation with and without shortcuts, and ten-crop testing."""

import torch
import torch.nn.functional as F
from torchvision.transforms.functional import ten_crop

from archbook.networks.resnet import CifarResNet
from tools.experiments import Experiment, grid


def build(config):
    return CifarResNet(
        config["depth"], in_channels=1, width=8, stem_stride=2,
        residual=config["residual"],
    )


def ten_crop_accuracy(model, data):
    """Test accuracy with logits averaged over ten crops of the image with a border."""
    images = F.pad(data.test.images, [2] * 4).float() / 255
    images = (images - data.test.mean) / data.test.std
    with torch.no_grad():
        logits = sum(model(crop) for crop in ten_crop(images, data.test.images.shape[2]))
    return {"ten_crop": (logits.argmax(1) == data.test.labels).float().mean().item()}


EXPERIMENTS = {
    "resnet_degradation": Experiment(
        grid(lr=[0.1, 0.03, 0.3], depth=[20, 56], residual=[True, False]),
        build,
        data={"train_size": 10_000},
        training={"epochs": 5, "augment": True},
    ),
    "resnet_ten_crop": Experiment(
        grid(lr=[0.1], depth=[20], residual=[True]),
        build,
        data={"train_size": 10_000},
        training={"epochs": 5, "augment": True},
        measure=ten_crop_accuracy,
    ),
}
