"""ResNeXt: torchvision's logits, three forms of a block, costs, and negative controls."""

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models.resnet import Bottleneck
from torchvision.models.resnet import ResNet as Reference

import archbook
from archbook.accounting import count_macs, count_parameters, count_weighted_layers, depth
from archbook.networks.resnet import resnet50
from archbook.networks.resnext import (
    CifarResNeXt, ConcatenatedPaths, ResNeXt, SummedPaths, copy_path, grouped_path,
    path_channels, resnext50_32x4d, twin,
)
from archbook.parity import calibrate, compare
from archbook.published import published
from archbook.registry import PRETRAINED
from archbook.results import load_results

TABLE_2 = {1: 64, 2: 40, 4: 24, 8: 14, 32: 4}
blocks_50 = (3, 4, 6, 3)


def reference(cardinality, width, blocks=blocks_50):
    """torchvision's network with any cardinality and path width."""
    return Reference(Bottleneck, list(blocks), groups=cardinality, width_per_group=width)


@pytest.mark.parametrize("size", [64, 75])
def test_resnext50_has_torchvisions_logits(size):
    found = compare(resnext50_32x4d(), models.resnext50_32x4d(), (3, size, size))
    assert found.equal and found.tensors == 267


def test_resnext50_has_torchvisions_logits_in_training_mode():
    ours = archbook.create("resnext50_32x4d", num_classes=12)
    other = models.resnext50_32x4d(num_classes=12)
    assert compare(ours, other, (3, 64, 64), training=True).equal


@pytest.mark.parametrize("name", ["resnext101_32x8d", "resnext101_64x4d"])
def test_resnext101_has_torchvisions_logits(name):
    other = models.get_model(name)
    found = compare(archbook.create(name), other, (3, 40, 40))
    assert found.equal and found.tensors == 522


@pytest.mark.parametrize(("cardinality", "width"), [(2, 40), (8, 14), (3, 4)])
def test_any_cardinality_is_torchvisions(cardinality, width):
    ours = ResNeXt((1, 2, 1, 1), cardinality, width, num_classes=10)
    other = Reference(
        Bottleneck, [1, 2, 1, 1], 10, groups=cardinality, width_per_group=width
    )
    for size in (64, 41):
        assert compare(ours, other, (3, size, size)).equal
    assert compare(ours, other, (3, 64, 64), training=True).equal


def small():
    return ResNeXt((1, 1, 1, 1), 32, 4)


def blocks(net):
    return [block for part in net.stages for block in part]


def shuffle(net):
    for block in blocks(net):
        block.main_path[3] = nn.Sequential(nn.ChannelShuffle(32), block.main_path[3])


def no_relu_in_the_path(net):
    for block in blocks(net):
        block.main_path[2] = nn.Identity()


def stride_in_1x1(net):
    for part in list(net.stages)[1:]:
        part[0].main_path[0].stride, part[0].main_path[3].stride = (2, 2), (1, 1)


def epsilon(net):
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3


def border(net):
    for block in blocks(net):
        block.main_path[3].padding_mode = "reflect"
        block.main_path[3]._reversed_padding_repeated_twice = [1] * 4


def dilated(net):
    for block in blocks(net):
        block.main_path[3].dilation = block.main_path[3].padding = (2, 2)


@pytest.mark.parametrize(
    "change", [shuffle, no_relu_in_the_path, stride_in_1x1, epsilon, border, dilated]
)
def test_small_deviations_are_told_apart(change):
    other = reference(32, 4, (1, 1, 1, 1))
    broken = small()
    change(broken)
    assert compare(small(), other, (3, 96, 96)).equal
    assert count_parameters(broken) == count_parameters(other)  # counts would not tell
    found = compare(broken, other, (3, 96, 96))
    assert found.alive and not found.equal
    assert found.difference > 1e-3 * found.spread


def test_another_cardinality_does_not_fit():
    with pytest.raises(ValueError, match="does not fit"):
        compare(ResNeXt((1, 1, 1, 1), 64, 4), reference(32, 4, (1, 1, 1, 1)), (3, 64, 64))


