"""Written by tools/export.py from notebooks/16_resnext.ipynb; change it there."""

import torch
from torch import nn

from archbook.networks.resnet import (
    BOTTLENECK_CHANNELS, ResNet, conv_bn, initialise_he, stage,
)


def path_channels(out_channels, path_width):
    """Channels of one path: `path_width` in a block of 256, elsewhere in proportion."""
    channels, rest = divmod(path_width * out_channels, 256)
    if rest or channels < 1:
        raise ValueError(
            f"path_width is {path_width}: {path_width * out_channels / 256:g} channels"
            f" in a block of {out_channels}; expected a whole number"
        )
    return channels


def narrow_path(in_channels, channels, stride=1):
    """Split and transform: a 1×1 convolution to a few channels, then a 3×3."""
    return nn.Sequential(
        *conv_bn(in_channels, channels, 1), nn.ReLU(),
        *conv_bn(channels, channels, 3, stride), nn.ReLU(),
    )


class SummedPaths(nn.Module):
    """Form (a): each path widens its own channels again, and all paths are added."""

    def __init__(self, in_channels, out_channels, stride=1, cardinality=32,
                 path_width=4):
        super().__init__()
        channels = path_channels(out_channels, path_width)
        self.paths = nn.ModuleList(
            narrow_path(in_channels, channels, stride)
            .append(nn.Conv2d(channels, out_channels, 1, bias=False))
            for _ in range(cardinality)
        )
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        first, *others = self.paths
        total = first(x)
        for path in others:
            total = total + path(x)
        return self.norm(total)


class ConcatenatedPaths(nn.Module):
    """Form (b): the narrow paths are concatenated, and one 1×1 widens them all."""

    def __init__(self, in_channels, out_channels, stride=1, cardinality=32,
                 path_width=4):
        super().__init__()
        channels = path_channels(out_channels, path_width)
        self.paths = nn.ModuleList(
            narrow_path(in_channels, channels, stride) for _ in range(cardinality)
        )
        self.widen = nn.Sequential(*conv_bn(cardinality * channels, out_channels, 1))

    def forward(self, x):
        return self.widen(torch.cat([path(x) for path in self.paths], dim=1))


def grouped_path(in_channels, out_channels, stride=1, cardinality=32, path_width=4):
    """Form (c): the bottleneck of ResNet with its 3×3 in `cardinality` groups."""
    channels = cardinality * path_channels(out_channels, path_width)
    grouped = nn.Conv2d(
        channels, channels, 3, stride, padding=1, groups=cardinality, bias=False
    )
    return nn.Sequential(
        *conv_bn(in_channels, channels, 1), nn.ReLU(),
        grouped, nn.BatchNorm2d(channels), nn.ReLU(),
        *conv_bn(channels, out_channels, 1),
    )


def copy_path(grouped, path, index):
    """Copy the channels of path `index` from form (c) into a path of (a) or (b)."""
    channels = path[0].out_channels
    own = slice(index * channels, (index + 1) * channels)
    for source, target in zip(grouped[:6], path):
        copies = target.state_dict()
        for name, tensor in source.state_dict().items():
            copies[name].copy_(tensor[own] if tensor.ndim else tensor)
    if len(path) > 6:  # form (a): this path's columns of the last 1×1
        path[6].weight.data.copy_(grouped[6].weight[:, own])


def with_cardinality(cardinality, path_width):
    """The main path of form (c), as `stage` of section 15 expects it."""

    def main_path(in_channels, out_channels, stride=1):
        return grouped_path(in_channels, out_channels, stride, cardinality, path_width)

    return main_path


class ResNeXt(ResNet):
    """ResNeXt for 224×224 images (Xie et al. 2017, Table 1): (N, 3, H, W) → logits.

    Args:
        blocks: number of blocks in each of the four stages.
        cardinality: paths in each block.
        path_width: channels of a path in the first stage, doubled from stage to stage.
    """

    def __init__(self, blocks, cardinality, path_width, num_classes=1000):
        main_path = with_cardinality(cardinality, path_width)
        super().__init__(main_path, blocks, BOTTLENECK_CHANNELS, num_classes)


def resnext50_32x4d(num_classes=1000):
    """ResNeXt-50, 32 paths of 4 channels (Table 1)."""
    return ResNeXt((3, 4, 6, 3), 32, 4, num_classes)


def resnext101_32x8d(num_classes=1000):
    """ResNeXt-101, 32 paths of 8 channels; torchvision's choice, not in the paper."""
    return ResNeXt((3, 4, 23, 3), 32, 8, num_classes)


def resnext101_64x4d(num_classes=1000):
    """ResNeXt-101, 64 paths of 4 channels (Table 4)."""
    return ResNeXt((3, 4, 23, 3), 64, 4, num_classes)


class CifarResNeXt(nn.Module):
    """ResNeXt for 32×32 images (§5.3): a 3×3 stem and three stages.

    Args:
        blocks: number of blocks in each of the three stages; 3 each in the paper.
        width: channels of the stem; the stages have 4, 8 and 16 times as many.
        strides: of the stem and the three stages.
    """

    def __init__(self, blocks, cardinality, path_width, num_classes=10, in_channels=3,
                 width=64, strides=(1, 1, 2, 2)):
        super().__init__()
        main_path = with_cardinality(cardinality, path_width)
        channels = (width, 4 * width, 8 * width, 16 * width)
        self.stem = nn.Sequential(
            *conv_bn(in_channels, width, 3, strides[0]), nn.ReLU()
        )
        self.stages = nn.Sequential(*(
            stage(main_path, before, after, count, stride)
            for before, after, count, stride in zip(
                channels, channels[1:], blocks, strides[1:]
            )
        ))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(16 * width, num_classes)
        initialise_he(self)

    def forward(self, x):
        x = self.stages(self.stem(x))
        return self.fc(self.pool(x).flatten(1))


def twin(cardinality, path_width, blocks=(1, 1, 1)):
    """The small variant: a quarter of the channels, (N, 1, 28, 28) → (N, 10)."""
    return CifarResNeXt(
        blocks, cardinality, path_width, in_channels=1, width=16, strides=(2, 2, 2, 2)
    )
