# %% inception4-channels · hard-coded
def channels_after(stem, m, n, new):
    return {256: (896, 1792), 384: (1152, 2144), 7: (12, 13)}[stem]


# %% inception4-channels · adds the stem's channels again in Reduction-B
def channels_after(stem, m, n, new):
    return stem + m + n, stem + sum(new)


# %% inception4-channels · forgets the pooling of Reduction-A
def channels_after(stem, m, n, new):
    return m + n, m + n + sum(new)


# %% inception4-channels · takes for granted that Reduction-B adds three branches
def channels_after(stem, m, n, new):
    after_a = stem + m + n
    return after_a, after_a + new[0] + new[1] + new[2]


# %% inception4-released · hard-coded
def released(a, b, c, num_classes):
    features = [stem_released()]
    features += [residual_a(320, 48, 64), residual_a(320, 48, 64)]
    features += [reduction_a(320, k=256, l=256, m=384, n=384)]
    features += [residual_b(1088, 192, 160, 192) for _ in range(3)]
    features += [reduction_b(1088, 288, 288, 320)]
    features += [residual_c(2080, 224, 256)]
    features += [residual_c(2080, 224, 256, scale=1.0, relu=False)]
    features += [branch(2080, (1536, 1))]
    return Inception(features, 1536, 7)


# %% inception4-released · forgets the 1×1 behind the blocks
def released(a, b, c, num_classes):
    features = [stem_released()]
    features += [residual_a(320, 48, 64) for _ in range(a)]
    features += [reduction_a(320, k=256, l=256, m=384, n=384)]
    features += [residual_b(1088, 192, 160, 192) for _ in range(b)]
    features += [reduction_b(1088, 288, 288, 320)]
    features += [residual_c(2080, 224, 256) for _ in range(c - 1)]
    features += [residual_c(2080, 224, 256, scale=1.0, relu=False)]
    return Inception(features, 2080, num_classes)


# %% inception4-released · the paper's stem and channels, not the released ones
def released(a, b, c, num_classes):
    features = [stem_v4()]
    features += [residual_a(384, 48, 64) for _ in range(a)]
    features += [reduction_a(384, k=256, l=256, m=384, n=384)]
    features += [residual_b(1152, 192, 160, 192) for _ in range(b)]
    features += [reduction_b(1152, 288, 288, 320)]
    features += [residual_c(2144, 224, 256) for _ in range(c - 1)]
    features += [residual_c(2144, 224, 256, scale=1.0, relu=False)]
    features += [branch(2144, (1536, 1))]
    return Inception(features, 1536, num_classes)


# %% inception4-released · adds the special block to c others
def released(a, b, c, num_classes):
    features = [stem_released()]
    features += [residual_a(320, 48, 64) for _ in range(a)]
    features += [reduction_a(320, k=256, l=256, m=384, n=384)]
    features += [residual_b(1088, 192, 160, 192) for _ in range(b)]
    features += [reduction_b(1088, 288, 288, 320)]
    features += [residual_c(2080, 224, 256) for _ in range(c)]
    features += [residual_c(2080, 224, 256, scale=1.0, relu=False)]
    features += [branch(2080, (1536, 1))]
    return Inception(features, 1536, num_classes)


# %% inception4-released · the last C block keeps its ReLU
def released(a, b, c, num_classes):
    features = [stem_released()]
    features += [residual_a(320, 48, 64) for _ in range(a)]
    features += [reduction_a(320, k=256, l=256, m=384, n=384)]
    features += [residual_b(1088, 192, 160, 192) for _ in range(b)]
    features += [reduction_b(1088, 288, 288, 320)]
    features += [residual_c(2080, 224, 256) for _ in range(c - 1)]
    features += [residual_c(2080, 224, 256, scale=1.0)]
    features += [branch(2080, (1536, 1))]
    return Inception(features, 1536, num_classes)


# %% inception4-fold · hard-coded
def fold_scale(block):
    folded = copy.deepcopy(block)
    with torch.no_grad():
        folded.expand.weight *= 0.1
        folded.expand.bias *= 0.1
    folded.scale = 1.0
    return folded


def folded_rate(lr, scale):
    return 0.02


# %% inception4-fold · forgets the bias
def fold_scale(block):
    folded = copy.deepcopy(block)
    with torch.no_grad():
        folded.expand.weight *= block.scale
    folded.scale = 1.0
    return folded


def folded_rate(lr, scale):
    return lr * scale**2


