"""Written by tools/export.py from notebooks/15_resnet.ipynb; change it there."""

import torch.nn.functional as F
from torch import nn


def conv_bn(in_channels, out_channels, kernel_size, stride=1):
    """A convolution without bias and its batch norm; padding keeps the size."""
    padding = kernel_size // 2
    return [
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False),
        nn.BatchNorm2d(out_channels),
    ]


def basic_path(in_channels, out_channels, stride=1):
    """Main path of ResNet-18 and 34: two 3×3 convolutions."""
    return nn.Sequential(
        *conv_bn(in_channels, out_channels, 3, stride),
        nn.ReLU(),
        *conv_bn(out_channels, out_channels, 3),
    )


def bottleneck_path(in_channels, out_channels, stride=1, stride_in_1x1=False):
    """Main path of ResNet-50 and deeper: 1×1 down to a quarter, 3×3, 1×1 up again.

    The paper ("v1") has the stride in the first 1×1, torchvision ("v1.5") in the 3×3.
    """
    channels = out_channels // 4
    first, second = (stride, 1) if stride_in_1x1 else (1, stride)
    return nn.Sequential(
        *conv_bn(in_channels, channels, 1, first),
        nn.ReLU(),
        *conv_bn(channels, channels, 3, second),
        nn.ReLU(),
        *conv_bn(channels, out_channels, 1),
    )


class ResidualBlock(nn.Module):
    """ReLU(main path + shortcut): both take and give tensors of the same shape."""

    def __init__(self, main_path, shortcut):
        super().__init__()
        self.main_path = main_path
        self.shortcut = shortcut
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.main_path(x) + self.shortcut(x))


def identity_block(main_path):
    """The block whose shortcut hands its input on unchanged."""
    return ResidualBlock(main_path, nn.Identity())


def conv_block(main_path, in_channels, out_channels, stride):
    """The block whose shortcut is a 1×1 convolution (a projection, option B)."""
    return ResidualBlock(
        main_path, nn.Sequential(*conv_bn(in_channels, out_channels, 1, stride))
    )


def stage(main_path, in_channels, out_channels, count, stride):
    """`count` blocks of one resolution; the first changes size and channels."""
    first = main_path(in_channels, out_channels, stride)
    if in_channels == out_channels and stride == 1:
        blocks = [identity_block(first)]
    else:
        blocks = [conv_block(first, in_channels, out_channels, stride)]
    for _ in range(count - 1):
        blocks.append(identity_block(main_path(out_channels, out_channels)))
    return nn.Sequential(*blocks)


class ResNet(nn.Module):
    """ResNet for 224×224 images (He et al. 2016, Table 1): (N, 3, H, W) → logits.

    Args:
        main_path: `basic_path` or `bottleneck_path`.
        blocks: number of blocks in each of the four stages.
        channels: output channels of each stage.
        zero_gamma: start every block as its shortcut (Goyal et al. 2017, §5.1).
    """

    def __init__(self, main_path, blocks, channels, num_classes=1000, zero_gamma=False):
        super().__init__()
        pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.stem = nn.Sequential(*conv_bn(3, 64, 7, stride=2), nn.ReLU(), pool)
        befores, strides = (64, *channels[:-1]), (1, 2, 2, 2)
        self.stages = nn.Sequential(*(
            stage(main_path, before, after, count, stride)
            for before, after, count, stride in zip(befores, channels, blocks, strides)
        ))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels[-1], num_classes)
        initialise_he(self, zero_gamma)

    def forward(self, x):
        x = self.stages(self.stem(x))
        return self.fc(self.pool(x).flatten(1))


