"""SENet: timm's logits in both versions, formulas, counts, gates, negative controls."""

import pytest
import torch
from torch import nn

import archbook
from archbook.accounting import count_macs, count_parameters, count_weighted_layers, depth
from archbook.networks.googlenet import Inception, googlenet
from archbook.networks.resnet import (
    BOTTLENECK_CHANNELS, ResNet, bottleneck_path, identity_block, resnet50,
)
from archbook.networks.senet import (
    BlindGates, SENet, SqueezeExcite, accuracy_with, excitations, insert_squeeze_excite,
    of_another_image, of_no_image, output_channels, released_seresnet, se_bn_inception,
    senet154, senet_path, seresnet50, share_between_classes, twin, with_released_pooling,
    with_squeeze_excite,
)
from archbook.parity import compare
from archbook.published import published
from archbook.results import load_results, select
from tools.experiments.senet import EXPERIMENTS, use_of_gates

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def reference(name):
    timm = pytest.importorskip("timm")
    return timm.create_model(name, pretrained=False, drop_rate=0.0)


@pytest.mark.parametrize(
    ("layers", "size", "training"),
    [(50, 64, False), (50, 97, False), (50, 64, True), (101, 40, False), (152, 33, True)],
)
def test_timms_logits(layers, size, training):
    ours, name = archbook.create(f"seresnet{layers}"), f"seresnet{layers}"
    assert compare(ours, reference(name), (3, size, size), training=training).equal


@pytest.mark.parametrize(
    ("layers", "size", "training"),
    [(50, 64, False), (50, 97, False), (50, 64, True), (101, 40, False), (152, 33, True)],
)
def test_the_released_networks(layers, size, training):
    ours, name = released_seresnet(BLOCKS[layers]), f"legacy_seresnet{layers}"
    assert compare(ours, reference(name), (3, size, size), training=training).equal


def test_senet154_in_both_versions():
    ours = senet154()
    assert compare(ours, reference("senet154"), (3, 40, 40)).equal
    released, legacy = with_released_pooling(ours), reference("legacy_senet154")
    assert compare(released, legacy, (3, 33, 33), training=True).equal


def test_versions_are_told_apart():
    """The same weights fit; stride and pooling each make another network."""
    released = released_seresnet(BLOCKS[50])
    only_pooling = with_released_pooling(seresnet50())
    nets = [seresnet50(), only_pooling, released]
    assert len({count_parameters(net) for net in nets}) == 1
    for first in range(3):
        for second in range(first):
            found = compare(nets[first], nets[second], (3, 64, 64))
            assert found.alive and not found.equal
    macs = [count_macs(net, (3, 224, 224)) for net in nets]
    assert macs == [4_091_699_200, 4_091_699_200, 3_860_488_192]


def wrong_epsilon(net):
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3


def without_relu(net):
    for module in net.modules():
        if isinstance(module, SqueezeExcite):
            module.excite[1] = nn.Identity()


def squeezed_by_maximum(net):
    for module in net.modules():
        if isinstance(module, SqueezeExcite):
            module.squeeze = nn.AdaptiveMaxPool2d(1)


def gates_before_the_last_norm(net):
    for part in net.stages:
        for block in part:
            *layers, norm, se = block.main_path
            block.main_path = nn.Sequential(*layers, nn.Identity(), norm, se)
            block.main_path[-3] = Swapped(norm, se)
            block.main_path[-2], block.main_path[-1] = nn.Identity(), nn.Identity()


class Swapped(nn.Module):
    """The SE block first, then the norm; the tensors keep their order."""

    def __init__(self, norm, se):
        super().__init__()
        self.norm, self.se = norm, se

    def forward(self, x):
        return self.norm(self.se(x))


class BehindTheAddition(nn.Module):
    """The gates scale the sum, not the main path alone."""

    def __init__(self, block):
        super().__init__()
        self.main_path, self.shortcut = block.main_path, block.shortcut

    def forward(self, x):
        *layers, se = self.main_path
        return torch.relu(se(nn.Sequential(*layers)(x) + self.shortcut(x)))


def gates_behind_the_addition(net):
    for part in net.stages:
        for i, block in enumerate(part):
            part[i] = BehindTheAddition(block)


@pytest.mark.parametrize(
    "change",
    [wrong_epsilon, without_relu, squeezed_by_maximum, gates_before_the_last_norm,
     gates_behind_the_addition],
)
def test_small_changes_are_told_apart(change):
    def small():
        path = with_squeeze_excite(bottleneck_path, 4)
        return ResNet(path, (1, 1, 1, 1), (16, 32, 64, 128), num_classes=7)

    net, same = small(), small()
    assert compare(same, net, (3, 64, 64)).equal
    change(net)
    assert count_parameters(net) == count_parameters(same)
    found = compare(same, net, (3, 64, 64))
    assert found.alive and not found.equal


