"""Written by tools/export.py from notebooks/19_densenet.ipynb; change it there."""

import torch
import torch.nn.functional as F
from torch import nn


def bn_relu_conv(in_channels, out_channels, kernel_size):
    """Batch norm, ReLU, convolution: the paper's order (§3); padding keeps the size."""
    padding = kernel_size // 2
    return [
        nn.BatchNorm2d(in_channels),
        nn.ReLU(),
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, bias=False),
    ]


def dense_layer(in_channels, growth_rate):
    """The basic layer: BN-ReLU-conv 3×3, (N, in_channels, H, W) → (N, k, H, W)."""
    return nn.Sequential(*bn_relu_conv(in_channels, growth_rate, 3))


def join(maps):
    """Feature maps of equal size behind one another: the channels add up."""
    return torch.cat(maps, dim=1)


class DenseBlock(nn.Module):
    """Every layer reads the block's input and the outputs of all layers before it.

    (N, k0, H, W) → (N, k0 + count·k, H, W), k the growth rate.
    """

    def __init__(self, make_layer, in_channels, count, growth_rate):
        super().__init__()
        self.layers = nn.ModuleList(
            make_layer(in_channels + i * growth_rate, growth_rate) for i in range(count)
        )

    def forward(self, x):
        maps = [x]
        for layer in self.layers:
            maps.append(layer(join(maps)))
        return join(maps)


def bottleneck_layer(in_channels, growth_rate):
    """The layer of DenseNet-B: a 1×1 convolution to 4k channels before the 3×3 (§3)."""
    return nn.Sequential(
        *bn_relu_conv(in_channels, 4 * growth_rate, 1),
        *bn_relu_conv(4 * growth_rate, growth_rate, 3),
    )


def transition(in_channels, out_channels):
    """Between two blocks: BN-ReLU-conv 1×1, then 2×2 averages halve the resolution."""
    return nn.Sequential(
        *bn_relu_conv(in_channels, out_channels, 1),
        nn.AvgPool2d(kernel_size=2, stride=2),
    )


class DenseNet(nn.Module):
    """Dense blocks with transitions between them (Huang et al. 2017): images → logits.

    Args:
        stem: what stands before the first block; gives `channels` channels.
        make_layer: `dense_layer` or `bottleneck_layer` (B).
        blocks: number of layers in each block.
        growth_rate: k, the channels that each layer adds.
        compression: θ, the share of channels that a transition keeps; below 1 it is C.
    """

    def __init__(self, stem, channels, make_layer, blocks, growth_rate, compression,
                 num_classes):
        super().__init__()
        self.stem = stem
        parts, last = [], len(blocks) - 1
        for i, count in enumerate(blocks):
            parts.append(DenseBlock(make_layer, channels, count, growth_rate))
            channels += count * growth_rate
            if i < last:
                kept = int(compression * channels)
                parts.append(transition(channels, kept))
                channels = kept
        self.blocks = nn.Sequential(*parts)
        self.norm = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(channels, num_classes)
        initialise(self)

    def forward(self, x):
        return self.fc(self.pool(self.norm(self.blocks(self.stem(x)))).flatten(1))


def initialise(model):
    """He et al.'s initialisation of convolutions (§4.2); the last bias is zero."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)


def cifar_densenet(depth, growth_rate, bottleneck=False, compression=1.0,
                   num_classes=10, in_channels=3, stem_stride=1):
    """DenseNet for 32×32 images (§3): three equal blocks, `depth` weighted layers.

    Args:
        depth: 3n + 4, or 6n + 4 with bottleneck layers, such as 40 and 100.
        stem_stride: 2 halves the resolution at once, for a quarter of the MACs.
    """
    each = 6 if bottleneck else 3
    if depth < each + 4 or (depth - 4) % each:
        raise ValueError(f"depth is {depth}; expected {each}n + 4, such as 40 or 100")
    channels = 2 * growth_rate if bottleneck and compression < 1 else 16
    stem = nn.Conv2d(in_channels, channels, 3, stem_stride, padding=1, bias=False)
    return DenseNet(
        stem, channels, bottleneck_layer if bottleneck else dense_layer,
        [(depth - 4) // each] * 3, growth_rate, compression, num_classes,
    )


def densenet_bc_100_12(num_classes=10):
    """DenseNet-BC for CIFAR-10 with 100 layers and growth rate 12 (Table 2)."""
    return cifar_densenet(100, 12, True, 0.5, num_classes)


def imagenet_densenet(blocks, growth_rate, num_classes):
    """DenseNet-BC for 224×224 images: ResNet's stem and four blocks (Table 1)."""
    channels = 2 * growth_rate
    stem = nn.Sequential(
        nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1),
    )
    return DenseNet(
        stem, channels, bottleneck_layer, blocks, growth_rate, 0.5, num_classes
    )


