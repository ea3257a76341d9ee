"""VGG: six configurations, torchvision's logits, fully connected layers as convolutions."""

import pytest
import torch
from torch import nn
from torchvision import models

import archbook
from archbook.accounting import count_macs, count_parameters, depth
from archbook.networks.vgg import (
    CONFIGURATIONS, VGG, SmallVGG, as_convolution, average_head, fully_convolutional,
    local_response_norm,
)
from archbook.parity import compare

DEPTHS = {"A": 11, "A-LRN": 11, "B": 13, "C": 16, "D": 16, "E": 19}
TORCHVISION = {"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}


def on_meta(configuration):
    """Shapes without values: 140 million weights in no time."""
    with torch.device("meta"):
        return VGG(configuration)


def unwritten(configuration, batch_norm=False):
    """A network that waits for a copy of weights; not initialised, to save memory."""
    with torch.device("meta"):
        network = VGG(configuration, batch_norm=batch_norm)
    return network.to_empty(device="cpu")


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_the_name_counts_the_layers(configuration):
    assert depth(on_meta(configuration), (3, 224, 224)) == DEPTHS[configuration]


def test_macs_are_those_of_the_literature():
    macs = [count_macs(on_meta(c), (3, 224, 224)) for c in ("A", "B", "C", "D", "E")]
    assert macs == [
        7_609_090_048, 11_308_466_176, 11_770_888_192, 15_470_264_320, 19_632_062_464
    ]


@pytest.mark.parametrize("size", [64, 97])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", TORCHVISION)
def test_logits_are_torchvisions(name, batch_norm, size):
    full_name = f"{name}_bn" if batch_norm else name
    reference = models.get_model(full_name, init_weights=False)
    ours = unwritten(TORCHVISION[name], batch_norm)
    assert compare(ours, reference, (3, size, size)).equal


@pytest.mark.parametrize("name", TORCHVISION)
def test_features_are_torchvisions_in_training_mode(name):
    reference = models.get_model(f"{name}_bn", init_weights=False).features
    ours = unwritten(TORCHVISION[name], batch_norm=True).features
    assert compare(ours, reference, (3, 64, 64), training=True).equal


def test_create_builds_these_networks():
    assert "LocalResponseNorm" in str(archbook.create("vgg11_lrn"))
    kernels = [
        layer.kernel_size for layer in archbook.create("vgg16_c").features
        if isinstance(layer, nn.Conv2d)
    ]
    assert kernels.count((1, 1)) == 3 and kernels.count((3, 3)) == 10
    assert archbook.create("vgg11_bn", 7)(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


def rounding_up(features):
    features.pool1.ceil_mode = True


def other_epsilon(features):
    features.bn2_1.eps = 1e-3


def other_padding(features):
    features.conv1_1.padding_mode = "reflect"


def other_order(features):
    """ReLU before batch norm in the first layer."""
    features.bn1_1, features.relu1_1 = features.relu1_1, features.bn1_1


@pytest.mark.parametrize("change", [rounding_up, other_epsilon, other_padding, other_order])
def test_small_deviations_are_told_apart(change):
    ours = unwritten("A", batch_norm=True).features
    reference = models.vgg11_bn(init_weights=False).features
    assert compare(ours, reference, (3, 97, 97)).equal
    change(ours)
    found = compare(ours, reference, (3, 97, 97))
    assert found.alive and not found.equal


def test_a_lrn_is_not_a_though_all_tensors_fit():
    reference = models.vgg11(init_weights=False)
    found = compare(unwritten("A-LRN").features, reference.features, (3, 64, 64))
    assert found.alive and not found.equal


def test_the_normalisation_is_alexnets():
    x = torch.randn(2, 8, 3, 3, dtype=torch.float64)
    squares = torch.nn.functional.pad(x**2, (0, 0, 0, 0, 2, 2)).unfold(1, 5, 1).sum(-1)
    expected = x / (2 + 1e-4 * squares) ** 0.75
    assert torch.allclose(local_response_norm()(x), expected, rtol=1e-12)
    names = [name for name, _ in VGG("A-LRN").features.named_children()]
    assert names[:4] == ["conv1_1", "relu1_1", "lrn1_1", "pool1"]


def test_c_is_d_with_the_centres_of_three_kernels():
    reference = models.vgg16().features.double()
    ours = unwritten("C").features.double()
    with torch.no_grad():
        for target, source in zip(ours.parameters(), reference.parameters()):
            if target.shape != source.shape:
                centre = source[:, :, 1:2, 1:2].clone()
                source.zero_()[:, :, 1:2, 1:2] = centre
                source = centre
            target.copy_(source)
        images = torch.randn(1, 3, 97, 97, dtype=torch.float64)
        expected, found = reference(images), ours(images)
    assert (found - expected).abs().max() < 1e-9 * expected.std()


def test_dense_evaluation_equals_the_logits_and_gives_a_map():
    torch.manual_seed(0)
    network = SmallVGG().double().eval()
    dense = fully_convolutional(network).double().eval()
    images = torch.randn(3, 1, 28, 28, dtype=torch.float64)
    assert torch.allclose(dense(images).flatten(1), network(images), atol=1e-9)
    assert dense(torch.zeros(1, 1, 36, 52).double()).shape == (1, 10, 2, 4)
    with torch.device("meta"):
        large = fully_convolutional(VGG("D"))(torch.zeros(1, 3, 256, 320))
    assert large.shape == (1, 1000, 2, 4)


def test_a_wrong_order_in_the_reshaped_kernel_is_seen():
    torch.manual_seed(0)
    linear, maps = nn.Linear(4 * 3 * 3, 5), torch.randn(2, 4, 3, 3)
    conv = as_convolution(linear, 3)
    assert torch.allclose(conv(maps).flatten(1), linear(maps.flatten(1)), atol=1e-5)
    conv.weight.data = conv.weight.data.transpose(2, 3).contiguous()
    assert not torch.allclose(conv(maps).flatten(1), linear(maps.flatten(1)), atol=1e-2)


def test_the_parameters_of_the_twins():
    counts = {kernels: count_parameters(SmallVGG(kernels)) for kernels in [(3, 3), (5,)]}
    assert counts == {(3, 3): 72_458, (5,): 71_034}
    assert count_parameters(SmallVGG(head="average")) == 17_994
    assert count_parameters(average_head(512, 1000)) == 513_000


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="configuration is 'F'; expected one of A, A-LRN"):
        VGG("F")
    with pytest.raises(ValueError, match="head is 'pool'; expected 'fc' or 'average'"):
        SmallVGG(head="pool")
