"""ZFNet is the network of Figure 3, and its way back is what the page says it is."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import archbook
from archbook.accounting import count_macs, count_parameters, depth
from archbook.networks.zfnet import (
    RULES, SmallZFNet, ZFNet, ascend, contrast_norm, dead_filters, descend, filter_aliasing,
    filter_back, max_pool, occlude, only_strongest, project, project_by_autograd,
    response_aliasing, share_above_nyquist, squares, unpool, weak_filters,
)
from archbook.parity import compare

SMALL = {"num_classes": 7, "channels": (8, 16, 24, 20, 12), "hidden": 32}


class Again(nn.Module):
    """ZFNet by other operations, from the paper's numbers: patches, slices, products."""

    def __init__(self, num_classes, channels, hidden):
        super().__init__()
        kernels = (7, 5, 3, 3, 3)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, k) for a, b, k in zip((3, *channels), channels, kernels)
        )
        widths = (36 * channels[-1], hidden, hidden, num_classes)
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))

    def forward(self, x):
        for i, (stride, padding) in enumerate([(2, 1), (2, 0), (1, 1), (1, 1), (1, 1)]):
            x = self.conv(x, self.convs[i], stride, padding)
            if i in (0, 1, 4):
                x = self.pool(x)
            if i in (0, 1):
                near = F.pad(x.square(), [0, 0, 0, 0, 2, 2]).unfold(1, 5, 1).sum(4)
                x = x / (2 + 1e-4 * near) ** 0.75
        x = x.flatten(1)
        for i, linear in enumerate(self.linears):
            x = x @ linear.weight.T + linear.bias
            x = x.clamp(min=0) if i < 2 else x
        return x

    def conv(self, x, layer, stride, padding):
        kernel = layer.weight.shape[2]
        pixels = (x.shape[2] + 2 * padding - kernel) // stride + 1
        patches = F.unfold(x, kernel, padding=padding, stride=stride)
        y = layer.weight.flatten(1) @ patches + layer.bias[:, None]
        return y.clamp(min=0).unflatten(2, (pixels, pixels))

    def pool(self, x):
        x = F.pad(x, [0, 1, 0, 1], value=-math.inf)
        return x.unfold(2, 3, 2).unfold(3, 3, 2).amax((4, 5))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("size", [210, 224, 231])
def test_zfnet_is_its_second_implementation(size, training):
    found = compare(ZFNet(**SMALL), Again(**SMALL), (3, size, size), training=training)
    assert found.equal and found.tensors == 16


def test_the_network_of_the_paper():
    reference = Again(1000, (96, 256, 384, 384, 256), 4096)
    assert compare(archbook.create("zfnet"), reference, (3, 224, 224)).equal


def test_the_wide_network_differs_in_layers_3_to_5_only():
    convs = [m for m in archbook.create("zfnet_wide").features if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convs] == [96, 256, 512, 1024, 512]
    base = [m for m in ZFNet(**SMALL).features if isinstance(m, nn.Conv2d)]
    for one, two in zip(convs, base):
        assert (one.kernel_size, one.stride, one.padding) == (
            two.kernel_size, two.stride, two.padding
        )


def padded_pooling(layers):
    for i in (2, 6):
        layers[i] = nn.MaxPool2d(3, stride=2, padding=1)


def norm_first(layers):
    for i in (2, 6):
        layers[i], layers[i + 1] = layers[i + 1], layers[i]


def torchs_alpha(layers):
    for i in (3, 7):
        layers[i].alpha = 1e-4


def no_norm(layers):
    for i in (3, 7):
        layers[i] = nn.Identity()


def shifted_padding(layers):
    """The padding of convolution 1 on one side only: sizes and counts stay."""
    layers[0].padding = 0
    layers[0] = nn.Sequential(nn.ZeroPad2d((0, 2, 0, 2)), layers[0])


@pytest.mark.parametrize(
    "change", [padded_pooling, norm_first, torchs_alpha, no_norm, shifted_padding]
)
def test_small_deviations_are_told_apart(change):
    network = ZFNet(**SMALL)
    change(network.features)
    found = compare(network, Again(**SMALL), (3, 224, 224))
    assert found.alive and not found.equal and found.difference > 1e-5 * found.spread


