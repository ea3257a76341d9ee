"""DenseNet: torchvision's logits, negative controls, connections, memory, the twin's parts."""

import pytest
import torch
from torch import nn
from torchvision import models

import archbook
from archbook.accounting import count_macs, count_parameters, depth, memory
from archbook.networks.densenet import (
    DenseBlock, adding, bottleneck_layer, cifar_densenet, concatenating, connections,
    dense_layer, densenet121, imagenet_densenet, losses_when_shuffled, mean_weights,
    transition,
)
from archbook.parity import compare
from archbook.results import load_results, select

NAMES = ["densenet121", "densenet161", "densenet169", "densenet201"]
MACS = {
    "densenet121": 2_834_161_664, "densenet161": 7_727_907_072,
    "densenet169": 3_359_843_328, "densenet201": 4_291_365_888,
}


@pytest.mark.parametrize(
    ("name", "size", "training"),
    [(name, 64, False) for name in NAMES]
    + [("densenet121", 97, False), ("densenet161", 97, False)]
    + [("densenet121", 64, True), ("densenet201", 64, True)],
)
def test_torchvisions_logits(name, size, training):
    found = compare(
        archbook.create(name), models.get_model(name), (3, size, size), training=training
    )
    assert found.equal


@pytest.mark.parametrize("name", NAMES)
def test_work_and_depth(name):
    net = archbook.create(name)
    assert count_macs(net, (3, 224, 224)) == MACS[name]
    assert depth(net, (3, 64, 64)) == int(name.removeprefix("densenet"))


def test_pretrained_weights_are_copied_by_position(monkeypatch):
    torch.manual_seed(0)
    reference, image = models.densenet121().eval(), torch.rand(1, 3, 64, 64)
    monkeypatch.setattr(models, "get_model", lambda name, weights: reference)
    ours = archbook.create("densenet121", pretrained=True).eval()
    assert torch.allclose(ours(image), reference(image), atol=1e-5)


def with_epsilon(net):
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3


def with_relu_first(net):
    for block in net.blocks[::2]:
        for layer in block.layers:
            layer[0], layer[1] = layer[1], layer[0]


def with_the_lectures_transition(net):
    for part in net.blocks[1::2]:
        part[1] = nn.Identity()


def with_max_pooling(net):
    for part in net.blocks[1::2]:
        part[3] = nn.MaxPool2d(2)


def without_last_relu(net):
    net.norm[1] = nn.Identity()


def with_pooling_first(net):
    """Pooling before the norm and the ReLU, which does not commute with it."""
    for part in net.blocks[1::2]:
        part[0], part[3] = nn.Sequential(nn.AvgPool2d(2), part[0]), nn.Identity()


@pytest.mark.parametrize(
    "change",
    [with_epsilon, with_relu_first, with_the_lectures_transition, with_max_pooling,
     without_last_relu, with_pooling_first],
)
@pytest.mark.parametrize("training", [False, True])
def test_small_changes_are_told_apart(change, training):
    net = densenet121()
    change(net)
    assert count_parameters(net) == 7_978_856  # counts would not tell
    found = compare(net, models.densenet121(), (3, 64, 64), training=training)
    assert found.alive and not found.equal
    assert found.difference > 1e-6 * found.spread


def test_without_the_last_norm_or_with_another_growth_rate_nothing_fits():
    net = densenet121()
    net.norm = nn.Identity()
    with pytest.raises(ValueError, match="does not fit|left over"):
        compare(net, models.densenet121(), (3, 64, 64))
    with pytest.raises(ValueError, match="does not fit"):
        compare(
            imagenet_densenet((6, 12, 24, 16), 24, 1000), models.densenet121(), (3, 64, 64)
        )


@pytest.mark.parametrize(
    ("setting", "count", "layers"),
    [
        ((40, 12), 1_019_722, 40),
        ((100, 12), 6_979_642, 100),
        ((100, 24), 27_249_082, 100),
        ((100, 12, True, 0.5), 769_162, 100),
        ((250, 24, True, 0.5), 15_324_406, 250),
        ((190, 40, True, 0.5), 25_624_430, 190),
    ],
)
def test_the_papers_networks_for_cifar(setting, count, layers):
    with torch.device("meta"):
        net = cifar_densenet(*setting)
    assert count_parameters(net) == count
    weighted = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(weighted) == layers  # all lie on the longest path
    assert depth(cifar_densenet(16, 2), (3, 32, 32)) == 16
    assert depth(cifar_densenet(22, 2, True, 0.5), (3, 32, 32)) == 22


