"""Written by tools/export.py from notebooks/12_vgg.ipynb; change it there."""

from torch import nn


def convolution(name, in_channels, out_channels, kernel_size, batch_norm=False):
    """A convolution that keeps height and width, and its ReLU: (name, layer) pairs."""
    padding = kernel_size // 2
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding)
    norm = [(f"bn{name}", nn.BatchNorm2d(out_channels))] if batch_norm else []
    return [(f"conv{name}", conv), *norm, (f"relu{name}", nn.ReLU())]


def local_response_norm():
    """The normalisation of AlexNet (§3.3 there): n = 5, k = 2, α = 1e-4, β = 0.75.

    torch divides α by n, so it is told 5e-4.
    """
    return nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2.0)


def block(number, in_channels, out_channels, kernels, batch_norm=False):
    """Block X: convX_1, convX_2, ... at one resolution, then pooling that halves it.

    Args:
        number: X of the names.
        kernels: kernel size of each convolution; "LRN" is a normalisation instead.

    Returns:
        (name, layer) pairs: (N, in_channels, H, W) → (N, out_channels, H/2, W/2).
    """
    layers, y = [], 0
    for kernel in kernels:
        if kernel == "LRN":
            layers.append((f"lrn{number}_{y}", local_response_norm()))
            continue
        y += 1
        name = f"{number}_{y}"
        layers += convolution(name, in_channels, out_channels, kernel, batch_norm)
        in_channels = out_channels
    return [*layers, (f"pool{number}", nn.MaxPool2d(kernel_size=2, stride=2))]


def named(layers):
    """(name, layer) pairs as one network, a chain."""
    chain = nn.Sequential()
    for name, layer in layers:
        chain.add_module(name, layer)
    return chain


def convolutional_part(in_channels, channels, kernels, batch_norm=False):
    """All blocks, one behind the other: halves height and width once a block."""
    layers = []
    befores = (in_channels, *channels[:-1])
    for number, sizes in enumerate(zip(befores, channels, kernels), start=1):
        layers += block(number, *sizes, batch_norm)
    return named(layers)


def fully_connected_head(in_channels, size, hidden, num_classes, dropout=0.5):
    """fc6, fc7 and fc8, the first two with dropout (§3.1): a map to logits.

    The average pooling is torchvision's: on a size×size map it does nothing.
    """
    return named([
        ("average", nn.AdaptiveAvgPool2d(size)), ("flatten", nn.Flatten()),
        ("fc6", nn.Linear(in_channels * size**2, hidden)), ("relu6", nn.ReLU()),
        ("drop6", nn.Dropout(dropout)),
        ("fc7", nn.Linear(hidden, hidden)), ("relu7", nn.ReLU()),
        ("drop7", nn.Dropout(dropout)),
        ("fc8", nn.Linear(hidden, num_classes)),
    ])


CHANNELS = (64, 128, 256, 512, 512)  # of the five blocks
CONFIGURATIONS = {  # kernel sizes of the convolutions, block by block (Table 1)
    "A": ((3,), (3,), (3, 3), (3, 3), (3, 3)),
    "A-LRN": ((3, "LRN"), (3,), (3, 3), (3, 3), (3, 3)),
    "B": ((3, 3), (3, 3), (3, 3), (3, 3), (3, 3)),
    "C": ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1)),
    "D": ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)),
    "E": ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3)),
}


class VGG(nn.Module):
    """VGG (Simonyan & Zisserman 2015, Table 1): (N, 3, 224, 224) → logits.

    Args:
        configuration: "A", "A-LRN", "B", "C", "D" or "E".
        batch_norm: add batch norm after each convolution; the paper has none.
    """

    def __init__(self, configuration, num_classes=1000, batch_norm=False):
        super().__init__()
        if configuration not in CONFIGURATIONS:
            known = ", ".join(CONFIGURATIONS)
            raise ValueError(
                f"configuration is {configuration!r}; expected one of {known}"
            )
        kernels = CONFIGURATIONS[configuration]
        self.features = convolutional_part(3, CHANNELS, kernels, batch_norm)
        self.classifier = fully_connected_head(512, 7, 4096, num_classes)
        initialise(self)

    def forward(self, x):
        return self.classifier(self.features(x))


