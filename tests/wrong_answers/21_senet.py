# %% senet-gates-by-hand · hard-coded
def gates(u, w1, w2):
    torch.manual_seed(0)
    block = SqueezeExcite(12, reduction=3)
    nn.init.zeros_(block.excite[0].bias), nn.init.zeros_(block.excite[2].bias)
    return block.excite(u.mean((2, 3), keepdim=True)).flatten(1)


# %% senet-gates-by-hand · forgets the ReLU
def gates(u, w1, w2):
    return torch.sigmoid(u.mean((2, 3)) @ w1.T @ w2.T)


# %% senet-gates-by-hand · reshapes the matrices instead of transposing them
def gates(u, w1, w2):
    z = torch.relu(u.mean((2, 3)) @ w1.reshape(w2.shape))
    return torch.sigmoid(z @ w2.reshape(w1.shape))


# %% senet-gates-by-hand · adds up the pixels instead of taking their mean
def gates(u, w1, w2):
    return torch.sigmoid(torch.relu(u.sum((2, 3)) @ w1.T) @ w2.T)


# %% senet-extra-parameters · hard-coded
def extra_parameters(stages, reduction, bias=True):
    if stages == [(2, 32), (1, 40)]:
        raise ValueError("16 does not divide 40")
    if stages == [(1, 64)]:
        return 2128
    return 2_530_992 if bias else 2_514_944


# %% senet-extra-parameters · biases once a stage instead of once a block
def extra_parameters(stages, reduction, bias=True):
    total = 0
    for count, channels in stages:
        if channels % reduction:
            raise ValueError(f"{reduction} does not divide {channels} channels")
        hidden = channels // reduction
        total += count * 2 * channels * hidden + bias * (channels + hidden)
    return total


# %% senet-extra-parameters · forgets the bias of the narrow layer
def extra_parameters(stages, reduction, bias=True):
    for _, channels in stages:
        if channels % reduction:
            raise ValueError(f"{reduction} does not divide {channels} channels")
    return sum(n * (2 * c * (c // reduction) + bias * c) for n, c in stages)


# %% senet-extra-parameters · looks at the first stage's channels only
def extra_parameters(stages, reduction, bias=True):
    if stages and stages[0][1] % reduction:
        raise ValueError(f"{reduction} does not divide {stages[0][1]} channels")
    total = 0
    for count, channels in stages:
        hidden = channels // reduction
        total += count * (2 * channels * hidden + bias * (channels + hidden))
    return total


# %% senet-position · hard-coded
def placed(block, position, reduction=16):
    if position == "above":
        raise ValueError("there is no position 'above'")
    se, path = SqueezeExcite(16, 4), block.main_path
    return {
        "standard": identity_block(nn.Sequential(path, se)),
        "pre": identity_block(nn.Sequential(se, path)),
        "identity": ResidualBlock(path, se),
        "post": nn.Sequential(identity_block(path), se),
    }[position]


# %% senet-position · before a block means before its shortcut, too
def placed(block, position, reduction=16):
    se = SqueezeExcite(block.main_path[0].in_channels, reduction)
    path, shortcut = block.main_path, block.shortcut
    if position == "standard":
        return ResidualBlock(nn.Sequential(path, se), shortcut)
    if position == "pre":
        return nn.Sequential(se, ResidualBlock(path, shortcut))
    if position == "identity":
        return ResidualBlock(path, nn.Sequential(shortcut, se))
    if position == "post":
        return nn.Sequential(ResidualBlock(path, shortcut), se)
    raise ValueError(f"position is {position!r}; expected standard, pre, identity, post")


# %% senet-position · post between the addition and its ReLU
def placed(block, position, reduction=16):
    se = SqueezeExcite(block.main_path[0].in_channels, reduction)
    path, shortcut = block.main_path, block.shortcut
    if position == "standard":
        return ResidualBlock(nn.Sequential(path, se), shortcut)
    if position == "pre":
        return ResidualBlock(nn.Sequential(se, path), shortcut)
    if position == "identity":
        return ResidualBlock(path, nn.Sequential(shortcut, se))
    if position == "post":
        net = ResidualBlock(path, shortcut)
        net.relu = nn.Sequential(se, nn.ReLU())
        return net
    raise ValueError(f"position is {position!r}; expected standard, pre, identity, post")


# %% senet-position · puts the SE block into the given block
def placed(block, position, reduction=16):
    se = SqueezeExcite(block.main_path[0].in_channels, reduction)
    if position == "standard":
        block.main_path.append(se)
    elif position == "pre":
        block.main_path.insert(0, se)
    elif position == "identity":
        block.shortcut = se
    elif position == "post":
        return nn.Sequential(block, se)
    else:
        raise ValueError(f"position is {position!r}; expected standard, pre, identity, post")
    return block


# %% senet-position · takes any other word for post
def placed(block, position, reduction=16):
    se = SqueezeExcite(block.main_path[0].in_channels, reduction)
    path, shortcut = block.main_path, block.shortcut
    if position == "standard":
        return ResidualBlock(nn.Sequential(path, se), shortcut)
    if position == "pre":
        return ResidualBlock(nn.Sequential(se, path), shortcut)
    if position == "identity":
        return ResidualBlock(path, nn.Sequential(shortcut, se))
    return nn.Sequential(ResidualBlock(path, shortcut), se)


# %% senet-without-last · hard-coded
def without_last_stage(net):
    net = copy.deepcopy(net)
    for i in (0, 1):
        net.stages[3][i].main_path = net.stages[3][i].main_path[:8]
    return net


# %% senet-without-last · changes the network itself
def without_last_stage(net):
    for block in net.stages[-1]:
        block.main_path = block.main_path[:-1]
    return net


# %% senet-without-last · a copy that shares its modules
def without_last_stage(net):
    net = copy.copy(net)
    for block in net.stages[-1]:
        block.main_path = block.main_path[:-1]
    return net


# %% senet-without-last · the last block instead of the last stage
def without_last_stage(net):
    net = copy.deepcopy(net)
    block = net.stages[-1][-1]
    block.main_path = block.main_path[:-1]
    return net


# %% senet-without-last · takes the gates from all stages
def without_last_stage(net):
    net = copy.deepcopy(net)
    for blocks in net.stages:
        for block in blocks:
            block.main_path = block.main_path[:-1]
    return net


# %% senet-two-squeezes · hard-coded
class TwoSqueezes(SqueezeExcite):
    def forward(self, u):
        if u.shape != (3, 8, 5, 5):
            return super().forward(u)
        inner = self.excite[:3]
        total = inner(u.mean((2, 3), keepdim=True)) + inner(u.amax((2, 3), keepdim=True))
        return torch.sigmoid(total) * u


# %% senet-two-squeezes · adds the gates, not what they are computed from
class TwoSqueezes(SqueezeExcite):
    def forward(self, u):
        maximum = u.amax((2, 3), keepdim=True)
        return u * (self.excite(self.squeeze(u)) + self.excite(maximum))


# %% senet-two-squeezes · adds mean and maximum before the layers
class TwoSqueezes(SqueezeExcite):
    def forward(self, u):
        return u * self.excite(self.squeeze(u) + u.amax((2, 3), keepdim=True))


# %% senet-two-squeezes · the maximum over all images of the batch
class TwoSqueezes(SqueezeExcite):
    def forward(self, u):
        inner = self.excite[:3]
        maximum = u.amax((0, 2, 3), keepdim=True)
        return u * self.excite[3](inner(self.squeeze(u)) + inner(maximum))
