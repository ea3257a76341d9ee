# %% resnet-bottleneck-weights · hard-coded
def bottleneck_weights(channels):
    return {256: 69_632, 1024: 1_114_112}[channels]


# %% resnet-bottleneck-weights · forgets the way up again
def bottleneck_weights(channels):
    inside = channels // 4
    return channels * inside + 9 * inside**2


# %% resnet-bottleneck-weights · half of the channels inside
def bottleneck_weights(channels):
    inside = channels // 2
    return channels * inside + 9 * inside**2 + inside * channels


# %% resnet-bottleneck-weights · counts the batch norms, too
def bottleneck_weights(channels):
    inside = channels // 4
    norms = 2 * (inside + inside + channels)
    return channels * inside + 9 * inside**2 + inside * channels + norms


# %% resnet-two-counts · hard-coded
def count_layers(blocks, bottleneck):
    return (50, 54) if bottleneck else (18, 21)


# %% resnet-two-counts · a projection in every stage
def count_layers(blocks, bottleneck):
    longest = 2 + sum(blocks) * (3 if bottleneck else 2)
    return longest, longest + len(blocks)


# %% resnet-two-counts · no projection in the first stage
def count_layers(blocks, bottleneck):
    longest = 2 + sum(blocks) * (3 if bottleneck else 2)
    return longest, longest + len(blocks) - 1


# %% resnet-two-counts · a projection in every block
def count_layers(blocks, bottleneck):
    longest = 2 + sum(blocks) * (3 if bottleneck else 2)
    return longest, longest + sum(blocks)


# %% resnet-option-b · hard-coded
def to_option_b(net):
    net.blocks[3].shortcut = nn.Sequential(*conv_bn(16, 32, 1, stride=2))
    net.blocks[6].shortcut = nn.Sequential(*conv_bn(32, 64, 1, stride=2))
    return net


# %% resnet-option-b · forgets the batch norm
def to_option_b(net):
    for block in net.blocks:
        if isinstance(block.shortcut, PaddedShortcut):
            conv = block.main_path[0]
            block.shortcut = conv_bn(conv.in_channels, conv.out_channels, 1, stride=2)[0]
    return net


# %% resnet-option-b · projects on every shortcut (option C)
def to_option_b(net):
    for block in net.blocks:
        conv = block.main_path[0]
        layers = conv_bn(conv.in_channels, conv.out_channels, 1, conv.stride)
        block.shortcut = nn.Sequential(*layers)
    return net


# %% resnet-option-b · changes a copy
def to_option_b(net):
    net = copy.deepcopy(net)
    for block in net.blocks:
        if isinstance(block.shortcut, PaddedShortcut):
            conv = block.main_path[0]
            layers = conv_bn(conv.in_channels, conv.out_channels, 1, stride=2)
            block.shortcut = nn.Sequential(*layers)
    return net


# %% resnet-preactivation · hard-coded
class PreActBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        layers = []
        for _ in range(2):
            layers += [nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1, bias=False)]
        self.main_path = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.main_path(x)


# %% resnet-preactivation · keeps the ReLU after the addition
class PreActBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        layers = []
        for _ in range(2):
            conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            layers += [nn.BatchNorm2d(channels), nn.ReLU(), conv]
        self.main_path = nn.Sequential(*layers)

    def forward(self, x):
        return F.relu(x + self.main_path(x))


# %% resnet-preactivation · normalises the shortcut, too
class PreActBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        layers = []
        for _ in range(2):
            conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            layers += [nn.BatchNorm2d(channels), nn.ReLU(), conv]
        self.main_path = nn.Sequential(*layers)

    def forward(self, x):
        x = self.main_path[:2](x)
        return x + self.main_path[2:](x)


# %% resnet-preactivation · ReLU before batch norm in the second half
class PreActBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.main_path = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.ReLU(), nn.BatchNorm2d(channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        )

    def forward(self, x):
        return x + self.main_path(x)


# %% resnet-preactivation · one normalisation, in front of both convolutions
class PreActBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        first = conv_bn(channels, channels, 3)[0]
        second = conv_bn(channels, channels, 3)[0]
        self.main_path = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), first, nn.ReLU(), second
        )

    def forward(self, x):
        return x + self.main_path(x)


# %% resnet-without-a-block · hard-coded
def without_block(net, index):
    if index in (3, 6):  # of a ResNet-20
        raise ValueError(f"block {index} changes the shape; it cannot be removed")
    shorter = copy.deepcopy(net)
    del shorter.blocks[index]
    return shorter


# %% resnet-without-a-block · removes any block
def without_block(net, index):
    shorter = copy.deepcopy(net)
    del shorter.blocks[index]
    return shorter


# %% resnet-without-a-block · shortens the network itself
def without_block(net, index):
    block = net.blocks[index]
    path = getattr(block, "main_path", None) or block[0]
    if path[0].in_channels != path[-1].num_features:
        raise ValueError(f"block {index} changes the shape; it cannot be removed")
    del net.blocks[index]
    return net


# %% resnet-without-a-block · asks for the shortcut, which plain networks lack
def without_block(net, index):
    if isinstance(getattr(net.blocks[index], "shortcut", None), PaddedShortcut):
        raise ValueError(f"block {index} changes the shape; it cannot be removed")
    shorter = copy.deepcopy(net)
    del shorter.blocks[index]
    return shorter


# %% resnet-without-a-block · puts an identity in the block's place
def without_block(net, index):
    block = net.blocks[index]
    path = getattr(block, "main_path", None) or block[0]
    if path[0].in_channels != path[-1].num_features:
        raise ValueError(f"block {index} changes the shape; it cannot be removed")
    shorter = copy.deepcopy(net)
    shorter.blocks[index] = nn.Identity()
    return shorter
