# %% vgg-stack-weights · hard-coded
def stack_weights(kernel_size, channels):
    return {(7, 1): 27, (5, 256): 1_179_648}[kernel_size, channels]


# %% vgg-stack-weights · one convolution for every three pixels
def stack_weights(kernel_size, channels):
    return kernel_size // 3 * 9 * channels**2


# %% vgg-stack-weights · one convolution too many
def stack_weights(kernel_size, channels):
    return (kernel_size + 1) // 2 * 9 * channels**2


# %% vgg-stack-weights · forgets that a filter reads all channels
def stack_weights(kernel_size, channels):
    return (kernel_size - 1) // 2 * 9 * channels


# %% vgg-parameters · hard-coded
def vgg_parameters(kernels):
    totals = {(3, 3, 3): 138_357_544, (3, 3, 1): 133_638_952, (3, 3): 132_863_336}
    return totals[kernels[-1]]


# %% vgg-parameters · forgets the biases of the convolutions
def vgg_parameters(kernels):
    total, inputs = 0, 3
    for channels, sizes in zip(CHANNELS, kernels):
        for size in sizes:
            if size != "LRN":
                total += size**2 * inputs * channels
                inputs = channels
    for inputs, outputs in [(512 * 7 * 7, 4096), (4096, 4096), (4096, 1000)]:
        total += (inputs + 1) * outputs
    return total


# %% vgg-parameters · every convolution of a block reads the block before
def vgg_parameters(kernels):
    total, inputs = 0, 3
    for channels, sizes in zip(CHANNELS, kernels):
        for size in sizes:
            if size != "LRN":
                total += (size**2 * inputs + 1) * channels
        inputs = channels
    for inputs, outputs in [(512 * 7 * 7, 4096), (4096, 4096), (4096, 1000)]:
        total += (inputs + 1) * outputs
    return total


# %% vgg-parameters · counts the normalisation as a 3×3 convolution
def vgg_parameters(kernels):
    total, inputs = 0, 3
    for channels, sizes in zip(CHANNELS, kernels):
        for size in sizes:
            total += ((1 if size == 1 else 9) * inputs + 1) * channels
            inputs = channels
    for inputs, outputs in [(512 * 7 * 7, 4096), (4096, 4096), (4096, 1000)]:
        total += (inputs + 1) * outputs
    return total


# %% vgg-parameters · builds the network
def vgg_parameters(kernels):
    features = convolutional_part(3, CHANNELS, kernels)
    with torch.device("meta"):
        head = fully_connected_head(512, 7, 4096, 1000)
    return count_parameters(features) + count_parameters(head)


# %% vgg-score-map · hard-coded
def score_map_size(height, width):
    if height == 200:
        raise ValueError("200 pixels are too few")
    return {224: (1, 1), 256: (2, 4), 300: (3, 1)}[height]


# %% vgg-score-map · takes the kernel off whole, one place too few
def score_map_size(height, width):
    if min(height, width) < 224:
        raise ValueError(f"image of {height}×{width}; expected at least 224×224 pixels")
    return height // 32 - 7, width // 32 - 7


# %% vgg-score-map · rounds up where pooling rounds down
def score_map_size(height, width):
    if min(height, width) < 224:
        raise ValueError(f"image of {height}×{width}; expected at least 224×224 pixels")
    return -(-height // 32) - 6, -(-width // 32) - 6


# %% vgg-score-map · looks at the height only
def score_map_size(height, width):
    if height < 224:
        raise ValueError(f"image of {height}×{width}; expected at least 224×224 pixels")
    return height // 32 - 6, width // 32 - 6


# %% vgg-score-map · does not name the size
def score_map_size(height, width):
    if min(height, width) < 224:
        raise ValueError("the image is too small")
    return height // 32 - 6, width // 32 - 6


# %% vgg-merge · hard-coded
def merge(first, second):
    one = nn.Conv2d(3, 4, 5, bias=False)
    impulses = torch.zeros(3, 3, 9, 9)
    for channel in range(3):
        impulses[channel, channel, 4, 4] = 1
    with torch.no_grad():
        one.weight.copy_(second(first(impulses)).transpose(0, 1).flip(2, 3))
    return one


# %% vgg-merge · forgets that an impulse answers with the kernel turned round
def merge(first, second):
    size = first.kernel_size[0] + second.kernel_size[0] - 1
    one = nn.Conv2d(first.in_channels, second.out_channels, size, bias=False)
    impulses = torch.zeros(first.in_channels, first.in_channels, 2 * size - 1, 2 * size - 1)
    for channel in range(first.in_channels):
        impulses[channel, channel, size - 1, size - 1] = 1
    with torch.no_grad():
        one.weight.copy_(second(first(impulses)).transpose(0, 1))
    return one


# %% vgg-merge · turns the kernel upside down, not left to right
def merge(first, second):
    size = first.kernel_size[0] + second.kernel_size[0] - 1
    one = nn.Conv2d(first.in_channels, second.out_channels, size, bias=False)
    impulses = torch.zeros(first.in_channels, first.in_channels, 2 * size - 1, 2 * size - 1)
    for channel in range(first.in_channels):
        impulses[channel, channel, size - 1, size - 1] = 1
    with torch.no_grad():
        one.weight.copy_(second(first(impulses)).transpose(0, 1).flip(2))
    return one


# %% vgg-merge · takes every second kernel for 3×3
def merge(first, second):
    size = first.kernel_size[0] + 2
    one = nn.Conv2d(first.in_channels, second.out_channels, size, bias=False)
    weight = nn.functional.conv2d(
        first.weight.transpose(0, 1), second.weight.flip(2, 3), padding=2
    )
    one.weight.data = weight.detach().transpose(0, 1)
    return one


# %% vgg-initial-signal · hard-coded
def signal(kernels, std):
    return [5.2 * std * (30 * std) ** n for n in range(sum(map(len, kernels)))]


# %% vgg-initial-signal · measures after the ReLU
def signal(kernels, std):
    torch.manual_seed(0)
    features = convolutional_part(3, CHANNELS, kernels)
    x, found = torch.randn(2, 3, 32, 32), []
    with torch.no_grad():
        for layer in features:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=std)
                nn.init.zeros_(layer.bias)
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                found.append(x.std().item())
    return found


