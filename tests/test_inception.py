"""Inception v2, v3 and BN-Inception: parity, a second implementation, controls, the twin."""

import math

import pytest
import torch
import torch.nn.functional as F
from timm.optim import RMSpropTF
from torch import nn
from torchvision import models

import archbook
from archbook.accounting import count_macs, count_parameters, depth
from archbook.networks.inception import (
    Branches, bn_inception, inception_v2, inception_v3, module_8, module_17, module_35,
    reduction, small_inception,
)
from archbook.parity import compare
from archbook.published import published


@pytest.fixture(scope="module")
def torchvisions():
    return models.inception_v3(aux_logits=True, init_weights=False, transform_input=False)


@pytest.mark.parametrize(
    ("size", "training"), [(299, False), (107, False), (299, True), (320, True)]
)
def test_v3_is_torchvisions(torchvisions, size, training):
    found = compare(inception_v3(), torchvisions, (3, size, size), training=training)
    assert found.equal and found.tensors == 484


def test_v3_without_head_is_torchvisions():
    reference = models.inception_v3(
        aux_logits=False, init_weights=False, transform_input=False
    )
    ours = inception_v3(with_head=False)
    assert count_parameters(ours) == count_parameters(reference) == 23_834_568
    for training in (False, True):
        assert compare(ours, reference, (3, 139, 139), training=training).equal


def epsilon(net):
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5


def averages_without_zeros(net):
    for module in net.modules():
        if isinstance(module, nn.AvgPool2d):
            module.count_include_pad = False


def wrong_pool(net):
    for module in net.modules():
        if isinstance(module, Branches) and isinstance(module.branches[-1], nn.MaxPool2d):
            module.branches[-1] = nn.AvgPool2d(3, stride=2)


class Swapped(Branches):
    def forward(self, x):
        return torch.cat([branch(x) for branch in reversed(self.branches)], dim=1)


def swapped_branches(net):
    rows_and_columns = net.after[1].branches[1]
    rows_and_columns[1] = Swapped(*rows_and_columns[1].branches)


def relu_lost(net):
    net.before[11].branches[2][1][2] = nn.Identity()


@pytest.mark.parametrize(
    "spoil", [epsilon, averages_without_zeros, wrong_pool, swapped_branches, relu_lost]
)
def test_small_deviations_of_v3_are_told_apart(torchvisions, spoil):
    net = inception_v3()
    spoil(net)
    assert count_parameters(net) == 27_161_264  # counts would not tell
    found = compare(net, torchvisions, (3, 107, 107))
    assert found.alive and not found.equal and found.difference > 1e-3 * found.spread


def test_a_wrong_head_is_told_apart_in_training_only(torchvisions):
    net = inception_v3()
    net.head[0] = nn.AvgPool2d(5, stride=3, padding=1, count_include_pad=False)
    assert compare(net, torchvisions, (3, 107, 107)).equal
    assert not compare(net, torchvisions, (3, 299, 299), training=True).equal


# A second BN-Inception: the appendix's table as rows of numbers, functions on weights.
# (1×1, 3×3 reduce, 3×3, double reduce, double, pooling, projection); 0: none, stride 2.
ROWS = [
    (64, 64, 64, 64, 96, "average", 32), (64, 64, 96, 64, 96, "average", 64),
    (0, 128, 160, 64, 96, "max", 0),
    (224, 64, 96, 96, 128, "average", 128), (192, 96, 128, 96, 128, "average", 128),
    (160, 128, 160, 128, 160, "average", 128), (96, 128, 192, 160, 192, "average", 128),
    (0, 128, 192, 192, 256, "max", 0),
    (352, 192, 320, 160, 224, "average", 128), (352, 192, 320, 192, 224, "max", 128),
]


