"""Written by tools/export.py from notebooks/21_senet.ipynb; change it there."""

import torch
from torch import nn

from archbook.networks.googlenet import Inception, googlenet
from archbook.networks.inception import Branches, bn_inception
from archbook.networks.resnet import (
    BOTTLENECK_CHANNELS, CifarResNet, ResNet, bottleneck_path, conv_bn, initialise_he,
    stage,
)


class SqueezeExcite(nn.Module):
    """Scale each channel by a number between 0 and 1, computed from all channels (§3).

    (N, channels, H, W) → the same shape. `reduction` is r: the two layers of the
    excitation are channels → channels / r → channels. ValueError if r does not divide.
    """

    def __init__(self, channels, reduction=16):
        super().__init__()
        if reduction < 1 or channels % reduction:
            raise ValueError(
                f"reduction is {reduction}; expected a divisor of {channels} channels"
            )
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.excite = nn.Sequential(
            nn.Conv2d(channels, channels // reduction, 1), nn.ReLU(),
            nn.Conv2d(channels // reduction, channels, 1), nn.Sigmoid(),
        )

    def forward(self, u):
        z = self.squeeze(u)  # F_sq: one mean a channel
        s = self.excite(z)  # F_ex: one gate a channel
        return u * s  # F_scale


def with_squeeze_excite(main_path, reduction=16):
    """`main_path` with an SE block at its end, as `stage` of section 15 expects it."""

    def path(in_channels, out_channels, stride=1):
        layers = main_path(in_channels, out_channels, stride)
        return layers.append(SqueezeExcite(out_channels, reduction))

    return path


@torch.no_grad()
def output_channels(transformation):
    """How many channels a module gives whose first layer is a convolution."""
    conv = next(m for m in transformation.modules() if isinstance(m, nn.Conv2d))
    training = transformation.training
    image = conv.weight.new_zeros(1, conv.in_channels, 8, 8)
    channels = transformation.eval()(image).shape[1]
    transformation.train(training)
    return channels


def insert_squeeze_excite(net, kind, reduction=16):
    """Put an SE block behind each module of type `kind`, in place, and return `net`."""
    for parent in [m for m in net.modules() if not isinstance(m, kind)]:
        for name, module in parent.named_children():
            if isinstance(module, kind):
                block = SqueezeExcite(output_channels(module), reduction)
                setattr(parent, name, nn.Sequential(module, block))
    return net


def seresnet50(num_classes=1000, reduction=16):
    """SE-ResNet-50, stride in the 3×3 as in section 15 ("v1.5"): images → logits."""
    path = with_squeeze_excite(bottleneck_path, reduction)
    return ResNet(path, (3, 4, 6, 3), BOTTLENECK_CHANNELS, num_classes)


def seresnet101(num_classes=1000):
    """SE-ResNet-101: (N, 3, H, W) → logits."""
    path = with_squeeze_excite(bottleneck_path)
    return ResNet(path, (3, 4, 23, 3), BOTTLENECK_CHANNELS, num_classes)


def seresnet152(num_classes=1000):
    """SE-ResNet-152: (N, 3, H, W) → logits."""
    path = with_squeeze_excite(bottleneck_path)
    return ResNet(path, (3, 8, 36, 3), BOTTLENECK_CHANNELS, num_classes)


def with_released_pooling(net):
    """Caffe's max pooling in the stem, unpadded and rounded up, in place; → `net`."""
    net.stem[-1] = nn.MaxPool2d(3, stride=2, ceil_mode=True)
    return net


def released_seresnet(blocks, num_classes=1000):
    """SE-ResNet as its authors released it: (N, 3, H, W) → logits.

    The stride is in the first 1×1 ("v1"), the pooling Caffe's. `blocks` is the number
    of blocks in each stage, (3, 4, 6, 3) for SE-ResNet-50.
    """

    def v1_path(in_channels, out_channels, stride=1):
        return bottleneck_path(in_channels, out_channels, stride, stride_in_1x1=True)

    path = with_squeeze_excite(v1_path)
    return with_released_pooling(ResNet(path, blocks, BOTTLENECK_CHANNELS, num_classes))


def senet_path(in_channels, out_channels, stride=1):
    """SENet-154's main path: 3×3 in 64 groups, the first 1×1 half as wide."""
    grouped = nn.Conv2d(
        out_channels // 2, out_channels, 3, stride, padding=1, groups=64, bias=False
    )
    return nn.Sequential(
        *conv_bn(in_channels, out_channels // 2, 1), nn.ReLU(),
        grouped, nn.BatchNorm2d(out_channels), nn.ReLU(),
        *conv_bn(out_channels, out_channels, 1), SqueezeExcite(out_channels),
    )


class SENet(nn.Module):
    """SENet for 224×224 images (Hu et al. 2020, appendix): (N, 3, H, W) → logits.

    `blocks` is the number of blocks in each of the four stages.
    """

    def __init__(self, blocks, num_classes=1000):
        super().__init__()
        self.stem = nn.Sequential(
            *conv_bn(3, 64, 3, stride=2), nn.ReLU(),
            *conv_bn(64, 64, 3), nn.ReLU(),
            *conv_bn(64, 128, 3), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.stages, before = nn.Sequential(), 128
        for after, count, stride in zip(BOTTLENECK_CHANNELS, blocks, (1, 2, 2, 2)):
            self.stages.append(stage(senet_path, before, after, count, stride))
            if stride == 2:  # a projection that sees every pixel
                projection = nn.Sequential(*conv_bn(before, after, 3, stride))
                self.stages[-1][0].shortcut = projection
            before = after
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(before, num_classes)
        initialise_he(self)

    def forward(self, x):
        x = self.pool(self.stages(self.stem(x))).flatten(1)
        return self.fc(self.dropout(x))


def senet154(num_classes=1000):
    """SENet-154, the network of the authors' best result: 3, 8, 36, 3 blocks."""
    return SENet((3, 8, 36, 3), num_classes)


def se_inception_v1(num_classes=1000):
    """SE behind each module of section 14's batch-normed GoogLeNet; with its heads."""
    return insert_squeeze_excite(googlenet(num_classes), Inception)


def se_bn_inception(num_classes=1000):
    """SE-BN-Inception, the paper's SE-Inception: section 17's network with SE (§3)."""
    return insert_squeeze_excite(bn_inception(num_classes), Branches)


class BlindGates(SqueezeExcite):
    """The control: the same layers fed with ones, so gates that don't see the image."""

    def forward(self, u):
        return u * self.excite(u.new_ones(1, u.shape[1], 1, 1))


def twin(gates=None, reduction=4):
    """The small variant: a ResNet of 14 layers, (N, 1, 28, 28) → (N, 10).

    `gates` is None, `SqueezeExcite` or `BlindGates`; they stand at the end of each main
    path. All other weights are the same for all three if the seed is.
    """
    net = CifarResNet(14, in_channels=1, width=8, stem_stride=2)
    for block in net.blocks if gates else ():
        block.main_path.append(gates(block.main_path[-1].num_features, reduction))
        block.main_path[-1].apply(start_gates)
    return net


def start_gates(module):
    """He's weights and no bias: gates start around 1/2."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(module.bias)


@torch.no_grad()
def excitations(net, images):
    """The gates of each SE block for each image: a list of (N, channels) tensors."""
    blocks = [m for m in net.modules() if isinstance(m, SqueezeExcite)]
    found = [[] for _ in blocks]
    hooks = [
        block.excite[3].register_forward_hook(
            lambda m, x, s, f=f: f.append(s.flatten(1))
        )
        for block, f in zip(blocks, found)
    ]
    net.eval()
    for batch in images.split(500):
        net(batch)
    for hook in hooks:
        hook.remove()
    return [torch.cat(gates) for gates in found]


def share_between_classes(gates, labels):
    """How much of the gates' variance over the images lies between the class means."""
    means = torch.zeros_like(gates)
    for label in labels.unique():
        means[labels == label] = gates[labels == label].mean(0)
    variance = gates.var(0, correction=0).sum()
    return (means.var(0, correction=0).sum() / variance).item()


@torch.no_grad()
def accuracy_with(net, images, labels, change):
    """Accuracy with each block's gates (N, C, 1, 1) replaced by `change(gates)`."""
    blocks = [m for m in net.modules() if isinstance(m, SqueezeExcite)]
    hooks = [
        block.excite[3].register_forward_hook(lambda m, x, gates: change(gates))
        for block in blocks
    ]
    hits = (net.eval()(images).argmax(1) == labels).float().mean().item()
    for hook in hooks:
        hook.remove()
    return hits


def of_another_image(gates):
    """The gates of the next image in the batch."""
    return gates.roll(1, dims=0)


def of_no_image(gates):
    """Each gate's mean over the images."""
    return gates.mean(0, keepdim=True).expand_as(gates)
