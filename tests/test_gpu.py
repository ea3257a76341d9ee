"""A GPU without a GPU: on torch's "meta" device a tensor left on the CPU is an error.

No values exist there, so reading one (`.item()`) fails, too: the step loop must not.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archbook.data import Split, flip_and_shift, training_batches
from archbook.networks.lenet import LeNet5, LeNet5Simplified
from archbook.networks.resnet import CifarResNet, resnet50
from archbook.training import make_optimizer, train_step

OFF = torch.amp.GradScaler("cpu", enabled=False)


def step(model, images, labels):
    optimizer = make_optimizer(model.to("meta").train(), 0.1)
    return train_step(model, images, labels, optimizer, OFF, label_smoothing=0.1)


def batch(*size, classes=10):
    return torch.empty(4, *size, device="meta"), torch.zeros(4, dtype=torch.long, device="meta")


@pytest.mark.parametrize(
    ("build", "size"),
    [
        (LeNet5, (1, 32, 32)),
        (LeNet5Simplified, (1, 32, 32)),
        (lambda: CifarResNet(20), (3, 32, 32)),
        (lambda: CifarResNet(8, residual=False), (3, 32, 32)),
        (resnet50, (3, 64, 64)),
    ],
)
def test_a_training_step_stays_on_the_device(build, size):
    model = build()
    loss, hit = step(model, *batch(*size))
    assert loss.device.type == hit.device.type == "meta"
    assert all(p.grad is not None and p.grad.device.type == "meta" for p in model.parameters())


class PlainTensor(nn.Sequential):
    """Bug: a constant that is no buffer stays behind when the model moves."""

    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(16, 10))
        self.scale = torch.ones(10)

    def forward(self, x):
        return super().forward(x) * self.scale


class ListOfLayers(nn.Module):
    """Bug: layers in a plain list are not part of the model."""

    def __init__(self):
        super().__init__()
        self.first, self.rest = nn.Flatten(), [nn.Linear(16, 10)]
        self.scale = nn.Parameter(torch.ones(10))

    def forward(self, x):
        return self.rest[0](self.first(x)) * self.scale


class PaddingOnCpu(nn.Module):
    """Bug: zeros made without a device."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 2, 3, padding=1), nn.Linear(64, 10)

    def forward(self, x):
        x = torch.cat([self.conv(x), torch.zeros(len(x), 2, 4, 4)], dim=1)
        return self.head(x.flatten(1))


@pytest.mark.parametrize("bug", [PlainTensor, ListOfLayers, PaddingOnCpu])
def test_planted_bugs_are_caught(bug):
    with pytest.raises((RuntimeError, NotImplementedError)):
        step(bug(), *batch(1, 4, 4))


def test_labels_left_on_the_cpu_are_caught():
    images, labels = batch(1, 32, 32)
    with pytest.raises((RuntimeError, NotImplementedError)):
        step(LeNet5Simplified(), images, torch.zeros(4, dtype=torch.long))


def test_batches_and_augmentation_stay_on_the_device():
    split = Split(
        torch.zeros(20, 1, 8, 8, dtype=torch.uint8), torch.zeros(20, dtype=torch.long),
        torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1),
    ).to("meta")
    for images, labels in training_batches(split, 5, torch.Generator(), augment=True):
        assert images.device.type == labels.device.type == "meta"
        assert images.shape == (5, 1, 8, 8)
    moved = flip_and_shift(split.images, torch.Generator())
    assert moved.device.type == "meta"


def test_reading_a_value_would_be_caught():
    with pytest.raises(RuntimeError):
        F.cross_entropy(torch.empty(2, 3, device="meta"), torch.zeros(2, dtype=torch.long, device="meta")).item()