def test_counts_of_table_2():
    macs = {}
    for cardinality, width in TABLE_2.items():
        net = ResNeXt(blocks_50, cardinality, width)
        assert count_parameters(net) == count_parameters(reference(cardinality, width))
        macs[cardinality] = count_macs(net, (3, 224, 224))
        block = grouped_path(256, 256, cardinality=cardinality, path_width=width)
        weights = sum(p.numel() for p in block.parameters() if p.ndim == 4)
        assert weights == cardinality * (512 * width + 9 * width**2)
        assert weights == pytest.approx(69_632, rel=0.03)
        assert count_macs(block, (256, 56, 56)) == weights * 56**2
    assert macs[1] == count_macs(resnet50(), (3, 224, 224)) == 4_089_184_256
    assert macs[32] == 4_230_479_872
    assert all(count == pytest.approx(macs[1], rel=0.05) for count in macs.values())


def test_one_path_of_64_is_resnet50():
    found = compare(ResNeXt(blocks_50, 1, 64), resnet50(), (3, 64, 64))
    assert found.equal and found.tensors == 267


def test_costs_and_depth_of_the_named_networks():
    for name, macs, layers in (
        ("resnext50_32x4d", 4_230_479_872, 50),
        ("resnext101_32x8d", 16_414_015_488, 101),
        ("resnext101_64x4d", 15_460_270_080, 101),
    ):
        net = archbook.create(name)
        assert count_macs(net, (3, 224, 224)) == macs
        assert depth(net, (3, 64, 64)) == layers
        assert count_weighted_layers(net, (3, 64, 64)) == layers + 4
        groups = {block.main_path[3].groups for block in blocks(net)}
        assert groups == {64 if "64x4d" in name else 32}


def forms(shape, size):
    """Form (c) calibrated, and (a) and (b) with its weights."""
    c = calibrate(grouped_path(*shape), (shape[0], size, size)).double()
    a, b = SummedPaths(*shape).double(), ConcatenatedPaths(*shape).double()
    for i in range(shape[3]):
        copy_path(c, a.paths[i], i)
        copy_path(c, b.paths[i], i)
    a.norm.load_state_dict(c[7].state_dict())
    b.widen[0].load_state_dict(c[6].state_dict())
    b.widen[1].load_state_dict(c[7].state_dict())
    return a, b, c


