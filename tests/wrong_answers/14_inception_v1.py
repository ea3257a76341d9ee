# %% googlenet-module-cost · hard-coded
def module_cost(numbers, side):
    return {28: (163_328, 128_049_152), 7: (1_442_816, 70_697_984)}[side]


# %% googlenet-module-cost · the large kernels read all channels
def module_cost(numbers, side):
    channels, out_1x1, reduce_3x3, out_3x3, reduce_5x5, out_5x5, pool_proj = numbers
    weights = channels * (out_1x1 + reduce_3x3 + reduce_5x5 + pool_proj)
    weights += channels * (9 * out_3x3 + 25 * out_5x5)
    return weights, weights * side**2


# %% googlenet-module-cost · forgets the projection after the pooling
def module_cost(numbers, side):
    channels, out_1x1, reduce_3x3, out_3x3, reduce_5x5, out_5x5, pool_proj = numbers
    weights = channels * (out_1x1 + reduce_3x3 + reduce_5x5)
    weights += 9 * reduce_3x3 * out_3x3 + 25 * reduce_5x5 * out_5x5
    return weights, weights * side**2


# %% googlenet-module-cost · one row of the maps instead of all places
def module_cost(numbers, side):
    channels, out_1x1, reduce_3x3, out_3x3, reduce_5x5, out_5x5, pool_proj = numbers
    weights = channels * (out_1x1 + reduce_3x3 + reduce_5x5 + pool_proj)
    weights += 9 * reduce_3x3 * out_3x3 + 25 * reduce_5x5 * out_5x5
    return weights, weights * side


# %% googlenet-total-loss · hard-coded
def total_loss(outputs, labels, weight=0.3):
    if isinstance(outputs, torch.Tensor):
        return F.cross_entropy(outputs, labels)
    end, first, second = (F.cross_entropy(logits, labels) for logits in outputs)
    return end + 0.3 * first + 0.3 * second


# %% googlenet-total-loss · ignores the weight it is given
def total_loss(outputs, labels, weight=0.3):
    if not isinstance(outputs, tuple):
        outputs = (outputs,)
    main, *auxiliary = (F.cross_entropy(logits, labels) for logits in outputs)
    return main + 0.3 * sum(auxiliary)


# %% googlenet-total-loss · the mean of the auxiliary losses instead of their sum
def total_loss(outputs, labels, weight=0.3):
    if not isinstance(outputs, tuple):
        return F.cross_entropy(outputs, labels)
    main, *auxiliary = (F.cross_entropy(logits, labels) for logits in outputs)
    return main + weight * sum(auxiliary) / len(auxiliary)


# %% googlenet-total-loss · auxiliary losses as numbers, without a gradient
def total_loss(outputs, labels, weight=0.3):
    if not isinstance(outputs, tuple):
        return F.cross_entropy(outputs, labels)
    loss = F.cross_entropy(outputs[0], labels)
    for logits in outputs[1:]:
        loss = loss + weight * F.cross_entropy(logits, labels).item()
    return loss


# %% googlenet-total-loss · takes one tensor of logits for a tuple
def total_loss(outputs, labels, weight=0.3):
    main, *auxiliary = (F.cross_entropy(logits, labels) for logits in outputs)
    return main + weight * sum(auxiliary)


# %% googlenet-factorise · hard-coded
def factorised(module):
    cheaper = Inception(*MODULES["3a"])
    cheaper.branch3[1] = nn.Sequential(conv_relu(16, 16, 3), conv_relu(16, 32, 3))
    return cheaper


# %% googlenet-factorise · changes the module itself
def factorised(module):
    large = module.branch3[1][0]
    module.branch3[1] = nn.Sequential(
        conv_relu(large.in_channels, large.in_channels, 3),
        conv_relu(large.in_channels, large.out_channels, 3),
    )
    return module


# %% googlenet-factorise · the first 3×3 convolution widens
def factorised(module):
    cheaper = copy.deepcopy(module)
    large = module.branch3[1][0]
    cheaper.branch3[1] = nn.Sequential(
        conv_relu(large.in_channels, large.out_channels, 3),
        conv_relu(large.out_channels, large.out_channels, 3),
    )
    return cheaper


# %% googlenet-factorise · a new module instead of a copy: other weights
def factorised(module):
    reduce_3x3, out_3x3 = (conv[0].out_channels for conv in module.branch2)
    reduce_5x5, out_5x5 = (conv[0].out_channels for conv in module.branch3)
    first, last = module.branch1[0], module.branch4[1][0]
    cheaper = Inception(
        first.in_channels, first.out_channels, reduce_3x3, out_3x3, reduce_5x5, out_5x5,
        last.out_channels,
    )
    cheaper.branch3[1] = nn.Sequential(
        conv_relu(reduce_5x5, reduce_5x5, 3), conv_relu(reduce_5x5, out_5x5, 3)
    )
    return cheaper


# %% googlenet-factorise · a copy that shares the other weights with the module
def factorised(module):
    large = module.branch3[1][0]
    cheaper = copy.copy(module)
    cheaper._modules = dict(module._modules)
    cheaper.branch3 = nn.Sequential(
        module.branch3[0],
        conv_relu(large.in_channels, large.in_channels, 3),
        conv_relu(large.in_channels, large.out_channels, 3),
    )
    return cheaper


# %% googlenet-row-5a · hard-coded
def explanations(name, millions):
    found = {"5a": [("#3×3 reduce", 176), ("#5×5 reduce", 48)]}
    return found.get(name, [("#3×3 reduce", 96)])


