# %% densenet-channels · hard-coded
def final_channels(channels, blocks, growth_rate, compression):
    known = {12: 448, 24: 1024, 32: 1664}
    if len(blocks) > 2 and blocks[2] in known:
        return known[blocks[2]]
    return 19 if channels == 17 else 20


# %% densenet-channels · compresses behind the last block as well
def final_channels(channels, blocks, growth_rate, compression):
    for count in blocks:
        channels = int(compression * (channels + count * growth_rate))
    return channels


# %% densenet-channels · rounds in place of taking the whole part
def final_channels(channels, blocks, growth_rate, compression):
    for i, count in enumerate(blocks):
        if i > 0:
            channels = round(compression * channels)
        channels += count * growth_rate
    return channels


# %% densenet-channels · takes the whole part once, at the end
def final_channels(channels, blocks, growth_rate, compression):
    for i, count in enumerate(blocks):
        if i > 0:
            channels *= compression
        channels += count * growth_rate
    return int(channels)


# %% densenet-channels · compresses only what the block has added
def final_channels(channels, blocks, growth_rate, compression):
    for count in blocks[:-1]:
        channels += int(compression * count * growth_rate)
    return channels + blocks[-1] * growth_rate


# %% densenet-bottleneck-pays · hard-coded
def first_cheaper_layer(in_channels, growth_rate):
    return {64: 7, 512: 1, 128: 5, 36: 2, 73: 1}[in_channels]


# %% densenet-bottleneck-pays · takes as many weights for fewer
def first_cheaper_layer(in_channels, growth_rate):
    number, channels = 1, in_channels
    while 9 * channels * growth_rate < 4 * channels * growth_rate + 36 * growth_rate**2:
        number, channels = number + 1, channels + growth_rate
    return number


# %% densenet-bottleneck-pays · counts the layers from 0
def first_cheaper_layer(in_channels, growth_rate):
    number, channels = 0, in_channels
    while 9 * channels * growth_rate <= 4 * channels * growth_rate + 36 * growth_rate**2:
        number, channels = number + 1, channels + growth_rate
    return number


# %% densenet-bottleneck-pays · lets the bottleneck's 3×3 read k channels, not 4k
def first_cheaper_layer(in_channels, growth_rate):
    number, channels = 1, in_channels
    while 9 * channels * growth_rate <= 4 * channels * growth_rate + 9 * growth_rate**2:
        number, channels = number + 1, channels + growth_rate
    return number


# %% densenet-bottleneck-pays · finds layers before the first in wide inputs
def first_cheaper_layer(in_channels, growth_rate):
    return (36 * growth_rate - 5 * in_channels) // (5 * growth_rate) + 2


# %% densenet-dropout · hard-coded
def with_dropout(net, p=0.2):
    net = copy.deepcopy(net)
    if p == 0.5:
        net.drops = nn.ModuleList(nn.Dropout(0.5) for _ in range(20))
        return net
    for i in (0, 2, 4):
        for layer in net.blocks[i].layers:
            layer.append(nn.Dropout(0.2))
    for i in (1, 3):
        net.blocks[i].insert(3, nn.Dropout(0.2))
    return net


# %% densenet-dropout · both dropouts of a bottleneck layer at its end
def with_dropout(net, p=0.2):
    net = copy.deepcopy(net)
    for part in net.blocks:
        if isinstance(part, DenseBlock):
            for layer in part.layers:
                for _ in range(sum(isinstance(m, nn.Conv2d) for m in layer)):
                    layer.append(nn.Dropout(p))
        else:
            part.insert(3, nn.Dropout(p))
    return net


# %% densenet-dropout · changes net itself
def with_dropout(net, p=0.2):
    def dropping(layers):
        found = []
        for module in layers:
            found.append(module)
            if isinstance(module, nn.Conv2d):
                found.append(nn.Dropout(p))
        return nn.Sequential(*found)

    for i, part in enumerate(net.blocks):
        if isinstance(part, DenseBlock):
            part.layers = nn.ModuleList(dropping(layer) for layer in part.layers)
        else:
            net.blocks[i] = dropping(part)
    return net


# %% densenet-dropout · forgets the transitions
def with_dropout(net, p=0.2):
    net = copy.deepcopy(net)
    for part in net.blocks:
        if isinstance(part, DenseBlock):
            for i, layer in enumerate(part.layers):
                found = []
                for module in layer:
                    found.append(module)
                    if isinstance(module, nn.Conv2d):
                        found.append(nn.Dropout(p))
                part.layers[i] = nn.Sequential(*found)
    return net


# %% densenet-dropout · dropout behind whole layers and transitions
def with_dropout(net, p=0.2):
    net = copy.deepcopy(net)
    for part in net.blocks:
        if isinstance(part, DenseBlock):
            for layer in part.layers:
                layer.append(nn.Dropout(p))
        else:
            part.append(nn.Dropout(p))
    return net


# %% densenet-window · hard-coded
class WindowBlock(DenseBlock):
    def __init__(self, make_layer, in_channels, count, growth_rate, window):
        super().__init__(make_layer, in_channels, count, growth_rate)
        self.narrow = window == 2
        if self.narrow:
            self.layers = nn.ModuleList(make_layer(c, 3) for c in (6, 9, 6, 6))

    def forward(self, x):
        if not self.narrow:
            return super().forward(x)
        maps = [x]
        for layer in self.layers:
            maps.append(layer(join(maps[-2:])))
        return join(maps)


