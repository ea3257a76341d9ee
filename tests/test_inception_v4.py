"""Inception-v4 and Inception-ResNet: timm's networks, negative controls, counts, the twin."""

import pytest
import timm
import torch
from torch import nn

import archbook
from archbook.accounting import count_macs, count_parameters, count_weighted_layers, depth
from archbook.networks.inception_v4 import (
    Branches, ConvBNReLU, PlainInception, ResidualInception, branch, dead_channels,
    inception_a, inception_b, inception_c, inception_resnet_v2, initialise_he, reduction_a,
    residual_a, residual_b, residual_c, small_branches, small_inception_resnet,
)
from archbook.parity import compare
from archbook.results import best_lr, load_results, select

V4, V2 = "inception_v4", "inception_resnet_v2"


@pytest.fixture(scope="module")
def references():
    return {name: timm.create_model(name, pretrained=False) for name in (V4, V2)}


@pytest.mark.parametrize("name,tensors", [(V4, 747), (V2, 1102)])
@pytest.mark.parametrize("size,training", [(75, False), (139, False), (107, True)])
def test_networks_are_timms(references, name, tensors, size, training):
    found = compare(archbook.create(name), references[name], (3, size, size), training=training)
    assert found.equal and found.tensors == tensors


BLOCKS = {  # ours, timm's name, channels, a size at which the kernels differ
    "A": (inception_a, V4, "features.6", 384),
    "B": (inception_b, V4, "features.11", 1024),
    "C": (inception_c, V4, "features.19", 1536),
    "residual A": (lambda: residual_a(320, 48, 64), V2, "repeat.3", 320),
    "residual B": (lambda: residual_b(1088, 192, 160, 192), V2, "repeat_1.0", 1088),
    "residual C": (lambda: residual_c(2080, 224, 256), V2, "repeat_2.8", 2080),
    "last C": (lambda: residual_c(2080, 224, 256, 1.0, relu=False), V2, "block8", 2080),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_are_timms_at_sizes_where_every_kernel_counts(references, name):
    build, network, path, channels = BLOCKS[name]
    theirs = references[network].get_submodule(path)
    assert compare(build(), theirs, (channels, 7, 8)).equal
    assert compare(build(), theirs, (channels, 5, 9), training=True).equal


def epsilon(block):
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5


def counted_border(block):
    block.branches[3][0].count_include_pad = True


def order(block):
    block.branches[0], block.branches[3] = block.branches[3], block.branches[0]


def scale(block):
    block.scale = 0.2


def no_last_relu(block):
    block.relu = nn.Identity()


def no_shortcut(block):
    block.__class__ = PlainInception


def norm_after_relu(block):
    conv = block.branches.branches[2][0]
    conv[1], conv[2] = conv[2], conv[1]


@pytest.mark.parametrize(
    "name,spoil",
    [("A", epsilon), ("A", counted_border), ("A", order), ("residual A", scale),
     ("residual A", epsilon), ("residual A", no_last_relu), ("residual A", no_shortcut),
     ("residual A", norm_after_relu)],
)
def test_small_deviations_of_a_block_are_told_apart(references, name, spoil):
    build, network, path, channels = BLOCKS[name]
    theirs, block = references[network].get_submodule(path), build()
    spoil(block)
    found = compare(block, theirs, (channels, 7, 7))
    assert found.alive and not found.equal
    assert found.difference > 1e-6 * found.spread


def strided(net):  # the same size after it, but other pixels
    net.features[0][1].branches[0].padding = 0
    net.features[0][1].branches[0].dilation = 1
    net.features[0][1].branches[0].kernel_size = 2


def padded_stem(net):
    net.features[0][0][1][0].padding = 1


def swapped_stem(net):
    net.features[0][3].branches = nn.ModuleList(list(net.features[0][3].branches)[::-1])


@pytest.mark.parametrize("spoil", [strided, padded_stem, swapped_stem, epsilon])
def test_deviations_of_the_whole_network_are_told_apart(references, spoil):
    net = archbook.create(V4)
    spoil(net)
    assert count_parameters(net) == 42_679_816  # counts would not tell
    found = compare(net, references[V4], (3, 91, 91))
    assert found.alive and not found.equal


@pytest.mark.parametrize(
    "change",
    [lambda net: setattr(net.features[42], "relu", nn.ReLU()),
     lambda net: setattr(net.features[42], "scale", 0.2),
     lambda net: setattr(net.features[20], "scale", 0.17)],
    ids=["ReLU at the end", "scale at the end", "scale in B"],
)
def test_the_released_last_block_is_special(references, change):
    net = archbook.create(V2)
    change(net)
    found = compare(net, references[V2], (3, 75, 75))
    assert found.alive and not found.equal


def test_one_more_branch_order_is_refused_by_shapes(references):
    block = inception_a()
    block.branches[1], block.branches[2] = block.branches[2], block.branches[1]
    with pytest.raises(ValueError, match="does not fit"):
        compare(block, references[V4].get_submodule("features.6"), (384, 7, 7))


def test_counts_work_and_depth():
    expected = {
        "inception_v4": (12_253_974_624, 76, 150),
        "inception_resnet_v1": (6_206_361_696, 93, 128),
        "inception_resnet_v2_paper": (9_257_953_632, 96, 133),
        "inception_resnet_v2": (13_155_794_016, 176, 245),
    }
    for name, numbers in expected.items():
        with torch.device("meta"):
            net = archbook.create(name)
        size = (3, 299, 299)
        found = count_macs(net, size), depth(net, size), count_weighted_layers(net, size)
        assert found == numbers
        with torch.device("meta"):
            assert archbook.create(name, num_classes=7)(torch.zeros(2, 3, 299, 299)).shape == (2, 7)


def test_v1_has_the_count_of_the_variant_for_faces():
    with torch.device("meta"):
        net, block = archbook.create("inception_resnet_v1"), residual_c(1792, 192, 192)
    body = count_parameters(net) - count_parameters(net.fc)
    assert body + count_parameters(block) + 1792 * 512 + 2 * 512 + 513 * 1000 == 23_995_624


def test_reduction_a_follows_table_1():
    for channels, numbers, out in (
        (384, (192, 224, 256, 384), 1024), (256, (192, 192, 256, 384), 896),
        (384, (256, 256, 384, 384), 1152), (320, (256, 256, 384, 384), 1088),
    ):
        with torch.device("meta"):
            y = reduction_a(channels, *numbers)(torch.zeros(1, channels, 35, 35))
        assert y.shape == (1, out, 17, 17)


def test_a_branch_is_as_the_list_says():
    net = branch(3, (8, 1), (4, (1, 7)), (6, 3, 2, "valid"))
    assert net(torch.zeros(2, 3, 11, 11)).shape == (2, 6, 5, 5)
    assert [c[0].kernel_size for c in net] == [(1, 1), (1, 7), (3, 3)]
    assert all(isinstance(c, ConvBNReLU) and c[0].bias is None for c in net)
    both = Branches(branch(3, (2, 1)), nn.Identity())
    assert both(torch.zeros(1, 3, 4, 4)).shape == (1, 5, 4, 4)


def test_dropout_keeps_eight_tenths_and_acts_in_training_only():
    net, x = small_inception_resnet(0.1, 256), torch.rand(4, 1, 28, 28)
    assert net.dropout.p == 0.2
    assert torch.equal(net.eval()(x), net(x))
    assert not torch.allclose(net.train()(x), net(x))


def test_a_residual_of_scale_zero_changes_nothing():
    torch.manual_seed(0)
    block, x = ResidualInception(small_branches(8, 3, 3), 32, 8, 0.0), torch.rand(2, 8, 5, 5)
    assert torch.equal(block(x), x)
    plain = PlainInception(block.branches, 32, 8, 0.0)
    assert not torch.allclose(plain(x), x)


@pytest.mark.parametrize("factor", [1.0, 0.3, 0.1])
def test_mean_squares_grow_by_at_most_the_square_of_the_scale(factor):
    torch.manual_seed(0)
    blocks = [residual_b(256, 192, 160, 192, factor).train() for _ in range(8)]
    initialise_he(nn.Sequential(*blocks))
    x = torch.randn(8, 256, 9, 9).relu()
    start = x.square().mean()
    with torch.no_grad():
        for block in blocks:
            x = block(x)
    assert 0.5 * 8 * factor**2 < x.square().mean() - start < 1.1 * 8 * factor**2


def test_the_residual_does_not_know_the_size_of_its_input():
    torch.manual_seed(0)
    block, x = residual_a(32, 32, 32).train(), torch.rand(4, 32, 9, 9)
    small, large = block.expand(block.branches(x)), block.expand(block.branches(100 * x))
    assert torch.allclose(small, large, atol=0.05 * small.std().item())


def test_initial_weights_follow_he_and_biases_are_zero():
    torch.manual_seed(0)
    for module in small_inception_resnet().modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 5000:
            expected = (2 / module.weight[0].numel()) ** 0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=0.06)
            assert module.bias is None or module.bias.abs().max() == 0


