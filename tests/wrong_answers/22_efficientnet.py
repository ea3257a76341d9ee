# %% efficientnet-separable · hard-coded
def separable_ratio(in_channels, out_channels, kernel_size):
    return {(1, 1): 0.5, (480, 480): 8.834, (8, 32): 14.035}[in_channels, out_channels]


# %% efficientnet-separable · depthwise on the output channels
def separable_ratio(in_channels, out_channels, kernel_size):
    full = kernel_size**2 * in_channels * out_channels
    return full / (kernel_size**2 * out_channels + in_channels * out_channels)


# %% efficientnet-separable · the ratio upside down
def separable_ratio(in_channels, out_channels, kernel_size):
    full = kernel_size**2 * in_channels * out_channels
    return (kernel_size**2 * in_channels + in_channels * out_channels) / full


# %% efficientnet-separable · forgets the pointwise convolution
def separable_ratio(in_channels, out_channels, kernel_size):
    return kernel_size**2 * in_channels * out_channels / (kernel_size**2 * in_channels)


# %% efficientnet-mbconv-count · hard-coded
def mbconv_parameters(in_channels, out_channels, kernel_size, expansion):
    table = {(32, 16): 1448, (16, 24): 6004, (80, 112): 126_004, (192, 192): 587_952}
    return table[in_channels, out_channels]