def test_the_sizes_of_figure_3_and_the_counts():
    network, x, sizes = archbook.create("zfnet").eval(), torch.zeros(1, 3, 224, 224), []
    for layer in network.features:
        x = layer(x)
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d)):
            sizes.append(x.shape[-1])
    assert sizes == [110, 55, 26, 13, 13, 13, 13, 6] and x.numel() == 9_216
    assert count_macs(network, (3, 224, 224)) == 1_168_032_896
    wide = archbook.create("zfnet_wide")
    assert count_macs(wide, (3, 224, 224)) == 2_476_704_896
    assert depth(network, (3, 224, 224)) == depth(wide, (3, 224, 224)) == 8
    assert network(torch.zeros(2, 3, 224, 224)).shape == (2, 1000)
    assert archbook.create("zfnet", 7)(torch.zeros(1, 3, 224, 224)).shape == (1, 7)


def test_weights_start_small():
    network = ZFNet(**SMALL)
    weights = [p for p in network.parameters() if p.ndim > 1]
    assert all(w.std().item() == pytest.approx(0.01, rel=0.15) for w in weights)
    assert all(p.eq(0).all() for p in network.parameters() if p.ndim == 1)


def test_unpooling_is_torchs_where_windows_do_not_overlap():
    x = torch.randn(2, 3, 14, 10)
    pooled, switches = F.max_pool2d(x, 2, return_indices=True)
    assert torch.equal(unpool(pooled, switches, (14, 10)), nn.MaxUnpool2d(2)(pooled, switches))


def test_unpooling_adds_what_meets():
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 2] = 1  # the maximum of all four windows
    pooled, switches = F.max_pool2d(x, 3, stride=2, return_indices=True)
    found = unpool(pooled, switches, (5, 5))
    assert found[0, 0, 2, 2] == 4 and found.sum() == pooled.sum()


@pytest.mark.parametrize("size", [(27, 27), (28, 31)])
@pytest.mark.parametrize("kernel,stride,padding", [(7, 2, 1), (5, 2, 0), (3, 1, 1), (11, 4, 5)])
def test_transposed_filters_are_autograds_way_back(kernel, stride, padding, size):
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 4, kernel, stride, padding).double()
    x = torch.randn(2, 3, *size).double().requires_grad_()
    y = conv(x)
    signal = torch.randn_like(y)
    (wanted,) = torch.autograd.grad(y, x, signal)
    assert torch.allclose(filter_back(conv, signal, size), wanted, atol=1e-12)


@pytest.mark.parametrize("count", [2, 3, 5, 7, 9, 11, 12])
@pytest.mark.parametrize("kernel,stride", [(7, 2), (11, 4)])
def test_the_deconvnet_is_autograd_with_another_relu(kernel, stride, count):
    torch.manual_seed(0)
    layers = SmallZFNet(kernel, stride).double().features[:count]
    images = torch.randn(4, 1, 28, 28).double()
    with torch.no_grad():
        maps = layers(images)
        channels = maps.amax((2, 3)).argmax(1)
        by_hand = project(layers, images, channels)
    found = {rule: project_by_autograd(layers, images, channels, rule) for rule in RULES}
    assert torch.allclose(by_hand, found["deconvnet"], atol=1e-10 * by_hand.abs().max().item())
    if count > 3:  # with one ReLU the kept activation decides, and all rules agree
        for rule in ("gradient", "guided"):
            assert (found[rule] - by_hand).abs().max() > 1e-3 * by_hand.abs().max()
    assert all(not layer._backward_hooks for layer in layers)


def test_the_rule_gradient_is_the_gradient():
    torch.manual_seed(0)
    layers = SmallZFNet().double().features[:11]
    images = torch.randn(2, 1, 28, 28).double().requires_grad_()
    channels = torch.tensor([3, 5])
    maps = layers(images)
    strongest = maps[torch.arange(2), channels].flatten(1).amax(1)
    (wanted,) = torch.autograd.grad((strongest.square() / 2).sum(), images)
    found = project_by_autograd(layers, images, channels, "gradient")
    assert torch.allclose(found, wanted, atol=1e-12)


def test_the_way_back_passes_over_the_normalisation_and_refuses_others():
    layers = ZFNet(**SMALL).features
    image = torch.randn(1, 3, 64, 64)
    maps, notes = ascend(layers[:8], image)
    kept = only_strongest(maps, torch.tensor([2]))
    assert descend(kept, notes).shape == image.shape and len(notes) == 8
    without = [note for note in notes if not isinstance(note[0], nn.LocalResponseNorm)]
    assert torch.equal(descend(kept, notes), descend(kept, without))
    notes[1] = (nn.Sigmoid(), *notes[1][1:])
    with pytest.raises(ValueError, match=r"no way back through Sigmoid\(\)"):
        descend(kept, notes)