def test_the_twin_has_the_widths_it_says_and_rivals_cost_the_same():
    for width in (1024, 256):
        net = small_inception_resnet(width=width)
        assert net.features(torch.zeros(1, 1, 28, 28)).shape == (1, width, 2, 2)
        assert net.fc.in_features == width
        plain = small_inception_resnet(width=width, block=PlainInception)
        assert count_parameters(plain) == count_parameters(net)
        assert count_macs(plain, (1, 28, 28)) == count_macs(net, (1, 28, 28))
    scales = [m.scale for m in small_inception_resnet(0.3).modules() if hasattr(m, "scale")]
    assert scales == [0.3] * 6


def test_dead_channels_are_counted():
    torch.manual_seed(0)
    net, x = small_inception_resnet(0.1, 256), torch.rand(8, 1, 28, 28)
    assert dead_channels(net, x) < 0.2
    nn.init.constant_(net.features[-1].expand.bias[:128].data, -1e6)
    assert 0.5 <= dead_channels(net, x) < 0.6
    nn.init.constant_(net.features[-1].expand.bias, -1e6)
    assert dead_channels(net, x) == 1


def test_the_recorded_runs_are_complete_and_best_rates_lie_inside():
    runs = load_results("inception_v4_scaling")
    arms = {(c["scale"], c["shortcut"], c["width"]) for c in (r["config"] for r in runs)}
    assert len(arms) == 6 and len(runs) == 110
    for factor, shortcut, width in arms:
        arm = {"scale": factor, "shortcut": shortcut, "width": width}
        rates = sorted({r["config"]["lr"] for r in select(runs, **arm)})
        assert rates[0] < best_lr(runs, **arm) < rates[-1]
        for lr in rates:
            assert [r["seed"] for r in select(runs, lr=lr, **arm)] == list(range(5))


def test_the_released_network_is_not_the_drawn_one():
    with torch.device("meta"):
        blocks = [m for m in inception_resnet_v2().features if isinstance(m, ResidualInception)]
        drawn = archbook.create("inception_resnet_v2_paper").features
    assert len(blocks) == 40 and sum(isinstance(m, ResidualInception) for m in drawn) == 20
    assert [b.scale for b in blocks] == [0.17] * 10 + [0.10] * 20 + [0.20] * 9 + [1.0]
