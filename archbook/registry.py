"""Every network of the book by name."""

import contextlib
import difflib
import fnmatch
import importlib
import io
import re

from archbook.parity import copy_weights

# name: module of archbook.networks whose function of that name builds it
NETWORKS = {
    "lenet5": "lenet",
    "lenet5_simplified": "lenet",
    "alexnet": "alexnet",
    "alexnet_2012": "alexnet",
    "alexnet_2012_merged": "alexnet",
    "zfnet": "zfnet",
    "zfnet_wide": "zfnet",
    "vgg11": "vgg",
    "vgg11_lrn": "vgg",
    "vgg13": "vgg",
    "vgg16_c": "vgg",
    "vgg16": "vgg",
    "vgg19": "vgg",
    "vgg11_bn": "vgg",
    "vgg13_bn": "vgg",
    "vgg16_bn": "vgg",
    "vgg19_bn": "vgg",
    "nin_cifar10": "nin",
    "nin_imagenet": "nin",
    "googlenet": "googlenet",
    "googlenet_paper": "googlenet",
    "resnet18": "resnet",
    "resnet34": "resnet",
    "resnet50": "resnet",
    "resnet101": "resnet",
    "resnet152": "resnet",
    "resnet20_cifar": "resnet",
    "resnet32_cifar": "resnet",
    "resnet44_cifar": "resnet",
    "resnet56_cifar": "resnet",
    "resnet110_cifar": "resnet",
    "resnet1202_cifar": "resnet",
    "resnext50_32x4d": "resnext",
    "resnext101_32x8d": "resnext",
    "resnext101_64x4d": "resnext",
    "bn_inception": "inception",
    "inception_v2": "inception",
    "inception_v3": "inception",
    "inception_v4": "inception_v4",
    "inception_resnet_v1": "inception_v4",
    "inception_resnet_v2": "inception_v4",
    "inception_resnet_v2_paper": "inception_v4",
    "densenet121": "densenet",
    "densenet161": "densenet",
    "densenet169": "densenet",
    "densenet201": "densenet",
    "densenet_bc_100_12": "densenet",
    "nasnetalarge": "nasnet",
    "nasnetamobile": "nasnet",
    "seresnet50": "senet",
    "seresnet101": "senet",
    "seresnet152": "senet",
    "senet154": "senet",
    "se_inception_v1": "senet",
    "efficientnet_b0": "efficientnet",
    "efficientnet_b1": "efficientnet",
    "efficientnet_b2": "efficientnet",
    "efficientnet_b3": "efficientnet",
    "efficientnet_b4": "efficientnet",
    "efficientnet_b5": "efficientnet",
    "efficientnet_b6": "efficientnet",
    "efficientnet_b7": "efficientnet",
    "efficientnet_lite0": "efficientnet",
}
PRETRAINED = (
    "alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn",
    "vgg19_bn", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "resnext50_32x4d", "resnext101_32x8d",  # 64x4d has only weights of a newer recipe
    "densenet121", "densenet161", "densenet169", "densenet201",
    "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3",
    "efficientnet_b4", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7",
)


def create(name, num_classes=None, *, pretrained=False):
    """Build a network of the book.

    Args:
        name: one of `list_networks()`; as in torchvision where it has the network.
        num_classes: number of logits; None for the paper's own number.
        pretrained: copy torchvision's ImageNet weights (IMAGENET1K_V1, the recipe nearest
            to the paper's), downloaded on first use.

    Raises:
        ValueError: unknown name, or no pretrained weights for it or for `num_classes`.
        ConnectionError: the pretrained weights cannot be downloaded.
    """
    if name not in NETWORKS:
        near = difflib.get_close_matches(name, NETWORKS, n=3, cutoff=0.4)
        names = ", ".join(near or list_networks())
        raise ValueError(f"unknown network {name!r}; nearest: {names}")
    module = importlib.import_module(f"archbook.networks.{NETWORKS[name]}")
    build = getattr(module, name)
    if pretrained:
        _check_pretrained(name, num_classes)
    model = build() if num_classes is None else build(num_classes)
    if pretrained:
        copy_weights(_torchvision(name), model)
    return model


def list_networks(filter="*"):
    """Names that match a pattern such as "resnet*", in natural order."""

    def natural(name):
        return [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)]

    return sorted(fnmatch.filter(NETWORKS, filter), key=natural)


def _check_pretrained(name, num_classes):
    if name not in PRETRAINED:
        raise ValueError(
            f"no pretrained weights for {name!r}; there are some for {', '.join(PRETRAINED)}"
        )
    if num_classes not in (None, 1000):
        raise ValueError(
            f"num_classes is {num_classes}; pretrained weights have 1000 classes"
        )


def _torchvision(name):
    """torchvision's network of that name with its first ImageNet weights."""
    from torchvision import models

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # paths; the progress bar stays
            return models.get_model(name, weights="IMAGENET1K_V1")
    except OSError as error:  # no network, or the download broke off
        raise ConnectionError(
            f"torchvision's weights for {name} cannot be downloaded ({error});"
            " connect once, or leave out pretrained=True"
        ) from error