# %% efficientnet-mbconv-count · widens with expansion 1 as well
def mbconv_parameters(in_channels, out_channels, kernel_size, expansion):
    inside, hidden = expansion * in_channels, max(1, in_channels // 4)
    widen = in_channels * inside + 2 * inside
    depthwise = kernel_size**2 * inside + 2 * inside
    gate = 2 * inside * hidden + hidden + inside
    return widen + depthwise + gate + inside * out_channels + 2 * out_channels


# %% efficientnet-mbconv-count · a quarter of the channels inside for the gate
def mbconv_parameters(in_channels, out_channels, kernel_size, expansion):
    inside = expansion * in_channels
    hidden = inside // 4
    widen = in_channels * inside + 2 * inside if expansion > 1 else 0
    depthwise = kernel_size**2 * inside + 2 * inside
    gate = 2 * inside * hidden + hidden + inside
    return widen + depthwise + gate + inside * out_channels + 2 * out_channels


# %% efficientnet-mbconv-count · no channel in the gate of a very narrow block
def mbconv_parameters(in_channels, out_channels, kernel_size, expansion):
    inside, hidden = expansion * in_channels, in_channels // 4
    widen = in_channels * inside + 2 * inside if expansion > 1 else 0
    depthwise = kernel_size**2 * inside + 2 * inside
    gate = 2 * inside * hidden + hidden + inside
    return widen + depthwise + gate + inside * out_channels + 2 * out_channels


# %% efficientnet-budget · hard-coded
def largest_step(budget, alpha, beta, gamma):
    if budget == 1e8:
        raise ValueError("budget is 100 million MACs, less than B0 takes")
    if gamma == 1.1:
        return 0.75
    return {1e9: 1, 2e9: 2, 4e10: 7}.get(budget, 0)


# %% efficientnet-budget · takes the depth for the width
def largest_step(budget, alpha, beta, gamma):
    fitting = [
        step / 4 for step in range(33)
        if macs_of(alpha ** (step / 4), beta ** (step / 4),
                   round(224 * gamma ** (step / 4))) <= budget
    ]
    if not fitting:
        raise ValueError(f"budget is {budget:g} MACs, less than B0 alone takes")
    return max(fitting)


# %% efficientnet-budget · below the budget instead of at most
def largest_step(budget, alpha, beta, gamma):
    fitting = [
        step / 4 for step in range(33)
        if macs_of(beta ** (step / 4), alpha ** (step / 4),
                   round(224 * gamma ** (step / 4))) < budget
    ]
    if not fitting:
        raise ValueError(f"budget is {budget:g} MACs, less than B0 alone takes")
    return max(fitting)


# %% efficientnet-budget · leaves out the last step, 8
def largest_step(budget, alpha, beta, gamma):
    fitting = [
        step / 4 for step in range(32)
        if macs_of(beta ** (step / 4), alpha ** (step / 4),
                   round(224 * gamma ** (step / 4))) <= budget
    ]
    if not fitting:
        raise ValueError(f"budget is {budget:g} MACs, less than B0 alone takes")
    return max(fitting)


# %% efficientnet-budget · goes on beyond 8
def largest_step(budget, alpha, beta, gamma):
    if macs_of(1, 1, 224) > budget:
        raise ValueError(f"budget is {budget:g} MACs, less than B0 alone takes")
    step = 0.25
    while macs_of(beta**step, alpha**step, round(224 * gamma**step)) <= budget:
        step += 0.25
    return step - 0.25


# %% efficientnet-folding · hard-coded
class Recorded(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = [net]  # in a list, where modules() does not look
        self.stem, self.fc = nn.Sequential(nn.Conv2d(1, 16, 3)), nn.Linear(128, 10)

    def forward(self, x):
        return self.net[0](x)


def folded(net):
    return Recorded(net).eval()


# %% efficientnet-folding · forgets epsilon
import copy


def folded(net):
    net = copy.deepcopy(net).eval()
    for part in net.modules():
        if not isinstance(part, nn.Sequential):
            continue
        for i in range(1, len(part)):
            conv, norm = part[i - 1], part[i]
            if isinstance(norm, nn.BatchNorm2d):
                scale = norm.weight / norm.running_var.sqrt()
                conv.weight.data *= scale[:, None, None, None]
                conv.bias = nn.Parameter(norm.bias - scale * norm.running_mean)
                part[i] = nn.Identity()
    return net


# %% efficientnet-folding · does not scale the mean
import copy


def folded(net):
    net = copy.deepcopy(net).eval()
    for part in net.modules():
        if not isinstance(part, nn.Sequential):
            continue
        for i in range(1, len(part)):
            conv, norm = part[i - 1], part[i]
            if isinstance(norm, nn.BatchNorm2d):
                scale = norm.weight / (norm.running_var + norm.eps).sqrt()
                conv.weight.data *= scale[:, None, None, None]
                conv.bias = nn.Parameter(norm.bias - norm.running_mean)
                part[i] = nn.Identity()
    return net


# %% efficientnet-folding · changes the network itself
def folded(net):
    for part in net.eval().modules():
        if not isinstance(part, nn.Sequential):
            continue
        for i in range(1, len(part)):
            conv, norm = part[i - 1], part[i]
            if isinstance(norm, nn.BatchNorm2d):
                scale = norm.weight / (norm.running_var + norm.eps).sqrt()
                conv.weight.data *= scale[:, None, None, None]
                conv.bias = nn.Parameter(norm.bias - scale * norm.running_mean)
                part[i] = nn.Identity()
    return net


# %% efficientnet-fused · hard-coded
class FusedMBConv(nn.Module):
    def __init__(self, *case):
        super().__init__()
        self.block = torchvisions(*case)
        self.has_shortcut, self.drop = True, StochasticDepth(0.0)

    def forward(self, x):
        return self.block(x)


# %% efficientnet-fused · the stride in the narrowing convolution
class FusedMBConv(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride, expansion):
        super().__init__()
        if expansion == 1:
            layers = silu_unit(in_channels, out_channels, kernel_size, stride)
        else:
            inside = expansion * in_channels
            layers = silu_unit(in_channels, inside, kernel_size)
            layers += silu_unit(inside, out_channels, 1, stride)[:-1]
        self.path = nn.Sequential(*layers)
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.drop = StochasticDepth(0.0)

    def forward(self, x):
        if self.has_shortcut:
            return x + self.drop(self.path(x))
        return self.path(x)


# %% efficientnet-fused · narrows with expansion 1 as well
class FusedMBConv(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride, expansion):
        super().__init__()
        inside = expansion * in_channels
        layers = silu_unit(in_channels, inside, kernel_size, stride)
        layers += silu_unit(inside, out_channels, 1)[:-1]
        self.path = nn.Sequential(*layers)
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.drop = StochasticDepth(0.0)

    def forward(self, x):
        if self.has_shortcut:
            return x + self.drop(self.path(x))
        return self.path(x)


# %% efficientnet-fused · drops the shortcut along with the path
class FusedMBConv(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride, expansion):
        super().__init__()
        if expansion == 1:
            layers = silu_unit(in_channels, out_channels, kernel_size, stride)
        else:
            inside = expansion * in_channels
            layers = silu_unit(in_channels, inside, kernel_size, stride)
            layers += silu_unit(inside, out_channels, 1)[:-1]
        self.path = nn.Sequential(*layers)
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.drop = StochasticDepth(0.0)

    def forward(self, x):
        if self.has_shortcut:
            return self.drop(x + self.path(x))
        return self.path(x)


# %% efficientnet-fused · an activation at the narrow end
class FusedMBConv(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride, expansion):
        super().__init__()
        if expansion == 1:
            layers = silu_unit(in_channels, out_channels, kernel_size, stride)
        else:
            inside = expansion * in_channels
            layers = silu_unit(in_channels, inside, kernel_size, stride)
            layers += silu_unit(inside, out_channels, 1)
        self.path = nn.Sequential(*layers)
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.drop = StochasticDepth(0.0)

    def forward(self, x):
        if self.has_shortcut:
            return x + self.drop(self.path(x))
        return self.path(x)
