"""Networks by name: counts exact, errors helpful, pretrained weights through parity."""

import pytest
import torch
from torchvision import models

import archbook
from archbook.accounting import count_parameters
from archbook.registry import NETWORKS

COUNTS = {
    "zfnet": 62_357_608, "zfnet_wide": 107_627_624,
    "alexnet": 61_100_840, "alexnet_2012": 60_965_224,
    "alexnet_2012_merged": 62_378_344,
    "vgg11": 132_863_336, "vgg11_lrn": 132_863_336, "vgg13": 133_047_848,
    "vgg16_c": 133_638_952, "vgg16": 138_357_544, "vgg19": 143_667_240,
    "vgg11_bn": 132_868_840, "vgg13_bn": 133_053_736, "vgg16_bn": 138_365_992,
    "vgg19_bn": 143_678_248,
    "nin_cifar10": 966_986, "nin_imagenet": 7_595_176,
    "lenet5": 60_000, "lenet5_simplified": 61_706, "resnet18": 11_689_512,
    "resnet34": 21_797_672, "resnet50": 25_557_032, "resnet101": 44_549_160,
    "resnet152": 60_192_808, "resnet20_cifar": 269_722, "resnet32_cifar": 464_154,
    "resnet44_cifar": 658_586, "resnet56_cifar": 853_018, "resnet110_cifar": 1_727_962,
    "resnet1202_cifar": 19_421_274,
    "googlenet": 13_004_888, "googlenet_paper": 13_378_280,
    "resnext50_32x4d": 25_028_904, "resnext101_32x8d": 88_791_336,
    "resnext101_64x4d": 83_455_272,
    "bn_inception": 11_285_224, "inception_v2": 26_794_032, "inception_v3": 27_161_264,
    "inception_v4": 42_679_816, "inception_resnet_v1": 22_756_328,
    "inception_resnet_v2": 55_843_464, "inception_resnet_v2_paper": 32_433_928,
    "densenet121": 7_978_856, "densenet161": 28_681_000, "densenet169": 14_149_480,
    "densenet201": 20_013_928, "densenet_bc_100_12": 769_162,
    "nasnetalarge": 88_753_150, "nasnetamobile": 5_289_978,
    "seresnet50": 28_088_024, "seresnet101": 49_326_872, "seresnet152": 66_821_848,
    "senet154": 115_088_984, "se_inception_v1": 13_484_991,
    "efficientnet_b0": 5_288_548, "efficientnet_b1": 7_794_184,
    "efficientnet_b2": 9_109_994, "efficientnet_b3": 12_233_232,
    "efficientnet_b4": 19_341_616, "efficientnet_b5": 30_389_784,
    "efficientnet_b6": 43_040_704, "efficientnet_b7": 66_347_960,
    "efficientnet_lite0": 4_652_008,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_counts_are_exact(name):
    assert count_parameters(archbook.create(name)) == COUNTS[name]


def test_all_names_are_tested_and_in_natural_order():
    assert set(COUNTS) == set(NETWORKS)
    assert archbook.list_networks("resnet*")[:3] == ["resnet18", "resnet20_cifar", "resnet32_cifar"]
    assert archbook.list_networks("yolo*") == []


def test_other_numbers_of_classes():
    for name, size in (("resnet18", (1, 3, 64, 64)), ("resnet20_cifar", (1, 3, 32, 32))):
        assert archbook.create(name, num_classes=7).eval()(torch.zeros(size)).shape == (1, 7)
    with pytest.raises(ValueError, match="num_classes is 7.*lenet5_simplified"):
        archbook.create("lenet5", num_classes=7)


def test_an_unknown_name_lists_the_nearest():
    with pytest.raises(ValueError, match="unknown network 'resnet5'; nearest: resnet50"):
        archbook.create("resnet5")


def test_pretrained_weights_give_torchvisions_logits(monkeypatch):
    torch.manual_seed(0)
    reference, get_model = models.resnet18(), models.get_model
    asked = []

    def fake(name, weights):
        asked.append((name, weights))
        return reference

    monkeypatch.setattr(models, "get_model", fake)
    image = torch.rand(1, 3, 64, 64)
    ours = archbook.create("resnet18", pretrained=True).eval()
    assert torch.allclose(ours(image), reference.eval()(image), atol=1e-5)
    assert asked == [("resnet18", "IMAGENET1K_V1")] and get_model is not fake


def test_pretrained_errors(monkeypatch):
    def unreachable(name, weights):
        raise OSError("Name or service not known")

    monkeypatch.setattr(models, "get_model", unreachable)
    with pytest.raises(ConnectionError, match="cannot be downloaded.*pretrained=True"):
        archbook.create("resnet18", pretrained=True)
    with pytest.raises(ValueError, match="no pretrained weights for 'lenet5'"):
        archbook.create("lenet5", pretrained=True)
    with pytest.raises(ValueError, match="num_classes is 10"):
        archbook.create("resnet18", 10, pretrained=True)