def test_only_the_strongest_value_is_kept_in_any_memory_layout():
    maps = torch.rand(3, 4, 5, 6)
    for layout in (torch.contiguous_format, torch.channels_last):
        kept = only_strongest(maps.to(memory_format=layout), torch.tensor([0, 3, 2]))
        assert (kept != 0).sum() == 3
        assert kept[1, 3].max() == maps[1, 3].max() and kept[1, :3].abs().sum() == 0


def test_normalisation_is_the_formula():
    x = 128 * torch.rand(2, 9, 3, 3).double()
    found = contrast_norm()(x)
    for c in range(9):
        near = x[:, max(c - 2, 0) : c + 3].square().sum(1)
        assert torch.allclose(found[:, c], x[:, c] / (2 + 1e-4 * near) ** 0.75)
    assert max_pool()(torch.zeros(1, 1, 13, 13)).shape[-1] == 6


@pytest.mark.parametrize("kernel,stride", [(7, 2), (11, 2), (7, 4), (11, 4)])
def test_all_arms_of_the_twin_work_on_the_same_maps(kernel, stride):
    network, image = SmallZFNet(kernel, stride), torch.zeros(2, 1, 28, 28)
    assert network.features[0](image).shape[-1] == 28 // stride
    assert all(network.features[:n](image).shape[-1] == 4 for n in (4, 6, 8, 10))
    assert network(image).shape == (2, 10)
    base = count_parameters(SmallZFNet()) - 48 * 49
    assert count_parameters(network) == base + 48 * kernel**2


def test_dead_and_weak_filters_are_counted():
    conv = nn.Conv2d(1, 3, 3)
    nn.init.ones_(conv.weight)
    conv.bias.data = torch.tensor([0.0, -100.0, -8.5])  # active, never, at the brightest
    images = torch.rand(4, 1, 8, 8) / 2
    images[2, 0, 3:6, 3:6] = 1
    assert dead_filters(conv, images).tolist() == [False, True, False]
    weight = torch.ones(3, 1, 2, 2) * torch.tensor([1.0, 0.11, 0.09]).view(3, 1, 1, 1)
    assert weak_filters(weight).tolist() == [False, False, True]


def test_shares_above_nyquist():
    flat = torch.ones(3, 64, 64)  # a flat spectrum
    for stride in (2, 4):
        share = share_above_nyquist(flat, stride).mean().item()
        assert share == pytest.approx(1 - 1 / stride**2, abs=0.03)
    stripes = torch.cos(2 * math.pi * 0.2 * torch.arange(40.0)).expand(1, 1, 40, 40)
    for stride, wanted in ((1, 0.0), (2, 0.0), (4, 1.0)):
        conv = nn.Conv2d(1, 1, 1, stride)
        found = response_aliasing(conv, stripes).item()
        assert found == pytest.approx(wanted, abs=1e-3)
    conv = nn.Conv2d(1, 2, 11, stride=4)
    nn.init.ones_(conv.weight[:1].data)  # a mean: mostly low frequencies
    torch.nn.init.dirac_(conv.weight[1:].data)  # one pixel: all frequencies alike
    mean, pixel = filter_aliasing(conv).tolist()
    assert mean < 0.25 and pixel == pytest.approx(15 / 16, abs=0.01)


def test_squares_cover_what_they_say():
    masks = squares(28)
    assert masks.shape == (121, 28, 28) and masks.sum((1, 2)).eq(64).all()
    assert masks[0, :8, :8].all() and masks[-1, -8:, -8:].all() and masks[1, :8, 2:10].all()
    image = torch.rand(1, 28, 28) + 1
    hidden = occlude(image, masks)
    assert hidden.shape == (121, 1, 28, 28)
    assert hidden[5, 0][masks[5]].eq(0).all()
    assert torch.equal(hidden[5, 0][~masks[5]], image[0][~masks[5]])


def test_looking_changes_nothing():
    layers = SmallZFNet().features
    before = copy.deepcopy(layers.state_dict())
    project_by_autograd(layers[:5], torch.rand(1, 1, 28, 28), torch.tensor([0]), "guided")
    assert all(torch.equal(before[k], v) for k, v in layers.state_dict().items())
    assert all(p.grad is None for p in layers.parameters())
