"""Equal networks are found equal, unequal ones not, and agreement means something."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models

import archbook
from archbook.networks.resnet import BOTTLENECK_CHANNELS, ResNet, bottleneck_path
from archbook.parity import TOLERANCE, calibrate, compare, copy_weights

NAMES = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]


@pytest.mark.parametrize("size", [64, 97])
@pytest.mark.parametrize("name", NAMES)
def test_resnets_are_torchvisions(name, size):
    reference = models.get_model(name)
    found = compare(archbook.create(name), reference, (3, size, size))
    assert found.equal and found.tensors == len(copy_state(reference))


def copy_state(model):
    return [k for k in model.state_dict() if not k.endswith("num_batches_tracked")]


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_resnets_are_torchvisions_in_training_mode(name):
    found = compare(archbook.create(name), models.get_model(name), (3, 64, 64), training=True)
    assert found.equal


def v1(in_channels, out_channels, stride=1):
    return bottleneck_path(in_channels, out_channels, stride, stride_in_1x1=True)


def broken(change):
    model = models.resnet50()
    change(model)
    return model


def wrong_epsilon(model):
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3


def ceil_pooling(model):
    model.maxpool = nn.MaxPool2d(3, 2, padding=0, ceil_mode=True)


def relu_after_downsampling(model):
    model.layer2[0].downsample.append(nn.ReLU())


@pytest.mark.parametrize("change", [wrong_epsilon, ceil_pooling, relu_after_downsampling])
def test_small_deviations_are_told_apart(change):
    found = compare(archbook.create("resnet50"), broken(change), (3, 64, 64))
    assert found.alive and not found.equal
    assert found.difference > 1e-3 * found.spread


def test_stride_in_the_1x1_is_told_apart():
    network = ResNet(v1, (3, 4, 6, 3), BOTTLENECK_CHANNELS)
    found = compare(network, models.resnet50(), (3, 64, 64))
    assert found.alive and not found.equal


def test_without_calibration_agreement_is_hollow():
    """Why `calibrate` exists: an uncalibrated deep network hardly sees its input."""
    torch.manual_seed(0)
    deep = models.resnet152(zero_init_residual=True).double().eval()
    for module in deep.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.fill_(1e4)  # statistics of something else
    image = torch.randn(1, 3, 64, 64).double()
    with torch.no_grad():
        moved = (deep(image) - deep(image + 1e-3)).abs().max()
        assert moved < 1e-9
        calibrate(deep, (3, 64, 64))
        assert (deep(image) - deep(image + 1e-3)).abs().max() > 1e-6


def test_a_network_that_forgets_its_biases_is_told_apart():
    """torchvision starts VGG's biases at 0: only calibrated ones make a difference."""
    forgetful, reference = (nn.Sequential(models.vgg11().features) for _ in range(2))
    for module in forgetful.modules():
        if isinstance(module, nn.Conv2d):
            module._conv_forward = lambda x, weight, bias: F.conv2d(x, weight, padding=1)
    found = compare(forgetful, reference, (3, 32, 32))
    assert found.alive and not found.equal


class Shift(nn.Module):
    """A convolution and a shift of its own that starts at 0."""

    def __init__(self, use):
        super().__init__()
        self.conv, self.shift = nn.Conv2d(3, 4, 1), nn.Parameter(torch.zeros(4, 1, 1))
        self.use = use

    def forward(self, x):
        return (self.conv(x) + self.use * self.shift).relu().mean((2, 3))


def test_own_parameters_take_part_in_the_comparison():
    assert compare(Shift(1), Shift(1), (3, 8, 8)).equal
    assert not compare(Shift(0), Shift(1), (3, 8, 8)).equal


def test_memory_format_does_not_matter():
    reference = models.resnet18().to(memory_format=torch.channels_last)
    assert compare(models.resnet18(), reference, (3, 64, 64)).equal


def test_stochastic_depth_is_switched_off_in_training_mode():
    ours, theirs = models.efficientnet_b0(), models.efficientnet_b0()
    found = compare(ours, theirs, (3, 64, 64), training=True)
    assert found.equal and found.weight_control > 1e-4 * found.spread