SHAPES = [(256, 256, 1, 32, 4), (64, 512, 2, 5, 6), (32, 64, 1, 1, 64), (16, 256, 2, 16, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("size", [8, 11])
def test_three_forms_are_one_function(shape, size):
    a, b, c = forms(shape, size)
    x = torch.randn(3, shape[0], size, size).double()
    for training in (False, True):  # training last: it moves the running statistics
        expected = c.train(training)(x)
        assert expected.std() > 0.1
        for form in (a, b):
            assert torch.allclose(form.train(training)(x), expected, atol=1e-10)
    for form in (a, b):  # the same statistics were collected on the way
        assert torch.allclose(form.eval()(x), c.eval()(x), atol=1e-10)
    counts = {sum(p.numel() for p in f.parameters()) for f in (a, b, c)}
    assert len(counts) == 1


def test_paths_may_change_places_only_in_a_sum():
    a, b, c = forms((64, 256, 1, 4, 8), 7)
    x = torch.randn(2, 64, 7, 7).double()
    expected = c.eval()(x)
    a.paths[0], a.paths[3] = a.paths[3], a.paths[0]
    b.paths[0], b.paths[3] = b.paths[3], b.paths[0]
    assert torch.allclose(a.eval()(x), expected, atol=1e-10)
    assert not torch.allclose(b.eval()(x), expected, atol=1e-2)


def test_a_norm_in_each_path_would_be_another_function():
    a, _, c = forms((64, 256, 1, 4, 8), 7)
    x = torch.randn(4, 64, 7, 7).double()
    each = sum(a.norm.train()(path.train()(x)) for path in a.paths)
    assert not torch.allclose(each, c.train()(x), atol=1e-2)


def test_copying_leaves_the_source_alone():
    c = calibrate(grouped_path(64, 64, cardinality=4, path_width=16), (64, 6, 6))
    before = {name: tensor.clone() for name, tensor in c.state_dict().items()}
    a = SummedPaths(64, 64, cardinality=4, path_width=16)
    copy_path(c, a.paths[2], 2)
    for parameter in a.parameters():
        parameter.data.zero_()
    assert all(torch.equal(before[name], t) for name, t in c.state_dict().items())


def test_a_path_has_a_whole_number_of_channels():
    assert [path_channels(c, 4) for c in (256, 512, 1024, 2048)] == [4, 8, 16, 32]
    for width in (14, 1, 0, -4):
        with pytest.raises(ValueError, match=f"path_width is {width}.*whole number"):
            path_channels(64, width)
    with pytest.raises(ValueError, match="3.5 channels in a block of 64"):
        twin(8, 14)


@pytest.mark.parametrize("setting", [(1, 64), (32, 4)])
def test_the_family_for_small_images_is_torchvisions_stages(setting):
    cardinality, width = setting

    def other(strides, stem):
        net = Reference(
            Bottleneck, [2, 1, 1, 1], 10, groups=cardinality, width_per_group=4 * width
        )
        parts, channels = [], stem
        for planes, count, stride in zip((stem, 2 * stem, 4 * stem), (2, 1, 1), strides[1:]):
            net.inplanes, net.base_width = channels, width
            parts.append(net._make_layer(Bottleneck, planes, count, stride))
            channels = 4 * planes
        conv = nn.Conv2d(1, stem, 3, strides[0], 1, bias=False)
        return nn.Sequential(
            conv, nn.BatchNorm2d(stem), nn.ReLU(), *parts, nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(16 * stem, 10),
        )

    for strides, stem in (((2, 2, 2, 2), 16), ((1, 1, 2, 2), 64)):
        ours = CifarResNeXt(
            (2, 1, 1), cardinality, width, in_channels=1, width=stem, strides=strides
        )
        for size in (28, 19):
            for training in (False, True):
                theirs = other(strides, stem)
                assert compare(ours, theirs, (1, size, size), training=training).equal


def test_the_paper_counts_of_the_family_for_small_images():
    eight, sixteen = CifarResNeXt((3, 3, 3), 8, 64), CifarResNeXt((3, 3, 3), 16, 64)
    assert count_parameters(eight) == 34_426_698
    assert count_parameters(sixteen) == 68_155_210
    assert depth(eight, (3, 32, 32)) == 29


def test_twins_cost_the_same():
    nets = [twin(1, 64), twin(2, 40), twin(4, 24), twin(32, 4)]
    parameters = [count_parameters(net) for net in nets]
    macs = [count_macs(net, (1, 28, 28)) for net in nets]
    assert parameters == [127_354, 124_882, 122_410, 117_466]
    assert macs == [1_213_760, 1_240_264, 1_266_768, 1_319_776]
    assert {depth(net, (1, 28, 28)) for net in nets} == {11}
    assert count_parameters(twin(1, 72)) > max(parameters)  # the control costs more
    assert count_macs(twin(1, 72), (1, 28, 28)) > max(macs)


def test_published_and_pretrained():
    rows = published("resnext50_32x4d", "parameters")
    assert rows["printed"].item() == "25.0M" and rows["confidence"].item() == "seen"
    assert {"resnext50_32x4d", "resnext101_32x8d"} < set(PRETRAINED)
    with pytest.raises(ValueError, match="no pretrained weights for 'resnext101_64x4d'"):
        archbook.create("resnext101_64x4d", pretrained=True)


def test_the_recorded_runs_are_complete():
    runs = load_results("resnext_cardinality")
    arms = {(r["config"]["cardinality"], r["config"]["path_width"]) for r in runs}
    assert arms == {(1, 64), (2, 40), (4, 24), (32, 4), (1, 72)} and len(runs) == 75
    assert {(r["seed"], r["config"]["lr"]) for r in runs} == {
        (seed, lr) for seed in range(5) for lr in (0.1, 0.3, 1.0)
    }
    for run in runs:
        net = twin(run["config"]["cardinality"], run["config"]["path_width"])
        assert run["parameters"] == count_parameters(net) and run["history"]