def test_the_block_is_the_formula():
    torch.manual_seed(0)
    block, u = SqueezeExcite(12, 3), torch.randn(3, 12, 5, 7)
    w1, b1, w2, b2 = (p.flatten(1) if p.ndim > 1 else p for p in block.parameters())
    z = torch.stack([u[:, c].flatten(1).sum(1) / 35 for c in range(12)], dim=1)
    s = torch.sigmoid((z @ w1.T + b1).clamp(min=0) @ w2.T + b2)
    assert torch.allclose(block(u), torch.einsum("nc,nchw->nchw", s, u), atol=1e-6)
    assert w1.shape == (4, 12) and w2.shape == (12, 4)


@pytest.mark.parametrize("reduction", [0, -2, 5, 24])
def test_a_reduction_that_does_not_divide_is_named(reduction):
    with pytest.raises(ValueError, match=f"reduction is {reduction}.*12 channels"):
        SqueezeExcite(12, reduction)


@pytest.mark.parametrize("reduction", [2, 16])
def test_extra_parameters_and_work_of_seresnet50(reduction):
    with torch.device("meta"):
        net, plain = seresnet50(reduction=reduction), resnet50()
    pairs = list(zip(BLOCKS[50], BOTTLENECK_CHANNELS))
    weights = sum(2 * n * c * c // reduction for n, c in pairs)
    biases = sum(n * (c + c // reduction) for n, c in pairs)
    assert count_parameters(net) - count_parameters(plain) == weights + biases
    size = (3, 224, 224)
    assert count_macs(net, size) - count_macs(plain, size) == weights


def test_the_papers_macs_and_depths():
    for layers, blocks in BLOCKS.items():
        with torch.device("meta"):
            ours, net = archbook.create(f"seresnet{layers}"), released_seresnet(blocks)
        printed = published(f"seresnet{layers}", "macs")["value"].item()
        assert abs(count_macs(net, (3, 224, 224)) - printed) < 0.04e9
        assert depth(ours, (3, 64, 64)) == layers
        assert count_weighted_layers(ours, (3, 64, 64)) == layers + 4 + 2 * sum(blocks)
    with torch.device("meta"):
        net = senet154()
    assert count_macs(net, (3, 224, 224)) == 20_688_363_520
    assert depth(net, (3, 64, 64)) == published("senet154", "depth")["value"].item()
    assert count_weighted_layers(net, (3, 64, 64)) == 258


def test_the_parts_of_senet154():
    with torch.device("meta"):
        net, path = senet154(), senet_path(512, 1024, 2)
    assert [path[0].out_channels, path[3].groups, path[3].stride] == [512, 64, (2, 2)]
    kernels = [part[0].shortcut[0].kernel_size[0] for part in net.stages]
    assert kernels == [1, 3, 3, 3] and net.dropout.p == 0.2
    small = SENet((1, 1, 1, 1), num_classes=3).eval()
    stages = []
    x = small.stem(torch.zeros(1, 3, 64, 64))
    for part in small.stages:
        x = part(x)
        stages.append(tuple(x.shape[1:]))
    assert stages == [(256, 16, 16), (512, 8, 8), (1024, 4, 4), (2048, 2, 2)]


def test_other_numbers_of_classes():
    for name in ("seresnet50", "se_inception_v1"):
        net = archbook.create(name, num_classes=7).eval()
        assert net(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


def test_se_inception():
    net = archbook.create("se_inception_v1", num_classes=10)
    blocks = [m for m in net.modules() if isinstance(m, SqueezeExcite)]
    channels = [block.excite[0].in_channels for block in blocks]
    assert channels == [256, 480, 512, 512, 512, 528, 832, 832, 1024]
    logits = net(torch.zeros(2, 3, 96, 96))
    assert [tuple(head.shape) for head in logits] == [(2, 10)] * 3
    bn = se_bn_inception()
    assert count_parameters(bn) == 11_931_622
    assert sum(isinstance(m, SqueezeExcite) for m in bn.modules()) == 10
    assert count_macs(bn, (3, 224, 224)) == 2_033_239_424


def test_open_gates_leave_inception_as_it_was():
    torch.manual_seed(0)
    plain = googlenet(heads=False).eval()
    x, state = torch.randn(1, 3, 64, 64), plain.state_dict()
    before = plain(x)
    weights = [t.clone() for t in state.values()]
    net = insert_squeeze_excite(plain, Inception).eval()
    for block in (m for m in net.modules() if isinstance(m, SqueezeExcite)):
        nn.init.zeros_(block.excite[2].weight)
        nn.init.constant_(block.excite[2].bias, 100.0)
    assert torch.allclose(net(x), before, atol=1e-5)
    kept = [t for name, t in net.state_dict().items() if "excite" not in name]
    assert all(torch.equal(a, b) for a, b in zip(kept, weights, strict=True))


def test_finding_channels_changes_nothing():
    module = bottleneck_path(6, 20).train()
    before = {n: t.clone() for n, t in module.state_dict().items()}
    assert output_channels(module) == 20 and module.training
    assert all(torch.equal(before[n], t) for n, t in module.state_dict().items())


def test_the_arms_differ_in_their_gates_only():
    nets = {}
    for gates in (None, BlindGates, SqueezeExcite):
        torch.manual_seed(3)
        nets[gates] = twin(gates)
    counts = {g: count_parameters(net) for g, net in nets.items()}
    assert counts == {None: 43_490, BlindGates: 44_974, SqueezeExcite: 44_974}
    size = (1, 28, 28)
    macs = {g: count_macs(net, size) for g, net in nets.items()}
    assert macs[BlindGates] == macs[SqueezeExcite] < 1.001 * macs[None]
    assert {depth(net, size) for net in nets.values()} == {14}
    se, plain = nets[SqueezeExcite].state_dict(), nets[None].state_dict()
    assert all(torch.equal(se[name], tensor) for name, tensor in plain.items())
    blind = nets[BlindGates].state_dict()
    assert all(torch.equal(se[name], tensor) for name, tensor in blind.items())


def test_blind_gates_do_not_see_the_image():
    torch.manual_seed(0)
    images = torch.randn(6, 1, 28, 28)
    blind, se = (excitations(twin(g), images) for g in (BlindGates, SqueezeExcite))
    assert [tuple(g.shape) for g in se] == [(6, 8)] * 2 + [(6, 16)] * 2 + [(6, 32)] * 2
    assert all(g.shape[0] == 1 for g in blind)  # one set for the whole batch
    assert all(g.std(0).min() > 0 for g in se)


def test_share_between_classes():
    labels = torch.tensor([0, 0, 1, 1])
    assert share_between_classes(torch.tensor([[1.0], [1], [3], [3]]), labels) == 1
    assert share_between_classes(torch.tensor([[1.0], [3], [1], [3]]), labels) == 0
    mixed = torch.tensor([[0.0, 0], [2, 0], [4, 0], [6, 0]])  # 4 of 5
    assert share_between_classes(mixed, labels) == pytest.approx(0.8)


def test_changed_gates():
    torch.manual_seed(0)
    net, images = twin(SqueezeExcite), torch.randn(40, 1, 28, 28)
    labels = net.eval()(images).argmax(1)
    assert accuracy_with(net, images, labels, lambda gates: gates) == 1
    gates = torch.rand(5, 3, 1, 1)
    assert torch.equal(of_another_image(gates)[1:], gates[:-1])
    assert torch.allclose(of_no_image(gates)[2], gates.mean(0))
    assert accuracy_with(net, images, labels, torch.zeros_like) < 1
    assert not any(m._forward_hooks for m in net.modules())
    assert torch.equal(net(images).argmax(1), labels)


def test_only_networks_that_see_are_measured():
    assert use_of_gates(twin(), None) == {} == use_of_gates(twin(BlindGates), None)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_recorded_runs_are_complete(name):
    runs, arms = load_results(name), {"none": None, "SE": SqueezeExcite}
    rates = [0.1, 0.3, 1.0]
    if name == "senet_12_epochs":
        arms["blind"] = BlindGates
        rates.append(3.0)
    assert len(runs) == 5 * len(rates) * len(arms)
    for arm, gates in arms.items():
        for lr in rates:
            own = select(runs, gates=arm, lr=lr)
            assert [run["seed"] for run in own] == [0, 1, 2, 3, 4]
            for run in own:
                assert run["parameters"] == count_parameters(twin(gates))
                assert run["history"] and ("of_no_image" in run["test"]) == (arm == "SE")


def test_a_block_of_the_page():
    block = identity_block(with_squeeze_excite(bottleneck_path)(64, 64))
    assert isinstance(block.main_path[-1], SqueezeExcite)  # before the addition
    assert block(torch.zeros(1, 64, 5, 5)).shape == (1, 64, 5, 5)