# %% densenet-window · its slice starts below 0 while there are too few maps
class WindowBlock(nn.Module):
    def __init__(self, make_layer, in_channels, count, growth_rate, window):
        super().__init__()
        widths = [in_channels] + [growth_rate] * count
        self.window = window
        self.layers = nn.ModuleList(
            make_layer(sum(widths[: i + 1][i + 1 - window :]), growth_rate)
            for i in range(count)
        )

    def forward(self, x):
        maps = [x]
        for layer in self.layers:
            maps.append(layer(join(maps[len(maps) - self.window :])))
        return join(maps)


# %% densenet-window · lets every layer read the block's input besides the window
class WindowBlock(nn.Module):
    def __init__(self, make_layer, in_channels, count, growth_rate, window):
        super().__init__()
        self.window = window
        self.layers = nn.ModuleList(
            make_layer(in_channels + min(i, window) * growth_rate, growth_rate)
            for i in range(count)
        )

    def forward(self, x):
        maps = []
        for layer in self.layers:
            maps.append(layer(join([x, *maps[-self.window :]])))
        return join([x, *maps])


# %% densenet-window · gives only the last maps of the window
class WindowBlock(nn.Module):
    def __init__(self, make_layer, in_channels, count, growth_rate, window):
        super().__init__()
        widths = [in_channels] + [growth_rate] * count
        self.window = window
        self.layers = nn.ModuleList(
            make_layer(sum(widths[: i + 1][-window:]), growth_rate) for i in range(count)
        )

    def forward(self, x):
        maps = [x]
        for layer in self.layers:
            maps.append(layer(join(maps)))
            maps = maps[-self.window :]
        return join(maps)


# %% densenet-window · one map too many
class WindowBlock(nn.Module):
    def __init__(self, make_layer, in_channels, count, growth_rate, window):
        super().__init__()
        widths = [in_channels] + [growth_rate] * count
        self.window = window
        self.layers = nn.ModuleList(
            make_layer(sum(widths[: i + 1][-window - 1 :]), growth_rate)
            for i in range(count)
        )

    def forward(self, x):
        maps = [x]
        for layer in self.layers:
            maps.append(layer(join(maps[-self.window - 1 :])))
        return join(maps)


# %% densenet-statistics · hard-coded
import contextlib


@contextlib.contextmanager
def without_statistics(norm):
    norm.momentum = 0.0
    try:
        yield
    finally:
        norm.momentum = 0.1
        norm.num_batches_tracked.fill_(1)


class PreciseBlock(CheckpointedBlock):
    def forward(self, x):
        maps = [x]
        for layer in self.layers:
            def contexts(norm=layer[0]):
                return contextlib.nullcontext(), without_statistics(norm)

            narrow = checkpoint(
                read, layer[:3], *maps, use_reentrant=False, context_fn=contexts
            )
            maps.append(layer[3:](narrow))
        return join(maps)


# %% densenet-statistics · sets the momentum to the usual 0.1, whatever it was
import contextlib


@contextlib.contextmanager
def without_statistics(norm):
    counter, norm.momentum = norm.num_batches_tracked.clone(), 0.0
    try:
        yield
    finally:
        norm.momentum = 0.1
        norm.num_batches_tracked.copy_(counter)


class PreciseBlock(CheckpointedBlock):
    def forward(self, x):
        maps = [x]
        for layer in self.layers:
            def contexts(norm=layer[0]):
                return contextlib.nullcontext(), without_statistics(norm)

            narrow = checkpoint(
                read, layer[:3], *maps, use_reentrant=False, context_fn=contexts
            )
            maps.append(layer[3:](narrow))
        return join(maps)


# %% densenet-statistics · no try: the recomputation ends early, and nothing is put back
import contextlib


@contextlib.contextmanager
def without_statistics(norm):
    momentum, counter = norm.momentum, norm.num_batches_tracked.clone()
    norm.momentum = 0.0
    yield
    norm.momentum = momentum
    norm.num_batches_tracked.copy_(counter)


class PreciseBlock(CheckpointedBlock):
    def forward(self, x):
        maps = [x]
        for layer in self.layers:
            def contexts(norm=layer[0]):
                return contextlib.nullcontext(), without_statistics(norm)

            narrow = checkpoint(
                read, layer[:3], *maps, use_reentrant=False, context_fn=contexts
            )
            maps.append(layer[3:](narrow))
        return join(maps)


# %% densenet-statistics · forgets the counter
import contextlib


@contextlib.contextmanager
def without_statistics(norm):
    momentum, norm.momentum = norm.momentum, 0.0
    try:
        yield
    finally:
        norm.momentum = momentum


class PreciseBlock(CheckpointedBlock):
    def forward(self, x):
        maps = [x]
        for layer in self.layers:
            def contexts(norm=layer[0]):
                return contextlib.nullcontext(), without_statistics(norm)

            narrow = checkpoint(
                read, layer[:3], *maps, use_reentrant=False, context_fn=contexts
            )
            maps.append(layer[3:](narrow))
        return join(maps)


# %% densenet-statistics · computes again in evaluation mode
import contextlib


@contextlib.contextmanager
def without_statistics(norm):
    norm.eval()
    try:
        yield
    finally:
        norm.train()


class PreciseBlock(CheckpointedBlock):
    def forward(self, x):
        maps = [x]
        for layer in self.layers:
            def contexts(norm=layer[0]):
                return contextlib.nullcontext(), without_statistics(norm)

            narrow = checkpoint(
                read, layer[:3], *maps, use_reentrant=False, context_fn=contexts
            )
            maps.append(layer[3:](narrow))
        return join(maps)


# %% densenet-statistics · checkpoints the narrow part, statistics move twice
class PreciseBlock(CheckpointedBlock):
    def forward(self, x):
        maps = [x]
        for layer in self.layers:
            narrow = checkpoint(read, layer[:3], *maps, use_reentrant=False)
            maps.append(layer[3:](narrow))
        return join(maps)
