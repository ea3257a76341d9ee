"""Written by tools/export.py from notebooks/11_zfnet.ipynb; change it there."""

import torch
import torch.nn.functional as F
from torch import nn


def max_pool():
    """3×3 windows, stride 2, the last one cut off at the edge: sizes of Figure 3."""
    return nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)


def contrast_norm():
    """Each value divided by the strength of five neighbouring maps at its place.

    AlexNet's constants (Krizhevsky et al. 2012, §3.3): n = 5, k = 2, α = 10⁻⁴,
    β = 0.75; torch divides α by n, hence the 5.
    """
    return nn.LocalResponseNorm(size=5, alpha=5 * 1e-4, beta=0.75, k=2)


def unpool(x, switches, size):
    """Put each value where its maximum was (§2.1); values that meet are added.

    x, switches: (N, C, h, w) → (N, C, height, width) with size = (height, width).
    """
    flat = x.new_zeros(*x.shape[:2], size[0] * size[1])
    flat.scatter_add_(2, switches.flatten(2), x.flatten(2))
    return flat.unflatten(2, tuple(size))


def filter_back(conv, x, size):
    """The same filters, transposed, without the bias (§2.1).

    (N, C_out, h, w) → (N, C_in, height, width) with size = (height, width).
    """
    stride, kernel, padding = conv.stride[0], conv.kernel_size[0], conv.padding[0]
    smallest = ((n - 1) * stride + kernel - 2 * padding for n in x.shape[2:])
    rest = [whole - part for whole, part in zip(size, smallest)]
    return F.conv_transpose2d(
        x, conv.weight, None, conv.stride, conv.padding, output_padding=rest
    )


def ascend(layers, x):
    """Run the layers on (N, C, H, W) and note what the way back needs.

    Returns:
        The output, and for each layer (layer, size of its input, switches).
    """
    notes = []
    for layer in layers:
        size, switches = x.shape[2:], None
        if isinstance(layer, nn.MaxPool2d):
            window = layer.kernel_size, layer.stride, layer.padding
            x, switches = F.max_pool2d(
                x, *window, ceil_mode=layer.ceil_mode, return_indices=True
            )
        else:
            x = layer(x)
        notes.append((layer, size, switches))
    return x, notes


def descend(signal, notes):
    """The deconvnet: unpool, rectify, filter, down to the pixels (§2.1)."""
    for layer, size, switches in reversed(notes):
        if isinstance(layer, nn.MaxPool2d):
            signal = unpool(signal, switches, size)
        elif isinstance(layer, nn.ReLU):
            signal = signal.clamp(min=0)
        elif isinstance(layer, nn.Conv2d):
            signal = filter_back(layer, signal, size)
        elif not isinstance(layer, nn.LocalResponseNorm):  # has no way back (§2.1)
            raise ValueError(f"no way back through {layer}; expected a layer of ZFNet")
    return signal


def only_strongest(maps, channels):
    """Keep the strongest value of one map of each image; all else becomes 0.

    maps: (N, C, H, W); channels: the map of each image, (N,).
    """
    images = torch.arange(len(maps))
    chosen = maps[images, channels].flatten(1)
    place = chosen.argmax(1)
    kept = torch.zeros_like(maps).flatten(2)
    kept[images, channels, place] = chosen[images, place]
    return kept.unflatten(2, maps.shape[2:])


def project(layers, images, channels):
    """The strongest value of one map of each image, projected to its pixels."""
    maps, notes = ascend(layers, images)
    return descend(only_strongest(maps, channels), notes)


RULES = "gradient", "deconvnet", "guided"


def back_through_relu(rule, grad_input, grad_output):
    """What a ReLU sends down, from autograd's signals below and above it."""
    if rule == "gradient":
        return grad_input
    if rule == "deconvnet":
        return grad_output.clamp(min=0)
    if rule == "guided":
        return grad_input.clamp(min=0)
    raise ValueError(f"rule is {rule!r}; expected one of {RULES}")


def project_by_autograd(layers, images, channels, rule):
    """The same projection by autograd, with one of RULES at every ReLU."""
    def hook(module, grad_input, grad_output):
        return (back_through_relu(rule, grad_input[0], grad_output[0]),)

    relus = [layer for layer in layers if isinstance(layer, nn.ReLU)]
    handles = [relu.register_full_backward_hook(hook) for relu in relus]
    images = images.detach().requires_grad_()
    maps = layers(images)
    signal = only_strongest(maps.detach(), channels)
    (projection,) = torch.autograd.grad(maps, images, signal)
    for handle in handles:
        handle.remove()
    return projection