def test_macs_of_cifar_networks():
    assert count_macs(cifar_densenet(40, 12), (3, 32, 32)) == 264_812_928
    assert count_macs(archbook.create("densenet_bc_100_12"), (3, 32, 32)) == 287_929_692


def test_a_wrong_depth_is_named():
    with pytest.raises(ValueError, match="depth is 41; expected 3n \\+ 4"):
        cifar_densenet(41, 12)
    with pytest.raises(ValueError, match="depth is 13; expected 6n \\+ 4"):
        cifar_densenet(13, 12, bottleneck=True)
    with pytest.raises(ValueError, match="depth is 4;"):
        cifar_densenet(4, 12)


@pytest.mark.parametrize("make_layer", [dense_layer, bottleneck_layer])
def test_a_block_equals_a_second_implementation(make_layer):
    """Running concatenation instead of a list, channels sliced out again."""
    torch.manual_seed(0)
    block, x = DenseBlock(make_layer, 5, 4, 3).eval(), torch.rand(2, 5, 9, 9)
    running = x
    for layer in block.layers:
        running = torch.cat([running, layer(running)], dim=1)
    assert torch.equal(block(x), running) and block(x).shape == (2, 17, 9, 9)
    assert torch.equal(block(x)[:, :5], x)
    assert [layer[0].num_features for layer in block.layers] == [5, 8, 11, 14]


def test_initialisation_and_compression():
    net = cifar_densenet(100, 12, True, 0.5)
    kept = [part[2].out_channels for part in net.blocks[1::2]]
    assert kept == [(24 + 16 * 12) // 2, ((24 + 16 * 12) // 2 + 16 * 12) // 2]
    assert not net.fc.bias.any()
    weight = net.blocks[0].layers[9][2].weight
    assert weight.std().item() == pytest.approx((2 / weight[0].numel()) ** 0.5, rel=0.1)
    assert transition(8, 4)(torch.rand(1, 8, 7, 7)).shape == (1, 4, 3, 3)


def test_memory_is_quadratic_in_depth():
    kept = {
        count: memory(
            DenseBlock(dense_layer, 6, count, 3), (6, 8, 8), training=True
        ).activations
        for count in (8, 16)
    }
    for count, found in kept.items():
        channels = 2 * sum(6 + 3 * i for i in range(count))
        assert 1 <= found / (channels * 64 * 4) < 1.05


def test_the_opponents_have_equal_costs():
    nets = [concatenating(), adding(1), adding(2)]
    assert [depth(net, (1, 28, 28)) for net in nets] == [16, 16, 16]
    parameters = [count_parameters(net) for net in nets]
    macs = [count_macs(net, (1, 28, 28)) for net in nets]
    assert max(parameters) < 1.002 * min(parameters) and max(macs) < 1.005 * min(macs)


def test_connections_are_those_of_the_blocks():
    net = concatenating()
    found = list(connections(net))
    assert [(block, reader) for block, reader, *_ in found] == [
        (block, reader) for block in (1, 2, 3) for reader in (1, 2, 3, 4, 5)
    ]
    for block, reader, module, weight, sources in found:
        assert len(sources) == reader
        assert sources[-1].stop == module[0].num_features == weight.shape[1]
    assert found[4][3] is net.blocks[1][2].weight and found[-1][3] is net.fc.weight
    assert len(mean_weights(net)) == 45


def test_shuffling_a_connection_without_weight_changes_nothing():
    torch.manual_seed(0)
    net = concatenating()
    images, labels = torch.randn(16, 1, 28, 28), torch.arange(16) % 10
    for _ in range(20):
        net.train()(images)  # running statistics
    growth = losses_when_shuffled(net, images, labels)
    start = net.blocks[2].layers[0][0].num_features  # blocks[1] is a transition
    with torch.no_grad():
        net.blocks[2].layers[3][2].weight[:, start : start + 8] = 0  # source 1
    again = losses_when_shuffled(net, images, labels)
    assert abs(growth[2, 1, 4]) > 1e-5 and abs(again[2, 1, 4]) < 1e-6
    weights = mean_weights(net)
    assert weights[2, 1, 4] == 0 and weights[2, 2, 4] > 0


def test_recorded_maps_belong_to_the_nets_that_concatenate():
    runs = load_results("densenet_joins")
    for run in select(runs, join="concatenation"):
        if run["test"] is not None:
            assert len(run["test"]["mean_weights"]) == len(run["test"]["shuffled"]) == 45
            assert run["parameters"] == count_parameters(concatenating())
    assert "shuffled" not in select(runs, join="addition, 1 layer", lr=0.1)[0]["test"]