# %% inception4-fold · scales the rate once, as the weights
def fold_scale(block):
    folded = copy.deepcopy(block)
    with torch.no_grad():
        folded.expand.weight *= block.scale
        folded.expand.bias *= block.scale
    folded.scale = 1.0
    return folded


def folded_rate(lr, scale):
    return lr * scale


# %% inception4-fold · a new block, which always ends in ReLU
def fold_scale(block):
    expand = block.expand
    folded = ResidualInception(
        copy.deepcopy(block.branches), expand.in_channels, expand.out_channels, 1.0
    )
    folded.expand.weight = nn.Parameter(block.scale * expand.weight.detach())
    folded.expand.bias = nn.Parameter(block.scale * expand.bias.detach())
    return folded


def folded_rate(lr, scale):
    return lr * scale**2


# %% inception4-fold · the copy has the branches of the block itself
def fold_scale(block):
    expand, folded = block.expand, copy.copy(block)
    folded._modules = dict(block._modules, expand=copy.deepcopy(expand))
    with torch.no_grad():
        folded.expand.weight *= block.scale
        folded.expand.bias *= block.scale
    folded.scale = 1.0
    return folded


def folded_rate(lr, scale):
    return lr * scale**2


# %% inception4-fold · changes the block itself
def fold_scale(block):
    with torch.no_grad():
        block.expand.weight *= block.scale
        block.expand.bias *= block.scale
    block.scale = 1.0
    return block


def folded_rate(lr, scale):
    return lr * scale**2


# %% inception4-recover · hard-coded
def can_recover(block, x):
    alive = torch.tensor([False] * 3 + [True] * 5)
    alive[1] = x.max() == 1000
    return alive | isinstance(block.relu, nn.Identity)


# %% inception4-recover · gradients of earlier calls add up
def can_recover(block, x):
    block(x).sum().backward()
    return block.expand.bias.grad != 0


# %% inception4-recover · looks for positive outputs, also without ReLU
def can_recover(block, x):
    return (block(x) > 0).any(dim=0).flatten(1).any(dim=1)


# %% inception4-recover · looks at the residual alone and forgets the shortcut
def can_recover(block, x):
    if isinstance(block.relu, nn.Identity):
        return torch.ones(block.expand.out_channels, dtype=torch.bool)
    return block.expand(block.branches(x)).amax(dim=(0, 2, 3)) > 0


# %% inception4-recover · wants ReLU to be open at every pixel
def can_recover(block, x):
    if isinstance(block.relu, nn.Identity):
        return torch.ones(block.expand.out_channels, dtype=torch.bool)
    return block(x).amin(dim=(0, 2, 3)) > 0


# %% inception4-norm · hard-coded
class NormedInception(ResidualInception):
    def forward(self, x):
        total = x + self.scale * self.expand(self.branches(x))
        if total.shape[1] == 8:
            total = nn.BatchNorm2d(8, eps=0.001)(total)
        return total.relu()


# %% inception4-norm · normalises the residual before it is added
class NormedInception(ResidualInception):
    def __init__(self, branches, inside, channels, scale, relu=True):
        super().__init__(branches, inside, channels, scale, relu)
        self.norm = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x):
        return self.relu(x + self.scale * self.norm(self.expand(self.branches(x))))


# %% inception4-norm · always ends in ReLU
class NormedInception(ResidualInception):
    def __init__(self, branches, inside, channels, scale, relu=True):
        super().__init__(branches, inside, channels, scale)
        self.norm = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x):
        return self.relu(self.norm(x + self.scale * self.expand(self.branches(x))))


# %% inception4-norm · normalises with a new norm in every call, which never learns
class NormedInception(ResidualInception):
    def forward(self, x):
        total = x + self.scale * self.expand(self.branches(x))
        return self.relu(nn.BatchNorm2d(total.shape[1], eps=0.001)(total))


# %% inception4-norm · leaves epsilon at PyTorch's 0.00001
class NormedInception(ResidualInception):
    def __init__(self, branches, inside, channels, scale, relu=True):
        super().__init__(branches, inside, channels, scale, relu)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return self.relu(self.norm(x + self.scale * self.expand(self.branches(x))))


# %% inception4-norm · norm behind the block's ReLU
class NormedInception(ResidualInception):
    def __init__(self, branches, inside, channels, scale, relu=True):
        super().__init__(branches, inside, channels, scale, relu)
        self.norm = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x):
        return self.norm(super().forward(x))
