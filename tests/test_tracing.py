"""The traced graph: shapes, modules kept whole, errors that a reader understands."""

import pytest
import torch
from torch import nn
from torchvision import models

from archbook.networks.lenet import LeNet5
from archbook.tracing import trace


def test_every_tensor_has_its_shape_and_the_mode_is_restored():
    model = models.resnet18().train()
    graph = trace(model, (3, 65, 64))
    shapes = {n.name: tuple(n.meta["tensor_meta"].shape) for n in graph.graph.nodes if n.op != "output"}
    assert shapes["x"] == (1, 3, 65, 64) and shapes["fc"] == (1, 1000)
    assert shapes["layer4_1_conv2"] == (1, 512, 3, 2)
    assert model.training


def test_networks_of_other_precision_are_traced():
    node = list(trace(nn.Sequential(nn.Conv2d(3, 4, 3)).double(), (3, 8, 8)).graph.nodes)[-2]
    assert node.meta["tensor_meta"].dtype == torch.float64


def test_batch_norm_statistics_are_left_alone():
    model = models.resnet18()
    before = model.bn1.running_mean.clone()
    trace(model, (3, 64, 64))
    assert torch.equal(before, model.bn1.running_mean)


def test_modules_drawn_as_one_stay_whole():
    targets = [n.target for n in trace(LeNet5(), (1, 32, 32)).graph.nodes]
    assert {"s2", "s4", "squash", "output"} <= set(targets)
    assert "c3.maps.15" in targets


@pytest.mark.parametrize("size", [224, (3, 64), (3, 64, 0), (3, 64.0, 64), (1, 3, 64, 64)])
def test_malformed_sizes_are_named(size):
    with pytest.raises(ValueError, match="expected .channels, height, width"):
        trace(models.resnet18(), size)


def test_wrong_channels_are_named_in_one_line():
    with pytest.raises(ValueError, match=r"Sequential does not accept .*\(1, 8, 8\).* 3 channels") as error:
        trace(nn.Sequential(nn.Conv2d(3, 4, 3)), (1, 8, 8))
    assert "\n" not in str(error.value)