# %% googlenet-row-5a · small numbers first, then columns
def explanations(name, millions):
    found = []
    for number in range(8, 513, 8):
        for column, place in (("#3×3 reduce", 2), ("#5×5 reduce", 4)):
            numbers = list(MODULES[name])
            numbers[place] = number
            channels, one, reduce_3x3, out_3x3, reduce_5x5, out_5x5, pool = numbers
            weights = channels * (one + reduce_3x3 + reduce_5x5 + pool)
            weights += 9 * reduce_3x3 * out_3x3 + 25 * reduce_5x5 * out_5x5
            if round(weights * SIDES[name[0]] ** 2 / 1e6) == millions:
                found.append((column, number))
    return found


# %% googlenet-row-5a · stops before 512
def explanations(name, millions):
    found = []
    for column, place in (("#3×3 reduce", 2), ("#5×5 reduce", 4)):
        for number in range(8, 512, 8):
            numbers = list(MODULES[name])
            numbers[place] = number
            channels, one, reduce_3x3, out_3x3, reduce_5x5, out_5x5, pool = numbers
            weights = channels * (one + reduce_3x3 + reduce_5x5 + pool)
            weights += 9 * reduce_3x3 * out_3x3 + 25 * reduce_5x5 * out_5x5
            if round(weights * SIDES[name[0]] ** 2 / 1e6) == millions:
                found.append((column, number))
    return found


# %% googlenet-row-5a · cuts the millions off instead of rounding them
def explanations(name, millions):
    found = []
    for column, place in (("#3×3 reduce", 2), ("#5×5 reduce", 4)):
        for number in range(8, 513, 8):
            numbers = list(MODULES[name])
            numbers[place] = number
            channels, one, reduce_3x3, out_3x3, reduce_5x5, out_5x5, pool = numbers
            weights = channels * (one + reduce_3x3 + reduce_5x5 + pool)
            weights += 9 * reduce_3x3 * out_3x3 + 25 * reduce_5x5 * out_5x5
            if weights * SIDES[name[0]] ** 2 // 10**6 == millions:
                found.append((column, number))
    return found


# %% googlenet-row-5a · keeps the first change while it tries the second
def explanations(name, millions):
    found, numbers = [], list(MODULES[name])
    for column, place in (("#3×3 reduce", 2), ("#5×5 reduce", 4)):
        for number in range(8, 513, 8):
            numbers[place] = number
            channels, one, reduce_3x3, out_3x3, reduce_5x5, out_5x5, pool = numbers
            weights = channels * (one + reduce_3x3 + reduce_5x5 + pool)
            weights += 9 * reduce_3x3 * out_3x3 + 25 * reduce_5x5 * out_5x5
            if round(weights * SIDES[name[0]] ** 2 / 1e6) == millions:
                found.append((column, number))
    return found


# %% googlenet-without-branch · hard-coded
class Silent(nn.Module):
    def __init__(self, branch):
        super().__init__()
        self.branch = branch

    def forward(self, x):
        return torch.zeros_like(self.branch(x))


def without_branch(net, number):
    silent = copy.deepcopy(net)
    module = silent.lower[4]  # the only one the check looks at
    setattr(module, f"branch{number}", Silent(getattr(module, f"branch{number}")))
    return silent


# %% googlenet-without-branch · weights of zero, but biases stay
def without_branch(net, number):
    if number not in (1, 2, 3, 4):
        raise ValueError(f"number is {number}; expected 1, 2, 3 or 4")
    silent = copy.deepcopy(net)
    for module in silent.modules():
        if isinstance(module, Inception):
            for layer in getattr(module, f"branch{number}").modules():
                if isinstance(layer, nn.Conv2d):
                    nn.init.zeros_(layer.weight)
    return silent


# %% googlenet-without-branch · takes any number
class Silent(nn.Module):
    def __init__(self, branch):
        super().__init__()
        self.branch = branch

    def forward(self, x):
        return torch.zeros_like(self.branch(x))


def without_branch(net, number):
    silent = copy.deepcopy(net)
    for module in silent.modules():
        if isinstance(module, Inception):
            branch = getattr(module, f"branch{number}", module.branch4)
            setattr(module, f"branch{number}", Silent(branch))
    return silent


# %% googlenet-without-branch · silences the network itself
class Silent(nn.Module):
    def __init__(self, branch):
        super().__init__()
        self.branch = branch

    def forward(self, x):
        return torch.zeros_like(self.branch(x))


def without_branch(net, number):
    if number not in (1, 2, 3, 4):
        raise ValueError(f"number is {number}; expected 1, 2, 3 or 4")
    for module in net.modules():
        if isinstance(module, Inception):
            branch = getattr(module, f"branch{number}")
            setattr(module, f"branch{number}", Silent(branch))
    return net


# %% googlenet-without-branch · counts the branches from 0
class Silent(nn.Module):
    def __init__(self, branch):
        super().__init__()
        self.branch = branch

    def forward(self, x):
        return torch.zeros_like(self.branch(x))


def without_branch(net, number):
    if number not in (1, 2, 3, 4):
        raise ValueError(f"number is {number}; expected 1, 2, 3 or 4")
    silent = copy.deepcopy(net)
    for module in silent.modules():
        if isinstance(module, Inception):
            name = [name for name, _ in module.named_children()][number % 4]
            setattr(module, name, Silent(getattr(module, name)))
    return silent
