"""Written by tools/export.py from notebooks/24_comparison.ipynb; change it there."""

from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from archbook.networks import (
    alexnet, densenet, efficientnet, googlenet, inception, inception_v4, lenet, nasnet,
    nin, resnet, resnext, senet, vgg, zfnet,
)


def small_vgg():
    """VGG's plan with batch norm and one linear layer: (N, 1, 28, 28) → (N, 10)."""
    net = nn.Sequential(
        vgg.convolutional_part(1, (16, 32, 64), ((3,), (3, 3), (3, 3)), True),
        vgg.average_head(64, 10),
    )
    vgg.initialise(net)
    return net


def small_inception_v1():
    """GoogLeNet's twin with batch norm, without heads: (N, 1, 32, 32) → (N, 10)."""
    return googlenet.small_googlenet(
        googlenet.conv_bn_relu, False, googlenet.initialise_he
    )


def small_resnet(depth, gates=False):
    """The CIFAR ResNet, stem stride 2: (N, 1, 28, 28) → (N, 10); SE with `gates`."""
    net = resnet.CifarResNet(depth, in_channels=1, stem_stride=2)
    if gates:
        for block in net.blocks:
            channels = block.main_path[-1].num_features
            block.main_path.append(senet.SqueezeExcite(channels, 4))
            block.main_path[-1].apply(senet.start_gates)
    return net


def small_inception_resnet():
    """Section 18's twin, narrower and without dropout: (N, 1, 28, 28) → (N, 10)."""
    net = inception_v4.small_inception_resnet(width=256)
    net.dropout.p = 0.0
    return net


def small_nasnet_a(filters=8):
    """NASNet-A with two reduction and two normal cells: (N, 1, 28, 28) → (N, 10)."""
    stem = nn.Sequential(
        nn.Conv2d(1, filters, 3, stride=2, padding=1, bias=False), nasnet.norm(filters)
    )
    plan = []
    for f in (2 * filters, 4 * filters):  # on 7×7, then on 4×4 pixels
        plan += [(nasnet.NASNET_A_REDUCTION, f, 2), (nasnet.NASNET_A_NORMAL, f, 1)]
    return nasnet.NASNet(stem, filters, plan, num_classes=10, dropout=0.0)


class Variant(NamedTuple):
    """One network of the ruler: section, how to build it, border of its images."""

    section: int
    build: Callable
    pad: int = 0


WIDE_NIN = ((48, 40, 24), (48, 48, 48), (48, 48, 10))  # twice section 13's twin
VARIANTS = {
    "LeNet-5": Variant(9, lenet.LeNet5Simplified, pad=2),
    "AlexNet": Variant(10, lambda: alexnet.SmallAlexNet(dropout=0.0), pad=2),
    "ZFNet": Variant(11, zfnet.SmallZFNet),
    "VGG": Variant(12, small_vgg),
    "NiN": Variant(13, lambda: nin.small_nin(WIDE_NIN)),
    "Inception v1": Variant(14, small_inception_v1, pad=2),
    "ResNet-8": Variant(15, lambda: small_resnet(8)),
    "ResNet-14": Variant(15, lambda: small_resnet(14)),
    "ResNeXt": Variant(16, lambda: resnext.twin(8, 16)),
    "Inception v3": Variant(17, lambda: inception.small_inception(width=9)),
    "Inception-ResNet": Variant(18, small_inception_resnet),
    "DenseNet": Variant(
        19, lambda: densenet.cifar_densenet(13, 16, in_channels=1, stem_stride=2)
    ),
    "NASNet-A": Variant(20, small_nasnet_a),
    "SE-ResNet-8": Variant(21, lambda: small_resnet(8, gates=True)),
    "EfficientNet": Variant(22, lambda: efficientnet.twin(width=1.85)),
}