class InOrder(models.GoogLeNet):
    """GoogLeNet with a plain tuple, heads from the input upwards."""

    def forward(self, x):
        outputs = super().forward(x)
        if not self.training:
            return outputs
        return outputs.logits, outputs.aux_logits1, outputs.aux_logits2


def test_heads_are_compared_by_name_not_by_position():
    ours, theirs = InOrder(init_weights=False), models.googlenet(init_weights=False)
    assert compare(ours, theirs, (3, 64, 64), training=True).equal


def test_calibration_that_fails_restores_the_network():
    model = models.resnet18()
    with pytest.raises(ValueError, match=r"ResNet does not accept .*\(1, 64, 64\)"):
        calibrate(model, (1, 64, 64))
    assert model.training and model.bn1.momentum == 0.1


def test_logits_without_spread_are_not_alive():
    class Zero(nn.Conv2d):
        def forward(self, x):
            return 0 * super().forward(x).mean((2, 3))

    assert str(compare(Zero(3, 4, 1), Zero(3, 4, 1), (3, 8, 8))).startswith("NOT ALIVE")


def test_a_dead_comparison_is_not_called_equal():
    class Dead(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, x):
            return 0.0 * self.conv(x).mean((2, 3)) + torch.arange(4.0)

    found = compare(Dead(), Dead(), (3, 8, 8))
    assert not found.alive and not found.equal and "NOT ALIVE" in str(found)


def test_auxiliary_heads_are_compared():
    class WithHead(nn.Module):
        def __init__(self, factor=1.0):
            super().__init__()
            self.conv, self.factor = nn.Conv2d(3, 8, 3), factor
            self.main, self.aux = nn.Linear(8, 5), nn.Linear(8, 5)
            self.dropout = nn.Dropout(0.5)

        def forward(self, x):
            x = self.dropout(self.conv(x).mean((2, 3)))
            return (self.main(x), self.factor * self.aux(x)) if self.training else self.main(x)

    assert compare(WithHead(), WithHead(), (3, 9, 9), training=True).equal
    assert compare(WithHead(1.1), WithHead(), (3, 9, 9)).equal  # evaluation: no heads
    assert not compare(WithHead(1.1), WithHead(), (3, 9, 9), training=True).equal


def test_compare_leaves_both_networks_alone():
    ours, theirs = archbook.create("resnet18"), models.resnet18()
    before = copy.deepcopy([ours.state_dict(), theirs.state_dict()])
    compare(ours, theirs, (3, 33, 33))
    for state, model in zip(before, (ours, theirs)):
        assert all(torch.equal(a, b) for a, b in zip(state.values(), model.state_dict().values()))


def test_copying_refuses_the_first_pair_that_does_not_fit():
    with pytest.raises(ValueError, match=r"1.weight \(4, 3\).* \(3, 4\)"):
        copy_weights(
            nn.Sequential(nn.Linear(3, 3), nn.Linear(4, 3)),
            nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 4)),
        )
    with pytest.raises(ValueError, match="1.weight .* left over"):
        copy_weights(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), nn.Sequential(nn.Linear(2, 2)))


def test_a_linear_layer_may_stand_for_a_1x1_convolution():
    conv, linear = nn.Conv2d(3, 4, 1), nn.Linear(3, 4)
    assert copy_weights(conv, linear) == 2
    assert torch.equal(conv.weight.flatten(1), linear.weight)


def test_zero_gamma_starts_every_block_as_its_shortcut():
    channels = (16, 32, 64, 128)
    for zero in (True, False):
        net = ResNet(bottleneck_path, (1, 2, 1, 1), channels, 10, zero_gamma=zero).eval()
        block, x = net.stages[1][1], torch.rand(1, 32, 7, 7)
        assert torch.equal(block(x), x) == zero


def test_the_tolerance_is_what_the_book_says():
    assert TOLERANCE == 1e-9