def initialise_he(model, zero_gamma=False):
    """Draw convolutions as He et al. (2015) advise, from the outgoing connections."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if zero_gamma and isinstance(module, ResidualBlock):
            nn.init.zeros_(module.main_path[-1].weight)


BASIC_CHANNELS = (64, 128, 256, 512)
BOTTLENECK_CHANNELS = (256, 512, 1024, 2048)


def resnet18(num_classes=1000):
    """ResNet-18 for ImageNet: two 3×3 convolutions a block (Table 1)."""
    return ResNet(basic_path, (2, 2, 2, 2), BASIC_CHANNELS, num_classes)


def resnet34(num_classes=1000):
    """ResNet-34 for ImageNet: two 3×3 convolutions a block (Table 1)."""
    return ResNet(basic_path, (3, 4, 6, 3), BASIC_CHANNELS, num_classes)


def resnet50(num_classes=1000):
    """ResNet-50 for ImageNet: bottleneck blocks (Table 1)."""
    return ResNet(bottleneck_path, (3, 4, 6, 3), BOTTLENECK_CHANNELS, num_classes)


def resnet101(num_classes=1000):
    """ResNet-101 for ImageNet: bottleneck blocks (Table 1)."""
    return ResNet(bottleneck_path, (3, 4, 23, 3), BOTTLENECK_CHANNELS, num_classes)


def resnet152(num_classes=1000):
    """ResNet-152 for ImageNet: bottleneck blocks (Table 1)."""
    return ResNet(bottleneck_path, (3, 8, 36, 3), BOTTLENECK_CHANNELS, num_classes)


class PaddedShortcut(nn.Module):
    """Every second pixel, and zeros for the new channels (option A: no parameters)."""

    def __init__(self, new_channels):
        super().__init__()
        self.new_channels = new_channels

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.new_channels))


def cifar_block(in_channels, out_channels, residual):
    """A basic block; where the channels double, the resolution is halved."""
    smaller = in_channels != out_channels
    path = basic_path(in_channels, out_channels, stride=2 if smaller else 1)
    if not residual:
        return nn.Sequential(path, nn.ReLU())
    shortcut = PaddedShortcut(out_channels - in_channels) if smaller else nn.Identity()
    return ResidualBlock(path, shortcut)


class CifarResNet(nn.Module):
    """ResNet for 32×32 images (He et al. 2016, §4.2): depth 6n + 2, three stages.

    Args:
        depth: 20, 32, 44, 56, 110, 1202 or any other 6n + 2.
        in_channels: 3 for colour, 1 for grey images.
        width: channels of the first stage; 16 in the paper.
        stem_stride: 2 halves the resolution at once, for a quarter of the MACs.
        residual: False leaves out every shortcut (the paper's plain network).
    """

    def __init__(self, depth, num_classes=10, in_channels=3, width=16, stem_stride=1,
                 residual=True):
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"depth is {depth}; expected 6n + 2, such as 20 or 56")
        count = (depth - 2) // 6
        channels = [width] * (count + 1) + [2 * width] * count + [4 * width] * count
        stem = conv_bn(in_channels, width, 3, stem_stride)
        self.stem = nn.Sequential(*stem, nn.ReLU())
        self.blocks = nn.Sequential(*(
            cifar_block(*pair, residual) for pair in zip(channels, channels[1:])
        ))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * width, num_classes)
        initialise_he(self)

    def forward(self, x):
        x = self.blocks(self.stem(x))
        return self.fc(self.pool(x).flatten(1))


def resnet20_cifar(num_classes=10):
    """ResNet-20 for CIFAR-10: 3 blocks a stage (§4.2)."""
    return CifarResNet(20, num_classes)


def resnet32_cifar(num_classes=10):
    """ResNet-32 for CIFAR-10: 5 blocks a stage (§4.2)."""
    return CifarResNet(32, num_classes)


def resnet44_cifar(num_classes=10):
    """ResNet-44 for CIFAR-10: 7 blocks a stage (§4.2)."""
    return CifarResNet(44, num_classes)


def resnet56_cifar(num_classes=10):
    """ResNet-56 for CIFAR-10: 9 blocks a stage (§4.2)."""
    return CifarResNet(56, num_classes)


def resnet110_cifar(num_classes=10):
    """ResNet-110 for CIFAR-10: 18 blocks a stage (§4.2)."""
    return CifarResNet(110, num_classes)


def resnet1202_cifar(num_classes=10):
    """ResNet-1202 for CIFAR-10: 200 blocks a stage (§4.2)."""
    return CifarResNet(1202, num_classes)