# %% vgg-initial-signal · leaves PyTorch's biases
def signal(kernels, std):
    torch.manual_seed(0)
    features = convolutional_part(3, CHANNELS, kernels)
    x, found = torch.randn(2, 3, 32, 32), []
    with torch.no_grad():
        for layer in features:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=std)
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                found.append(x.std().item())
    return found


# %% vgg-initial-signal · reads std as a variance
def signal(kernels, std):
    torch.manual_seed(0)
    features = convolutional_part(3, CHANNELS, kernels)
    x, found = torch.randn(2, 3, 32, 32), []
    with torch.no_grad():
        for layer in features:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=std**0.5)
                nn.init.zeros_(layer.bias)
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                found.append(x.std().item())
    return found


# %% vgg-initial-signal · leaves out the ReLUs
def signal(kernels, std):
    torch.manual_seed(0)
    features = convolutional_part(3, CHANNELS, kernels)
    x, found = torch.randn(2, 3, 32, 32), []
    with torch.no_grad():
        for layer in features:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=std)
                nn.init.zeros_(layer.bias)
                x = layer(x)
                found.append(x.std().item())
            elif not isinstance(layer, nn.ReLU):
                x = layer(x)
    return found


# %% vgg-texture-synthesis · hard-coded
def synthesise(features, names, target, steps=200):
    return target.roll(2, -1)  # the stripes of the check, moved


# %% vgg-texture-synthesis · fits the maps themselves, so it rebuilds the picture
def synthesise(features, names, target, steps=200):
    image = torch.randn_like(target).requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.05)
    with torch.no_grad():
        wanted = feature_maps(features, target, names)
    for _ in range(steps):
        maps = feature_maps(features, image, names)
        loss = sum(((maps[name] - wanted[name]) ** 2).sum() for name in names)
        [image.grad] = torch.autograd.grad(loss, [image])
        optimizer.step()
    return image.detach()


# %% vgg-texture-synthesis · changes the weights, too
def synthesise(features, names, target, steps=200):
    image = torch.randn_like(target).requires_grad_()
    optimizer = torch.optim.Adam([image, *features.parameters()], lr=0.05)
    with torch.no_grad():
        wanted = {n: gram(m) for n, m in feature_maps(features, target, names).items()}
    for _ in range(steps):
        optimizer.zero_grad()
        maps = feature_maps(features, image, names)
        sum(((gram(maps[name]) - wanted[name]) ** 2).sum() for name in names).backward()
        optimizer.step()
    return image.detach()


# %% vgg-texture-synthesis · fits the last layer only
def synthesise(features, names, target, steps=200):
    image = torch.randn_like(target).requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.05)
    with torch.no_grad():
        wanted = gram(feature_maps(features, target, names)[names[-1]])
    for _ in range(steps):
        maps = feature_maps(features, image, names)
        loss = ((gram(maps[names[-1]]) - wanted) ** 2).sum()
        [image.grad] = torch.autograd.grad(loss, [image])
        optimizer.step()
    return image.detach()


# %% vgg-texture-synthesis · fits the mean of each map
def synthesise(features, names, target, steps=200):
    image = torch.randn_like(target).requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.05)
    with torch.no_grad():
        wanted = feature_maps(features, target, names)
    for _ in range(steps):
        maps = feature_maps(features, image, names)
        means = [(maps[n].mean((2, 3)), wanted[n].mean((2, 3))) for n in names]
        loss = sum(((ours - theirs) ** 2).sum() for ours, theirs in means)
        [image.grad] = torch.autograd.grad(loss, [image])
        optimizer.step()
    return image.detach()


# %% vgg-texture-synthesis · starts from the target
def synthesise(features, names, target, steps=200):
    image = target.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.05)
    with torch.no_grad():
        wanted = {n: gram(m) for n, m in feature_maps(features, target, names).items()}
    for _ in range(steps):
        maps = feature_maps(features, image, names)
        loss = sum(((gram(maps[name]) - wanted[name]) ** 2).sum() for name in names)
        [image.grad] = torch.autograd.grad(loss, [image])
        optimizer.step()
    return image.detach()
