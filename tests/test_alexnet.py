"""AlexNet: torchvision's network, and the one of 2012 by other computations."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models

import archbook
from archbook.accounting import count_macs, count_parameters, depth, layer_table
from archbook.networks.alexnet import (
    AlexNet2012, Ensemble, SmallAlexNet, local_response_norm, mean_probability,
)
from archbook.parity import calibrate, compare
from archbook.published import published

WHOLE, FEATURES = (3, 227, 227), 3_747_200


@pytest.mark.parametrize("pixels", [64, 224, 300])
def test_alexnet_is_torchvisions(pixels):
    found = compare(archbook.create("alexnet"), models.alexnet(), (3, pixels, pixels))
    assert found.equal and found.tensors == 16


def test_alexnet_is_torchvisions_in_training_mode_and_in_print():
    network, reference = archbook.create("alexnet"), models.alexnet()
    assert compare(network, reference, (3, 224, 224), training=True).equal
    assert str(network) == str(reference)


def less_padding(model):
    model.features[0].padding = (1, 1)


def more_stride(model):
    model.features[3].stride = (2, 2)


def other_pooling(model):
    model.features[12] = nn.MaxPool2d(2)


def with_norm(model):
    model.features[2] = nn.Sequential(local_response_norm(), nn.MaxPool2d(3, 2))


@pytest.mark.parametrize("change", [less_padding, more_stride, other_pooling, with_norm])
def test_small_deviations_are_told_apart(change):
    network = archbook.create("alexnet")
    change(network)
    found = compare(network, models.alexnet(), (3, 224, 224))
    assert found.alive and not found.equal
    assert found.difference > 1e-2 * found.spread


def test_counts():
    expected = {
        ("alexnet", 224): (61_100_840, 714_188_480),
        ("alexnet", 227): (61_100_840, 716_767_232),
        ("alexnet_2012", 227): (60_965_224, 724_406_816),
    }
    for (name, pixels), (parameters, macs) in expected.items():
        network = archbook.create(name)
        assert count_parameters(network) == parameters
        assert count_macs(network, (3, pixels, pixels)) == macs
        assert depth(network, (3, pixels, pixels)) == 8
    [printed] = published("alexnet_2012", "parameters")["value"]
    assert printed <= count_parameters(archbook.create("alexnet_2012")) < printed + 1e6


def test_every_kernel_has_the_papers_size():
    convs = [m for m in AlexNet2012().features if isinstance(m, nn.Conv2d)]
    kernels = [tuple(conv.weight.shape) for conv in convs]
    assert kernels == [  # §3.5
        (96, 3, 11, 11), (256, 48, 5, 5), (384, 256, 3, 3), (384, 192, 3, 3), (256, 192, 3, 3)
    ]
    table = layer_table(AlexNet2012(), WHOLE)
    assert list(table["H/W out"][:10]) == "55 55 27 27 27 13 13 13 13 6".split()


def test_it_starts_as_the_paper_says():
    torch.manual_seed(0)
    network = AlexNet2012()
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert [layer.bias.unique().tolist() for layer in layers] == [
        [0.0], [1.0], [0.0], [1.0], [1.0], [1.0], [1.0], [0.0]
    ]
    for layer in layers:
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.02)
        assert abs(layer.weight.mean().item()) < 2e-4


def test_the_norm_is_the_papers_formula():
    a = 100 * torch.rand(2, 20, 3, 3, generator=torch.Generator().manual_seed(0)).double()
    padded = F.pad(a.square(), (0, 0, 0, 0, 2, 2))
    around = sum(padded[:, i : i + 20] for i in range(5))
    expected = a / (2 + 1e-4 * around) ** 0.75
    assert torch.allclose(local_response_norm()(a), expected, rtol=1e-12)
    assert not torch.allclose(nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0)(a), expected)


@pytest.fixture(scope="module")
def networks():
    """The network of 2012, and the merged one with its weights, zero between the GPUs."""
    grouped = calibrate(AlexNet2012(num_classes=10), WHOLE).double().eval()
    merged = AlexNet2012(num_classes=10, groups=1).double().eval()
    state = grouped.state_dict()
    for name, full in merged.state_dict().items():
        if state[name].shape != full.shape:
            half = state[name]
            state[name] = torch.zeros_like(full)
            out, inside = len(half) // 2, half.shape[1]
            state[name][:out, :inside] = half[:out]
            state[name][out:, inside:] = half[out:]
    merged.load_state_dict(state)
    return grouped, merged


def images(pixels):
    return torch.randn(2, 3, pixels, pixels, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize("pixels", [227, 238])
@torch.no_grad()
def test_the_groups_are_the_merged_network_without_what_crosses(networks, pixels):
    grouped, merged = networks
    logits = grouped(images(pixels))
    assert (merged(images(pixels)) - logits).abs().max() < 1e-9 * logits.std()


@pytest.mark.parametrize("layer", [4, 10, 12])
@torch.no_grad()
def test_one_weight_that_crosses_is_seen(networks, layer):
    grouped, merged = networks
    crossing = copy.deepcopy(merged)
    crossing.features[layer].weight[0, -1] += 0.1
    logits = grouped(images(227))
    assert (crossing(images(227)) - logits).abs().max() > 1e-6 * logits.std()


@torch.no_grad()
def test_order_of_norm_and_pooling_is_seen(networks):
    grouped, _ = networks
    swapped = copy.deepcopy(grouped)
    swapped.features[2], swapped.features[3] = grouped.features[3], grouped.features[2]
    logits = grouped(images(227))
    assert (swapped(images(227)) - logits).abs().max() > 1e-6 * logits.std()


def test_224_pixels_do_not_fit_the_network_of_2012():
    with pytest.raises(RuntimeError, match="6400.*9216"):
        archbook.create("alexnet_2012", 10)(torch.zeros(1, 3, 224, 224))


def test_convolutions_split_and_merged():
    assert count_parameters(AlexNet2012(10, groups=1).features) == FEATURES
    assert count_parameters(AlexNet2012(10, groups=2).features) == 2_334_080


def test_the_twin_keeps_the_plan():
    twin = SmallAlexNet()
    assert count_parameters(twin) == 138_570
    assert depth(twin, (1, 32, 32)) == 8
    kinds = [type(m).__name__ for m in twin.features if isinstance(m, (nn.Conv2d, nn.MaxPool2d))]
    paper = AlexNet2012(10).features
    assert kinds == [
        type(m).__name__ for m in paper if isinstance(m, (nn.Conv2d, nn.MaxPool2d))
    ]
    tanh = SmallAlexNet(activation=nn.Tanh)
    assert sum(isinstance(m, nn.Tanh) for m in tanh.modules()) == 7


def test_an_ensemble_averages_probabilities_and_trains_each_member_alone():
    torch.manual_seed(0)
    members = [SmallAlexNet(dropout=0.0) for _ in range(3)]
    ensemble, x = Ensemble(copy.deepcopy(members)), torch.randn(4, 1, 32, 32)
    labels = torch.tensor([0, 1, 2, 3])
    found = ensemble.eval()(x).exp()
    each = torch.stack([m.eval()(x).softmax(1) for m in members])
    assert torch.allclose(found, each.mean(0), atol=1e-6)
    assert torch.allclose(found.sum(1), torch.ones(4), atol=1e-5)
    assert torch.equal(mean_probability([m(x) for m in members]).argmax(1), found.argmax(1))

    sum(F.cross_entropy(logits, labels) for logits in ensemble.train()(x)).backward()
    for member, together in zip(members, ensemble.members):
        F.cross_entropy(member.train()(x), labels).backward()
        for alone, shared in zip(member.parameters(), together.parameters()):
            assert torch.allclose(alone.grad, shared.grad, atol=1e-6)