def initialise(model):
    """Draw all weights as He et al. (2015) advise; biases start at 0."""
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)


def vgg11(num_classes=1000):
    """Configuration A: eight convolutions (Table 1)."""
    return VGG("A", num_classes)


def vgg11_lrn(num_classes=1000):
    """Configuration A-LRN: A with a normalisation (Table 1)."""
    return VGG("A-LRN", num_classes)


def vgg13(num_classes=1000):
    """Configuration B: ten convolutions (Table 1)."""
    return VGG("B", num_classes)


def vgg16_c(num_classes=1000):
    """Configuration C: thirteen convolutions, three 1×1 (Table 1)."""
    return VGG("C", num_classes)


def vgg16(num_classes=1000):
    """Configuration D: thirteen convolutions (Table 1)."""
    return VGG("D", num_classes)


def vgg19(num_classes=1000):
    """Configuration E: sixteen convolutions (Table 1)."""
    return VGG("E", num_classes)


def vgg11_bn(num_classes=1000):
    """Configuration A with batch norm, as in torchvision."""
    return VGG("A", num_classes, batch_norm=True)


def vgg13_bn(num_classes=1000):
    """Configuration B with batch norm, as in torchvision."""
    return VGG("B", num_classes, batch_norm=True)


def vgg16_bn(num_classes=1000):
    """Configuration D with batch norm, as in torchvision."""
    return VGG("D", num_classes, batch_norm=True)


def vgg19_bn(num_classes=1000):
    """Configuration E with batch norm, as in torchvision."""
    return VGG("E", num_classes, batch_norm=True)


def average_head(in_channels, num_classes):
    """Global average pooling and a single linear layer: a map to logits."""
    return named([
        ("average", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()),
        ("fc", nn.Linear(in_channels, num_classes)),
    ])


def as_convolution(linear, size):
    """A linear layer on flattened size×size maps, as a convolution with that kernel."""
    channels = linear.in_features // size**2
    conv = nn.Conv2d(channels, linear.out_features, kernel_size=size)
    weight = linear.weight.reshape(conv.weight.shape)
    conv.load_state_dict({"weight": weight, "bias": linear.bias})
    return conv


def fully_convolutional(net):
    """A network of this section with convolutions for fc6, fc7, fc8 (§3.2).

    Returns:
        A network (N, C, H, W) → (N, classes, h, w): scores for each position; it
        shares the convolutions of `net` and has copies of its linear layers.
    """
    layers = list(net.features.named_children())
    for name, layer in net.classifier.named_children():
        if isinstance(layer, nn.AdaptiveAvgPool2d):
            size = layer.output_size  # of the map that the next linear layer sees
        elif isinstance(layer, nn.Linear):
            layers.append((name, as_convolution(layer, size)))
            size = 1
        elif not isinstance(layer, nn.Flatten):
            layers.append((name, layer))
    return named(layers)


class SmallVGG(nn.Module):
    """VGG's plan for small grey images, with batch norm: (N, 1, 28, 28) → logits.

    conv1_1 and pooling, then two blocks at 14×14 and 7×7.

    Args:
        kernels: kernel size of each convolution of blocks 2 and 3.
        head: "fc" for three linear layers with dropout, "average" for pooling and one.
    """

    def __init__(self, kernels=(3, 3), head="fc", dropout=0.5, num_classes=10):
        super().__init__()
        if head not in ("fc", "average"):
            raise ValueError(f"head is {head!r}; expected 'fc' or 'average'")
        channels = (8, 16, 32)
        sizes = ((3,), kernels, kernels)
        self.features = convolutional_part(1, channels, sizes, batch_norm=True)
        if head == "fc":
            self.classifier = fully_connected_head(32, 3, 128, num_classes, dropout)
        else:
            self.classifier = average_head(32, num_classes)
        initialise(self)

    def forward(self, x):
        return self.classifier(self.features(x))