class ZFNet(nn.Module):
    """ZFNet (Zeiler and Fergus 2014, Figure 3): (N, 3, 224, 224) → (N, num_classes).

    `channels` of the five convolutions, `hidden` units in each of layers 6 and 7.
    """

    def __init__(
        self, num_classes=1000, channels=(96, 256, 384, 384, 256), hidden=4096
    ):
        super().__init__()
        c1, c2, c3, c4, c5 = channels
        self.features = nn.Sequential(
            nn.Conv2d(3, c1, 7, stride=2, padding=1), nn.ReLU(),
            max_pool(), contrast_norm(),
            nn.Conv2d(c1, c2, 5, stride=2), nn.ReLU(), max_pool(), contrast_norm(),
            nn.Conv2d(c2, c3, 3, padding=1), nn.ReLU(),
            nn.Conv2d(c3, c4, 3, padding=1), nn.ReLU(),
            nn.Conv2d(c4, c5, 3, padding=1), nn.ReLU(), max_pool(),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(c5 * 6 * 6, hidden), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(hidden, num_classes),
        )
        self.apply(initialise_small)

    def forward(self, x):
        return self.classifier(self.features(x))


def initialise_small(module):
    """Weights "initialized to 10⁻²" (§3), read as their spread; biases 0."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.normal_(module.weight, std=1e-2)
        nn.init.zeros_(module.bias)


def zfnet(num_classes=1000):
    """ZFNet of Figure 3."""
    return ZFNet(num_classes)


def zfnet_wide(num_classes=1000):
    """ZFNet with 512, 1,024 and 512 filters in layers 3 to 5 (Tables 2 and 3)."""
    return ZFNet(num_classes, channels=(96, 256, 512, 1024, 512))


def initialise_he(module):
    """He's initialisation (He et al. 2015); biases 0."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(module.bias)


class SmallZFNet(nn.Module):
    """ZFNet for small grey images: (N, 1, 28, 28) → (N, num_classes).

    The strides of the first two convolutions multiply to 4, whatever the first one is,
    so that layers 3 to 5 always work on 4×4 maps.
    """

    def __init__(self, kernel_size=7, stride=2, num_classes=10):
        super().__init__()
        padding = kernel_size // 2
        self.features = nn.Sequential(
            nn.Conv2d(1, 48, kernel_size, stride, padding), nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.Conv2d(48, 64, 5, stride=4 // stride, padding=2), nn.ReLU(),
            nn.Conv2d(64, 96, 3, padding=1), nn.ReLU(),
            nn.Conv2d(96, 96, 3, padding=1), nn.ReLU(),
            nn.Conv2d(96, 64, 3, padding=1), nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(64 * 2 * 2, 128), nn.ReLU(),
            nn.Linear(128, num_classes),
        )
        self.apply(initialise_he)
        nn.init.normal_(self.features[0].weight, std=1e-2)  # the paper's value

    def forward(self, x):
        return self.classifier(self.features(x))


def dead_filters(conv, images):
    """Which filters are never active on any image, at any place: bool (filters,)."""
    return (conv(images).amax((0, 2, 3)) <= 0).detach()


def weak_filters(weight):
    """Which filters have less than a tenth of the largest filter's norm: (filters,)."""
    norm = weight.detach().flatten(1).norm(dim=1)
    return norm < 0.1 * norm.max()


def share_above_nyquist(energy, stride):
    """Share of a spectrum that a stride folds onto lower frequencies.

    Pixels `stride` apart carry less than 1/(2·stride) cycles per pixel (Nyquist), in
    each direction. energy: (filters, n, n), as of torch.fft.fft2 → (filters,).
    """
    frequency = torch.fft.fftfreq(energy.shape[-1]).abs()  # in cycles per pixel
    low = frequency < 0.5 / stride
    return 1 - energy[:, low][:, :, low].sum((1, 2)) / energy.sum((1, 2))


def filter_aliasing(conv):
    """Of each filter's own energy, the share above Nyquist: (filters,)."""
    spectrum = torch.fft.fft2(conv.weight.detach(), s=(64, 64))
    return share_above_nyquist(spectrum.abs().square().sum(1), conv.stride[0])


def response_aliasing(conv, images):
    """Of each filter's answers to images at stride 1, the share above Nyquist."""
    edge = [conv.padding[0]] * 4
    maps = F.conv2d(F.pad(images, edge, mode="replicate"), conv.weight.detach())
    maps = maps - maps.mean((2, 3), keepdim=True)
    energy = torch.fft.fft2(maps).abs().square().mean(0)
    return share_above_nyquist(energy, conv.stride[0])


def squares(height, size=8, step=2):
    """Every place of a square on an image: bool (places, height, height), by rows."""
    starts = range(0, height - size + 1, step)
    masks = torch.zeros(len(starts) ** 2, height, height, dtype=torch.bool)
    corners = [(top, left) for top in starts for left in starts]
    for mask, (top, left) in zip(masks, corners):
        mask[top : top + size, left : left + size] = True
    return masks


def occlude(image, masks):
    """One normalised image (C, H, W) behind each square: 0, the mean grey, under it."""
    return image * ~masks[:, None]