def densenet121(num_classes=1000):
    """DenseNet-121: growth rate 32 (Table 1)."""
    return imagenet_densenet((6, 12, 24, 16), 32, num_classes)


def densenet169(num_classes=1000):
    """DenseNet-169: growth rate 32 (Table 1)."""
    return imagenet_densenet((6, 12, 32, 32), 32, num_classes)


def densenet201(num_classes=1000):
    """DenseNet-201: growth rate 32 (Table 1)."""
    return imagenet_densenet((6, 12, 48, 32), 32, num_classes)


def densenet161(num_classes=1000):
    """DenseNet-161: growth rate 48, in the authors' repository and torchvision."""
    return imagenet_densenet((6, 12, 36, 24), 48, num_classes)


class AddBlock(nn.Module):
    """x + F(x), F of BN-ReLU-conv layers: a pre-activation block (He et al. 2016b)."""

    def __init__(self, channels, convs):
        super().__init__()
        layers = [bn_relu_conv(channels, channels, 3) for _ in range(convs)]
        self.path = nn.Sequential(*(module for layer in layers for module in layer))

    def forward(self, x):
        return x + self.path(x)


def concatenating(depth=16, growth_rate=8):
    """The twin: (N, 1, 28, 28) → (N, 10); three blocks on 14², 7² and 3² pixels."""
    return cifar_densenet(depth, growth_rate, in_channels=1, stem_stride=2)


def adding(convs, widths=(17, 24, 29), count=4):
    """The twin's opponent, layers joined by addition: (N, 1, 28, 28) → (N, 10).

    Args:
        convs: layers in a residual block, 1 or 2; `count` is a multiple of it.
        widths: channels of the three stages.
        count: layers in a stage.
    """
    stages = [nn.Conv2d(1, widths[0], 3, stride=2, padding=1, bias=False)]
    for i, width in enumerate(widths):
        if i > 0:
            stages.append(transition(widths[i - 1], width))
        stages += [AddBlock(width, convs) for _ in range(count // convs)]
    head = [nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    net = nn.Sequential(*stages, *head, nn.Linear(width, 10))
    initialise(net)
    return net


def connections(net):
    """Every reader in the blocks of a DenseNet without bottlenecks, and what it reads.

    Yields (block, reader, module, weight, sources): the layers 1, 2, ... of a block
    and, as the last reader, the transition or the classifier after it. `weight` is that
    of the reader's first convolution; `sources` are slices of its input channels, the
    block's input first, then the outputs of its layers.
    """
    parts = [*net.blocks, net.norm]  # block, transition, block, ..., block, norm
    for number, (block, after) in enumerate(zip(parts[::2], parts[1::2]), start=1):
        readers = [*block.layers, after]
        edges = [0, *(reader[0].num_features for reader in readers)]
        sources = [slice(*pair) for pair in zip(edges, edges[1:])]
        for i, reader in enumerate(readers, start=1):
            conv = net.fc if reader is net.norm else reader[2]
            yield number, i, reader, conv.weight, sources[:i]


def mean_weights(net):
    """Mean absolute weight of each connection: {(block, source, reader): number}."""
    return {
        (block, source, reader): weight[:, channels].abs().mean().item()
        for block, reader, _, weight, sources in connections(net)
        for source, channels in enumerate(sources)
    }


@torch.no_grad()
def losses_when_shuffled(net, images, labels):
    """Growth of the loss when one connection carries other images' features.

    For each connection, the reader gets the source's maps of images in another order,
    everything else its own. Returns {(block, source, reader): growth of the loss}.
    """
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    net.eval()
    before = F.cross_entropy(net(images), labels).item()
    growth = {}
    for block, reader, module, _, sources in connections(net):
        for source, channels in enumerate(sources):

            def shuffle(_, inputs, channels=channels):
                x = inputs[0].clone()
                x[:, channels] = x[order][:, channels]
                return (x,)

            hook = module.register_forward_pre_hook(shuffle)
            after = F.cross_entropy(net(images), labels).item()
            hook.remove()
            growth[block, source, reader] = after - before
    return growth
