"""Network in Network: a second implementation, negative controls, and the twin's parts."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import archbook
from archbook.accounting import count_macs, count_parameters, depth
from archbook.networks.nin import (
    PLAIN, NiN, finds_both, linear_inside, mlpconv, nin_cifar10, nin_imagenet, small_nin,
    with_batch_norm, with_linear_head,
)
from archbook.parity import compare
from archbook.results import load_results

# The released definitions: (output channels, kernel, stride, padding) or a pooling.
CIFAR10 = [
    (192, 5, 1, 2), (160, 1, 1, 0), (96, 1, 1, 0), "max",
    (192, 5, 1, 2), (192, 1, 1, 0), (192, 1, 1, 0), "average",
    (192, 3, 1, 1), (192, 1, 1, 0), (10, 1, 1, 0),
]
IMAGENET = [
    (96, 11, 4, 0), (96, 1, 1, 0), (96, 1, 1, 0), "max",
    (256, 5, 1, 2), (256, 1, 1, 0), (256, 1, 1, 0), "max",
    (384, 3, 1, 1), (384, 1, 1, 0), (384, 1, 1, 0), "max",
    (1024, 3, 1, 1), (1024, 1, 1, 0), (1000, 1, 1, 0),
]


def pooled(x, how, border):
    """3×3 windows that move by 2. Border: "cut" rounds up, "drop" rounds down, "pad" by 1."""
    for _ in range(2):  # columns, then rows
        size = x.shape[3]
        first, end = (-1, size) if border == "pad" else (0, size - 1)
        windows = [
            x[..., max(start, 0) : start + 3]
            for start in range(first, end, 2)
            if border == "cut" or start + 3 <= size + (border == "pad")
        ]
        if how == "max":
            x = torch.stack([w.amax(-1) for w in windows], dim=-1)
        else:
            x = torch.stack(
                [w.sum(-1) / (3 if border == "pad" else w.shape[-1]) for w in windows], dim=-1
            )
        x = x.transpose(2, 3)
    return x


class Again(nn.Module):
    """NiN from patches, matrices and slices; the keywords break it on purpose."""

    def __init__(self, definition, border="cut", swap=None, last_relu=True, stride=None):
        super().__init__()
        self.definition, self.border = definition, border
        self.swap, self.last_relu, self.stride = swap or {}, last_relu, stride
        channels, convs = 3, []
        for step in definition:
            if isinstance(step, tuple):
                convs.append(nn.Conv2d(channels, step[0], step[1]))
                channels = step[0]
        self.convs = nn.ModuleList(convs)

    def forward(self, x):
        convs = list(self.convs)
        convs = iter([convs[self.swap.get(i, i)] for i in range(len(convs))])
        for i, step in enumerate(self.definition):
            if isinstance(step, str):
                x = pooled(x, step, self.border)
                continue
            conv, (_, size, stride, padding) = next(convs), step
            stride = self.stride or stride if i == 0 else stride
            rows = (x.shape[2] + 2 * padding - size) // stride + 1
            patches = F.unfold(x, size, padding=padding, stride=stride)
            x = conv.weight.flatten(1) @ patches + conv.bias[:, None]
            if self.last_relu or i < len(self.definition) - 1:
                x = x.clamp(min=0)
            x = x.unflatten(2, (rows, -1))
        return x.sum((2, 3)) / x[0, 0].numel()


@pytest.mark.parametrize("size", [32, 33, 47])
def test_cifar10_equals_a_second_implementation(size):
    found = compare(nin_cifar10(), Again(CIFAR10), (3, size, size))
    assert found.equal and found.tensors == 18


@pytest.mark.parametrize("size", [224, 167])  # at 167 all three poolings are cut off
def test_imagenet_equals_a_second_implementation(size):
    found = compare(nin_imagenet(), Again(IMAGENET), (3, size, size))
    assert found.equal and found.tensors == 24


def test_training_differs_by_dropout_only():
    assert compare(nin_cifar10(), Again(CIFAR10), (3, 32, 32), training=True).equal
    net, x = nin_cifar10().train(), torch.rand(2, 3, 32, 32)
    assert not torch.allclose(net(x), net(x))
    drops = [m for m in net.modules() if isinstance(m, nn.Dropout)]
    assert [m.p for m in drops] == [0.5, 0.5]
    places = [i for i, layer in enumerate(net.features) if isinstance(layer, nn.Dropout)]
    assert places == [2, 5]
    image_net = nin_imagenet().features
    assert [i for i, m in enumerate(image_net) if isinstance(m, nn.Dropout)] == [6]


def replaced(definition, old, new):
    return [new if step == old else step for step in definition]


@pytest.mark.parametrize(
    "broken",
    [
        Again(CIFAR10, border="pad"),
        Again(CIFAR10, border="drop"),
        Again(replaced(CIFAR10, "average", "max")),
        Again(replaced(CIFAR10, "max", "average")),
        Again(CIFAR10, last_relu=False),
        Again(CIFAR10, swap={4: 5, 5: 4}),  # two 1×1 convolutions of equal shape
        Again(CIFAR10, stride=2),
        Again([(192, 5, 1, 1), *CIFAR10[1:]]),
    ],
    ids=["padded", "floor", "max", "average", "no last ReLU", "order", "stride", "padding"],
)
def test_small_deviations_are_told_apart(broken):
    assert count_parameters(broken) == 966_986  # counts would not tell
    found = compare(nin_cifar10(), broken, (3, 33, 33))
    assert found.alive and not found.equal
    assert found.difference > 1e-3 * found.spread


@pytest.mark.parametrize("border", ["pad", "drop"])
def test_the_border_is_told_apart_on_imagenet(border):
    found = compare(nin_imagenet(), Again(IMAGENET, border=border), (3, 224, 224))
    assert found.alive and not found.equal


def test_sizes_counts_and_depth():
    for name, size, macs, layers, maps in (
        ("nin_cifar10", 32, 222_486_528, 9, (10, 8, 8)),
        ("nin_imagenet", 224, 1_100_188_800, 12, (1000, 6, 6)),
    ):
        net = archbook.create(name).eval()
        x = torch.zeros(1, 3, size, size)
        assert count_macs(net, (3, size, size)) == macs
        assert depth(net, (3, size, size)) == layers
        assert net.features(x)[0].shape == maps
        assert count_parameters(net.head) == 0
        assert archbook.create(name, num_classes=7)(x).shape == (1, 7)
    sizes, x = [], torch.zeros(1, 3, 224, 224)
    for layer in nin_imagenet(2).features:
        x = layer(x)
        sizes.append(x.shape[2])
    assert sizes == [54, 27, 27, 13, 13, 6, 6, 6]


def test_an_mlpconv_layer_is_a_network_slid_over_the_image():
    torch.manual_seed(0)
    block = mlpconv(3, (7, 6, 5), kernel_size=3, stride=2, padding=1).double()
    x = torch.randn(2, 3, 9, 8).double()
    expected, bordered = block(x), F.pad(x, [1] * 4)
    for i in range(5):
        for j in range(4):
            y = bordered[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].flatten(1)
            for conv in block[::2]:
                y = (y @ conv.weight.flatten(1).T + conv.bias).clamp(min=0)
            assert torch.allclose(y, expected[:, :, i, j], atol=1e-12)
    assert expected.shape == (2, 5, 5, 4)


def test_one_channel_number_is_a_plain_convolution_with_relu():
    block = mlpconv(3, (4,), kernel_size=5, padding=2)
    assert [type(layer) for layer in block] == [nn.Conv2d, nn.ReLU]


def test_means_of_the_maps_are_the_logits():
    net, x = small_nin().eval(), torch.randn(3, 1, 28, 28)
    maps = net.features(x)
    assert maps.shape == (3, 10, 7, 7) and maps.min() >= 0
    assert torch.allclose(maps.mean((2, 3)), net(x))
    assert net.features(torch.randn(1, 1, 28, 56)).shape == (1, 10, 7, 14)


def test_the_twin_is_the_same_in_evaluation_and_training():
    def reference(change):
        widths = [1, 24, 20, 12, 24, 24, 24, 24, 24, 10]
        kernels, layers = [5, 1, 1, 5, 1, 1, 3, 1, 1], []
        for i, (before, after, size) in enumerate(zip(widths, widths[1:], kernels)):
            conv = nn.Conv2d(before, after, size, 1 if i else 2, size // 2)
            layers += [conv, nn.BatchNorm2d(after), nn.ReLU()]
        layers.insert(9, nn.MaxPool2d(3, 2, ceil_mode=True))
        change(layers)
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def wrong_epsilon(layers):
        layers[1].eps = 1e-3

    def relu_before_norm(layers):
        layers[-1], layers[-2] = layers[-2], layers[-1]

    for size in (28, 41):
        for training in (False, True):
            same = reference(lambda layers: None)
            assert compare(small_nin(), same, (1, size, size), training=training).equal
            for change in (wrong_epsilon, relu_before_norm):
                other = reference(change)
                found = compare(small_nin(), other, (1, size, size), training=training)
                assert found.alive and not found.equal


def test_the_rivals_cost_what_the_page_says():
    size = (1, 28, 28)
    twin, linear, plain = small_nin(), small_nin(change=linear_inside), small_nin(PLAIN)
    assert count_parameters(linear) == count_parameters(twin)
    assert count_macs(linear, size) == count_macs(twin, size)
    assert depth(linear, size) == depth(twin, size) == 9
    assert count_macs(plain, size) == pytest.approx(count_macs(twin, size), rel=0.001)
    assert count_parameters(plain) > count_parameters(twin)
    head = with_linear_head(small_nin(), 490)
    assert count_parameters(head) - count_parameters(twin) == 4_910


def test_without_its_inner_relus_a_block_is_one_convolution():
    torch.manual_seed(0)
    block = linear_inside(mlpconv(2, (6, 5, 4), kernel_size=3, padding=1)).double()
    convs = [layer for layer in block if isinstance(layer, nn.Conv2d)]
    weight, bias = convs[0].weight.flatten(1), convs[0].bias
    for conv in convs[1:]:
        matrix = conv.weight.flatten(1)
        weight, bias = matrix @ weight, matrix @ bias + conv.bias
    x = torch.randn(2, 2, 7, 7).double()
    one = F.conv2d(x, weight.view(4, 2, 3, 3), bias, padding=1).clamp(min=0)
    assert torch.allclose(block(x), one, atol=1e-12)
    full = mlpconv(2, (6, 5, 4), kernel_size=3, padding=1).double()
    full.load_state_dict(dict(zip(full.state_dict(), block.state_dict().values())))
    assert not torch.allclose(full(x), one, atol=1e-3)


def test_batch_norm_stands_between_convolution_and_relu():
    kinds = [type(layer) for layer in with_batch_norm(mlpconv(3, (4, 5), 3))]
    assert kinds == 2 * [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    kinds = [type(layer) for layer in with_batch_norm(linear_inside(mlpconv(3, (4, 5), 3)))]
    assert kinds == 2 * [nn.Conv2d, nn.BatchNorm2d] + [nn.ReLU]


def test_both_sides_are_found_only_where_both_maps_are_right():
    net = NiN()  # no layers: the maps are the image's own channels
    one, two, none = torch.zeros(3, 2, 4, 4)
    one[0], two[1] = 1.0, 1.0
    left = torch.stack([one, two, none, one, one])
    right = torch.stack([two, one, none, one, none])
    zero, first = torch.zeros(5, dtype=torch.long), torch.ones(5, dtype=torch.long)
    found = finds_both(net, left, right, zero, first)
    assert found.tolist() == [True, False, False, False, False]


def test_initial_weights_follow_he_and_biases_are_zero():
    torch.manual_seed(0)
    for module in nin_cifar10().modules():
        if isinstance(module, nn.Conv2d):
            expected = (2 / module.weight[0].numel()) ** 0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=0.05)
            assert module.bias.abs().max() == 0


def test_the_recorded_runs_are_complete():
    runs = load_results("nin_twins")
    arms = {(r["config"]["network"], r["config"]["lr"]) for r in runs}
    assert len(arms) == 14 and len(runs) == 70
    assert {r["seed"] for r in runs} == set(range(5))
