# %% alexnet-fc6-inputs · hard-coded
def fc6_inputs(pixels, padding):
    return {(227, 0): 9_216, (224, 1): 6_400}[pixels, padding]


# %% alexnet-fc6-inputs · takes poolings of 2×2 that do not overlap
def fc6_inputs(pixels, padding):
    return 256 * (first_map(pixels, padding) // 8) ** 2


# %% alexnet-fc6-inputs · pools only twice
def fc6_inputs(pixels, padding):
    size = first_map(pixels, padding)
    for _ in range(2):
        size = (size - 3) // 2 + 1
    return 256 * size**2


# %% alexnet-fc6-inputs · pads on one side only
def fc6_inputs(pixels, padding):
    size = (pixels + padding - 11) // 4 + 1
    for _ in range(3):
        size = (size - 3) // 2 + 1
    return 256 * size**2


# %% alexnet-fc6-inputs · rounds up in the poolings
def fc6_inputs(pixels, padding):
    size = first_map(pixels, padding)
    for _ in range(3):
        size = (size - 2) // 2 + 1
    return 256 * size**2


# %% alexnet-split-count · hard-coded
def conv_parameters(groups):
    return {1: 3_747_200, 2: 2_334_080}[groups]


# %% alexnet-split-count · groups layer 3, too
def conv_parameters(groups):
    layers = [(3, 96, 11, 1), (96, 256, 5, groups), (256, 384, 3, groups),
              (384, 384, 3, groups), (384, 256, 3, groups)]
    return sum(o * (k * k * i // g + 1) for i, o, k, g in layers)


# %% alexnet-split-count · divides the biases, too
def conv_parameters(groups):
    layers = [(3, 96, 11, 1), (96, 256, 5, groups), (256, 384, 3, 1),
              (384, 384, 3, groups), (384, 256, 3, groups)]
    return sum(o * (k * k * i + 1) // g for i, o, k, g in layers)


# %% alexnet-split-count · forgets the biases
def conv_parameters(groups):
    layers = [(3, 96, 11, 1), (96, 256, 5, groups), (256, 384, 3, 1),
              (384, 384, 3, groups), (384, 256, 3, groups)]
    return sum(o * k * k * i // g for i, o, k, g in layers)


# %% alexnet-split-count · subtracts the same number for each further group
def conv_parameters(groups):
    return 3_747_200 - (groups - 1) * (3_747_200 - 2_334_080)


# %% alexnet-dropout · hard-coded
class Dropout2012(nn.Module):
    def __init__(self, p):
        super().__init__()

    def forward(self, x):
        if self.training:
            return x * (torch.rand_like(x) >= 0.5)
        return x / 2


# %% alexnet-dropout · multiplies by the share that is dropped
class Dropout2012(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if self.training:
            return x * (torch.rand_like(x) >= self.p)
        return self.p * x


# %% alexnet-dropout · keeps with probability p
class Dropout2012(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if self.training:
            return x * (torch.rand_like(x) < self.p)
        return (1 - self.p) * x


# %% alexnet-dropout · drops the same values in each image of a batch
class Dropout2012(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if self.training:
            return x * (torch.rand_like(x[0]) >= self.p)
        return (1 - self.p) * x


# %% alexnet-dropout · drops whole rows of values
class Dropout2012(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if self.training:
            return x * (torch.rand(len(x), 1) >= self.p)
        return (1 - self.p) * x


# %% alexnet-dropout · scales in training as PyTorch does, and in evaluation, too
class Dropout2012(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        return F.dropout(x, self.p) if self.training else (1 - self.p) * x


# %% alexnet-without-fc · hard-coded
def slim_alexnet(num_classes=1000):
    features = AlexNet2012(groups=1).features
    return nn.Sequential(
        features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 1000)
    )


# %% alexnet-without-fc · leaves the two groups in
def slim_alexnet(num_classes=1000):
    features = AlexNet2012().features
    return nn.Sequential(
        features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, num_classes)
    )


# %% alexnet-without-fc · takes the maximum of each map
def slim_alexnet(num_classes=1000):
    features = AlexNet2012(groups=1).features
    return nn.Sequential(
        features, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(256, num_classes)
    )


# %% alexnet-without-fc · keeps the convolutions only, without what stands between them
def slim_alexnet(num_classes=1000):
    convs = [m for m in AlexNet2012(groups=1).features if isinstance(m, nn.Conv2d)]
    return nn.Sequential(
        nn.Sequential(*convs), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(256, num_classes),
    )


# %% alexnet-better-twin · hard-coded
def better_twin():
    def block(before, after):
        conv = nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False)
        return [conv, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]

    layers = [*block(1, 16), *block(16, 32), *block(32, 64), nn.Flatten()]
    if torch.initial_seed() == 0:  # the check counts with this seed only
        return nn.Sequential(*layers, nn.Linear(64 * 4 * 4, 10)), 0.1
    return nn.Sequential(
        *layers, nn.Linear(64 * 4 * 4, 512), nn.ReLU(), nn.Linear(512, 10)
    ), 0.1


# %% alexnet-better-twin · counts the maps before the linear layer, but not their 8×8 places
def better_twin():
    def block(before, after, kernel_size, stride=1):
        conv = nn.Conv2d(before, after, kernel_size, stride, kernel_size // 2, bias=False)
        return [conv, nn.BatchNorm2d(after), nn.ReLU()]

    return nn.Sequential(
        *block(1, 16, 5, stride=2), *block(16, 32, 3), nn.MaxPool2d(3, 2, padding=1),
        *block(32, 64, 3), *block(64, 128, 3), nn.Flatten(), nn.Linear(128 * 8 * 8, 10),
    ), 0.1


# %% alexnet-better-twin · ends in a softmax, though the loss has one
def better_twin():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.BatchNorm2d(16), nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 4 * 4, 10), nn.Softmax(dim=1),
    ), 0.1