class Again(nn.Module):
    """BN-Inception from lists of convolutions and norms; keywords break it on purpose."""

    def __init__(self, rows=ROWS, eps=1e-3, last_pool="max", border="up", order=None):
        super().__init__()
        self.rows, self.eps = [*rows[:-1], (*rows[-1][:5], last_pool, rows[-1][6])], eps
        self.border, self.order = border, order or [0, 1, 2, 3]
        shapes, inputs = [(3, 64, 7), (64, 64, 1), (64, 192, 3)], 192
        for one, reduce, out, double, wide, _, project in rows:
            shapes += [(inputs, one, 1)] if one else []
            shapes += [(inputs, reduce, 1), (reduce, out, 3)]
            shapes += [(inputs, double, 1), (double, wide, 3), (wide, wide, 3)]
            shapes += [(inputs, project, 1)] if project else []
            inputs = one + out + wide + (project or inputs)
        self.layers = nn.ModuleList()
        for before, after, kernel in shapes:
            self.layers.append(nn.Conv2d(before, after, kernel, bias=False))
            self.layers.append(nn.BatchNorm2d(after))
        self.last = nn.Linear(inputs, 1000)

    def forward(self, x):
        layers = iter(self.layers)

        def conv(x, stride=1):
            conv, norm = next(layers), next(layers)
            k = conv.kernel_size[0]
            x = F.conv2d(x, conv.weight, stride=stride, padding=k // 2)
            use_batch = norm.training
            x = F.batch_norm(
                x, norm.running_mean, norm.running_var, norm.weight, norm.bias,
                use_batch, 0.1, self.eps,
            )
            return x.clamp(min=0)

        def halved(x):
            if self.border == "pad":
                return F.max_pool2d(x, 3, 2, padding=1)
            return F.max_pool2d(F.pad(x, (0, 1, 0, 1)), 3, 2)  # maps are ≥ 0, sizes even

        x = halved(conv(x, 2))
        x = halved(conv(conv(x)))
        for one, *_, pool, project in self.rows:
            stride = 1 if one else 2
            parts = [conv(x)] if one else []
            parts.append(conv(conv(x), stride))
            parts.append(conv(conv(conv(x)), stride))
            if not project:
                parts.append(halved(x))
            else:
                ring = F.pad(x, [1] * 4)
                windows = ring.unfold(2, 3, 1).unfold(3, 3, 1)
                pooled = windows.amax((4, 5)) if pool == "max" else windows.mean((4, 5))
                parts.append(conv(pooled))
            keep = [parts[i] for i in self.order] if len(parts) == 4 else parts
            x = torch.cat(keep, dim=1)
        return self.last(x.mean((2, 3)))


@pytest.mark.parametrize("size", [224, 160])
@pytest.mark.parametrize("training", [False, True])
def test_bn_inception_equals_a_second_implementation(size, training):
    found = compare(bn_inception(), Again(), (3, size, size), training=training)
    assert found.equal and found.tensors == 69 * 5 + 2


@pytest.mark.parametrize(
    "broken",
    [
        Again(eps=1e-5), Again(last_pool="average"), Again(border="pad"),
        Again(rows=[*ROWS[:3], (*ROWS[3][:5], "max", 128), *ROWS[4:]]),
        Again(order=[0, 2, 1, 3], rows=ROWS),
    ],
    ids=["epsilon", "last pooling", "border", "pooling of 4a", "order"],
)
def test_small_deviations_of_bn_inception_are_told_apart(broken):
    assert count_parameters(broken) == 11_285_224
    found = compare(bn_inception(), broken, (3, 160, 160))
    assert found.alive and not found.equal


def test_counts_depth_and_sizes():
    for name, size, macs, layers in (
        ("bn_inception", 224, 2_032_600_064, 34), ("inception_v3", 299, 5_713_216_096, 48),
        ("inception_v2", 299, 5_686_379_104, 53),
    ):
        net = archbook.create(name)
        assert count_macs(net, (3, size, size)) == macs
        assert depth(net, (3, size, size)) == layers
        assert archbook.create(name, num_classes=7).eval()(
            torch.zeros(1, 3, size, size)
        ).shape == (1, 7)
    assert count_parameters(inception_v3().head) == 3_326_696
    v2 = inception_v2()
    assert count_parameters(v2) - count_parameters(v2.head) == 23_468_104


def test_v2_has_the_sizes_of_the_papers_table():
    net, x, inputs = inception_v2().eval(), torch.zeros(1, 3, 299, 299), []
    with torch.no_grad():
        for layer in (*net.before, *net.after):
            inputs.append((x.shape[2], x.shape[1]))
            x = layer(x)
    printed = [
        (299, 3), (149, 32), (147, 32), (147, 64), (73, 64), (71, 80), (35, 192),
        (35, 288), (17, 768), (8, 1280),
    ]
    assert list(dict.fromkeys(inputs)) == [*printed, (8, 2048)]
    assert x.shape == (1, 2048, 8, 8)


def test_in_training_the_head_speaks_too():
    for net in (inception_v2(5), inception_v3(5)):
        main, side = net.train()(torch.rand(2, 3, 299, 299))
        assert main.shape == side.shape == (2, 5)
        assert net.eval()(torch.rand(1, 3, 299, 299)).shape == (1, 5)
    norms = [
        sum(isinstance(m, nn.BatchNorm2d) for m in net.head.modules())
        for net in (inception_v2(5), inception_v3(5))
    ]
    assert norms == [1, 2]
    head = inception_v3(5).head.train()
    assert head(torch.rand(2, 768, 17, 17)).shape == (2, 5)


def test_the_heads_loss_trains_what_stands_below_it_and_nothing_behind():
    net = inception_v3(5).train()
    _, side = net(torch.rand(2, 3, 299, 299))
    side[:, 0].sum().backward()
    assert net.before[0][0].weight.grad.abs().max() > 0
    assert all(p.grad is None for p in [*net.after.parameters(), *net.fc.parameters()])


def test_modules_give_the_channels_of_the_paper():
    for module, before, after in (
        (module_35(288), (288, 35), (288, 35)), (module_17(160), (768, 17), (768, 17)),
        (module_8(1280), (1280, 8), (2048, 8)),
        (reduction(288, (192, 384), (64, 96)), (288, 35), (768, 17)),
        (reduction(320, (128, 160), (64, 96), padding=1), (320, 28), (576, 14)),
    ):
        shape = module(torch.rand(2, before[0], before[1], before[1])).shape
        assert shape == (2, after[0], after[1], after[1])


def test_initial_weights_follow_he():
    torch.manual_seed(0)
    conv = bn_inception().before[8].branches[0][0]
    expected = math.sqrt(2 / conv.weight[0].numel())
    assert conv.weight.std().item() == pytest.approx(expected, rel=0.05)


def test_the_twins_arms():
    x = torch.rand(3, 1, 28, 28)
    for kind, way, parameters in (
        ("5x5", "parallel", 29_896), ("3x3, 3x3", "parallel", 24_928),
        ("3x3, 3x3 linear", "parallel", 24_928), ("3x3, 3x3", "pool first", 34_084),
        ("3x3, 3x3", "pool last", 34_084),
    ):
        net = small_inception(kind, way)
        assert count_parameters(net) == parameters and net(x).shape == (3, 10)
    relus = [
        sum(isinstance(m, nn.ReLU) for m in small_inception(kind).modules())
        for kind in ("3x3, 3x3", "3x3, 3x3 linear")
    ]
    assert relus[0] - relus[1] == 2  # one in each of the two modules
    with pytest.raises(ValueError, match="kind is '7x7'; expected '5x5'"):
        small_inception("7x7")
    with pytest.raises(ValueError, match="way is 'stride'; expected 'pool first'"):
        small_inception(way="stride")


def test_tensorflows_rmsprop_has_epsilon_under_the_root_and_starts_at_one():
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(50, dtype=torch.float64))
    ours, square = weight.detach().clone(), torch.ones(50, dtype=torch.float64)
    optimizer = RMSpropTF([weight], lr=0.045, alpha=0.9, eps=1.0)
    for _ in range(20):
        weight.grad = torch.randn(50, dtype=torch.float64)
        square = 0.9 * square + 0.1 * weight.grad**2
        ours -= 0.045 * weight.grad / (square + 1.0).sqrt()
        optimizer.step()
    assert torch.allclose(ours, weight.detach(), atol=1e-12)


def test_published_rows():
    assert list(published("inception_v3", "macs")["value"]) == [5e9, 4.8e9]
    assert published("inception_v2", "depth")["value"].item() == 42
