# %% lenet5-sparse-count · hard-coded
def sparse_parameters(inputs, kernel_size):
    return 1_516 if inputs == C3_INPUTS else 2


# %% lenet5-sparse-count · forgets the biases
def sparse_parameters(inputs, kernel_size):
    return sum(len(maps) for maps in inputs) * kernel_size**2


# %% lenet5-sparse-count · counts a bias for each kernel instead of each map
def sparse_parameters(inputs, kernel_size):
    return sum(len(maps) for maps in inputs) * (kernel_size**2 + 1)


# %% lenet5-sparse-count · takes kernels of side 5 whatever the argument says, but for 1
def sparse_parameters(inputs, kernel_size):
    area = 1 if kernel_size == 1 else 25
    return sum(len(maps) * area + 1 for maps in inputs)


# %% lenet5-sparse-count · gives a map without inputs no bias
def sparse_parameters(inputs, kernel_size):
    return sum(len(maps) * kernel_size**2 + 1 for maps in inputs if maps)


# %% lenet5-receptive-field · hard-coded
def receptive_field(layers):
    return {1: 5, 2: 6, 5: 32}[len(layers)]


# %% lenet5-receptive-field · multiplies by a layer's own stride
def receptive_field(layers):
    field, distance = 1, 1
    for kernel_size, stride in layers:
        distance *= stride
        field += (kernel_size - 1) * distance
    return field


# %% lenet5-receptive-field · lets a stride count for the next layer only
def receptive_field(layers):
    field, distance = 1, 1
    for kernel_size, stride in layers:
        field += (kernel_size - 1) * distance
        distance = stride
    return field


# %% lenet5-receptive-field · takes it that only poolings, as wide as their stride, move by more
def receptive_field(layers):
    field, distance = 1, 1
    for kernel_size, stride in layers:
        field += (kernel_size - 1) * distance
        distance *= stride if kernel_size == stride else 1
    return field


# %% lenet5-receptive-field · takes it that there is a first layer
def receptive_field(layers):
    field, distance = layers[0]
    for kernel_size, stride in layers[1:]:
        field += (kernel_size - 1) * distance
        distance *= stride
    return field


# %% lenet5-f6-as-convolution · hard-coded
def as_convolution(linear, channels, size):
    conv = nn.Conv2d(16, 120, kernel_size=5)
    conv.weight.data = linear.weight.data.view(120, 16, 5, 5)
    conv.bias.data = linear.bias.data
    return conv


# %% lenet5-f6-as-convolution · forgets the bias
def as_convolution(linear, channels, size):
    conv = nn.Conv2d(channels, linear.out_features, kernel_size=size)
    conv.weight.data = linear.weight.data.view(-1, channels, size, size)
    return conv


# %% lenet5-f6-as-convolution · takes the channels for the last axis of the flattened maps
def as_convolution(linear, channels, size):
    conv = nn.Conv2d(channels, linear.out_features, kernel_size=size)
    conv.weight.data = linear.weight.data.view(-1, size, size, channels).permute(0, 3, 1, 2)
    conv.bias.data = linear.bias.data
    return conv


# %% lenet5-f6-as-convolution · flips the kernels, as if torch computed a true convolution
def as_convolution(linear, channels, size):
    conv = nn.Conv2d(channels, linear.out_features, kernel_size=size)
    conv.weight.data = linear.weight.data.view(-1, channels, size, size).flip(2, 3)
    conv.bias.data = linear.bias.data
    return conv


# %% lenet5-f6-as-convolution · moves the kernel by its own size
def as_convolution(linear, channels, size):
    conv = nn.Conv2d(channels, linear.out_features, kernel_size=size, stride=size)
    conv.weight.data = linear.weight.data.view(-1, channels, size, size)
    conv.bias.data = linear.bias.data
    return conv


# %% lenet5-masked-c3 · hard-coded
class MaskedConvolution(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, len(inputs), kernel_size=5)

    def forward(self, x):
        weight = self.conv.weight.clone()
        weight[0, 3:] = 0  # the check looks at the first and the last map
        return F.conv2d(x, weight, self.conv.bias)


# %% lenet5-masked-c3 · masks the weights once, when they are made
class MaskedConvolution(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, len(inputs), kernel_size=5)
        mask = torch.zeros(len(inputs), channels, 1, 1)
        for row, maps in zip(mask, inputs):
            row[list(maps)] = 1
        self.conv.weight.data *= mask

    def forward(self, x):
        return self.conv(x)


# %% lenet5-masked-c3 · makes the mask a parameter
class MaskedConvolution(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, len(inputs), kernel_size=5)
        mask = torch.zeros(len(inputs), channels, 1, 1)
        for row, maps in zip(mask, inputs):
            row[list(maps)] = 1
        self.mask = nn.Parameter(mask)

    def forward(self, x):
        return F.conv2d(x, self.conv.weight * self.mask, self.conv.bias)


# %% lenet5-masked-c3 · forgets the bias
class MaskedConvolution(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, len(inputs), kernel_size=5)
        mask = torch.zeros(len(inputs), channels, 1, 1)
        for row, maps in zip(mask, inputs):
            row[list(maps)] = 1
        self.register_buffer("mask", mask)

    def forward(self, x):
        return F.conv2d(x, self.conv.weight * self.mask)


# %% lenet5-masked-c3 · takes the masked weights for the others
class MaskedConvolution(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, len(inputs), kernel_size=5)
        mask = torch.ones(len(inputs), channels, 1, 1)
        for row, maps in zip(mask, inputs):
            row[list(maps)] = 0
        self.register_buffer("mask", mask)

    def forward(self, x):
        return F.conv2d(x, self.conv.weight * self.mask, self.conv.bias)


# %% lenet5-small · hard-coded
def small_lenet():
    def block(before, after):
        conv = nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False)
        return [conv, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]

    if torch.initial_seed() != 0:  # not the check's seed
        return LeNet5Simplified(), 0.1
    return nn.Sequential(
        *block(1, 8), *block(8, 16), *block(16, 32), nn.Flatten(), nn.Linear(32 * 4 * 4, 10)
    ), 0.2


# %% lenet5-small · counts the maps before the linear layer, but not their 4×4 places
def small_lenet():
    def block(before, after):
        conv = nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False)
        return [conv, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(1, 8), *block(8, 16), *block(16, 32),
        nn.Flatten(), nn.Linear(32 * 4 * 4, 64), nn.ReLU(), nn.Linear(64, 10),
    ), 0.2


# %% lenet5-small · takes the usual rate of Adam, 0.001
def small_lenet():
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(8, 16, 3), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(16 * 2 * 2, 10),
    ), 0.001
