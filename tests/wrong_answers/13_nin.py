# %% nin-mlpconv-parameters · hard-coded
def mlpconv_parameters(in_channels, channels, kernel_size):
    return {3: 60_928, 8: 292}[in_channels]


# %% nin-mlpconv-parameters · no biases in the 1×1 convolutions
def mlpconv_parameters(in_channels, channels, kernel_size):
    total = channels[0] * (in_channels * kernel_size**2 + 1)
    for before, after in zip(channels, channels[1:]):
        total += after * before
    return total


# %% nin-mlpconv-parameters · every convolution has the first one's kernel
def mlpconv_parameters(in_channels, channels, kernel_size):
    total = 0
    for before, after in zip((in_channels, *channels), channels):
        total += after * (before * kernel_size**2 + 1)
    return total


# %% nin-mlpconv-parameters · always two 1×1 convolutions
def mlpconv_parameters(in_channels, channels, kernel_size):
    first, second, third = channels if len(channels) == 3 else (channels[0], 0, 0)
    total = first * (in_channels * kernel_size**2 + 1)
    return total + second * (first + 1) + third * (second + 1)


# %% nin-mlpconv-parameters · builds the layer and counts
def mlpconv_parameters(in_channels, channels, kernel_size):
    return count_parameters(mlpconv(in_channels, channels, kernel_size))


# %% nin-image-size · hard-coded
def final_size(size):
    return {38: 0, 39: 1, 224: 6, 227: 6, 256: 7}[size]


def smallest_image():
    return 39


# %% nin-image-size · rounds down everywhere
def final_size(size):
    size = (size - 11) // 4 + 1
    for _ in range(3):
        size = (size - 3) // 2 + 1
    return size


def smallest_image():
    return next(size for size in range(11, 300) if final_size(size) > 0)


# %% nin-image-size · rounds up everywhere
def final_size(size):
    size = -(-(size - 11) // 4) + 1
    for _ in range(3):
        size = -(-(size - 3) // 2) + 1
    return size


def smallest_image():
    return next(size for size in range(11, 300) if final_size(size) > 0)


# %% nin-image-size · the largest size without maps instead of the smallest with some
def final_size(size):
    size = (size - 11) // 4 + 1
    for _ in range(3):
        size = -(-(size - 3) // 2) + 1
    return size


def smallest_image():
    return max(size for size in range(11, 300) if final_size(size) < 1)


# %% nin-image-size · asks the network
def final_size(size):
    try:
        return nin_imagenet(2).features(torch.zeros(1, 3, size, size)).shape[2]
    except RuntimeError:
        return 0


def smallest_image():
    return 39


# %% nin-merge-linear · hard-coded
@torch.no_grad()
def merged(first, second):
    one, matrix = nn.Conv2d(3, 4, 5, stride=2, padding=2), second.weight.flatten(1)
    one.weight.copy_((matrix @ first.weight.flatten(1)).view(4, 3, 5, 5))
    one.bias.copy_(matrix @ first.bias + second.bias)
    return one


# %% nin-merge-linear · the second's bias alone
@torch.no_grad()
def merged(first, second):
    one = nn.Conv2d(
        first.in_channels, second.out_channels, first.kernel_size, first.stride,
        first.padding,
    )
    matrix = second.weight.flatten(1)
    one.weight.copy_((matrix @ first.weight.flatten(1)).view_as(one.weight))
    one.bias.copy_(second.bias)
    return one


# %% nin-merge-linear · forgets the stride
@torch.no_grad()
def merged(first, second):
    one = nn.Conv2d(
        first.in_channels, second.out_channels, first.kernel_size,
        padding=first.padding,
    )
    matrix = second.weight.flatten(1)
    one.weight.copy_((matrix @ first.weight.flatten(1)).view_as(one.weight))
    one.bias.copy_(matrix @ first.bias + second.bias)
    return one


# %% nin-merge-linear · changes the first convolution in place
@torch.no_grad()
def merged(first, second):
    matrix = second.weight.flatten(1)
    shape = (second.out_channels, *first.weight.shape[1:])
    first.bias = nn.Parameter(matrix @ first.bias + second.bias)
    first.weight = nn.Parameter((matrix @ first.weight.flatten(1)).view(shape))
    first.out_channels = second.out_channels
    return first


# %% nin-merge-linear · takes height for width
@torch.no_grad()
def merged(first, second):
    one = nn.Conv2d(
        first.in_channels, second.out_channels, first.kernel_size[0], first.stride[0],
        first.padding[0],
    )
    matrix = second.weight.flatten(1)
    one.weight.copy_((matrix @ first.weight.flatten(1)).view_as(one.weight))
    one.bias.copy_(matrix @ first.bias + second.bias)
    return one


# %% nin-absolute-difference · hard-coded
class Difference(nn.Module):
    def forward(self, x):
        return (x - F.pad(x, (0, 1))[..., 1:]).abs()


def edge_strength():
    return Difference()


# %% nin-absolute-difference · the left neighbour
@torch.no_grad()
def edge_strength():
    block = mlpconv(1, (2, 1), kernel_size=3, padding=1)
    for layer in block[::2]:
        layer.weight.zero_()
        layer.bias.zero_()
    for unit, sign in enumerate((1.0, -1.0)):
        block[0].weight[unit, 0, 1, 1] = sign
        block[0].weight[unit, 0, 1, 0] = -sign
    block[2].weight.fill_(1.0)
    return block


# %% nin-absolute-difference · forgets the biases
@torch.no_grad()
def edge_strength():
    block = mlpconv(1, (2, 1), kernel_size=3, padding=1)
    block[0].weight.zero_()
    for unit, sign in enumerate((1.0, -1.0)):
        block[0].weight[unit, 0, 1, 1] = sign
        block[0].weight[unit, 0, 1, 2] = -sign
    block[2].weight.fill_(1.0)
    return block


# %% nin-absolute-difference · subtracts the two units instead of adding them
@torch.no_grad()
def edge_strength():
    block = mlpconv(1, (2, 1), kernel_size=3, padding=1)
    for layer in block[::2]:
        layer.weight.zero_()
        layer.bias.zero_()
    for unit, sign in enumerate((1.0, -1.0)):
        block[0].weight[unit, 0, 1, 1] = sign
        block[0].weight[unit, 0, 1, 2] = -sign
        block[2].weight[0, unit] = sign
    return block


# %% nin-hide-the-evidence · hard-coded
def hide(images, maps, share):
    large = F.interpolate(maps[:, None], (28, 28), mode="bilinear", align_corners=False)
    hidden = images.clone()
    for image, heat in zip(hidden, large):
        image.view(-1)[heat.flatten().topk(196).indices] = image.min()
    return hidden


# %% nin-hide-the-evidence · changes the images in place
def hide(images, maps, share):
    size = images.shape[2:]
    large = F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)
    count = round(share * large[0].numel())
    for image, heat in zip(images, large):
        image.flatten(1)[:, heat.flatten().topk(count).indices] = image.min()
    return images


# %% nin-hide-the-evidence · the smallest value of the whole batch
def hide(images, maps, share):
    size = images.shape[2:]
    large = F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)
    count, hidden = round(share * large[0].numel()), images.clone()
    for image, heat in zip(hidden, large):
        image.flatten(1)[:, heat.flatten().topk(count).indices] = images.min()
    return hidden


# %% nin-hide-the-evidence · hides the first channel only
def hide(images, maps, share):
    size = images.shape[2:]
    large = F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)
    count, hidden = round(share * large[0].numel()), images.clone()
    for image, heat in zip(hidden, large):
        image[0].view(-1)[heat.flatten().topk(count).indices] = image.min()
    return hidden


# %% nin-hide-the-evidence · hides the least important places
def hide(images, maps, share):
    size = images.shape[2:]
    large = F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)
    count, hidden = round(share * large[0].numel()), images.clone()
    for image, heat in zip(hidden, large):
        places = heat.flatten().topk(count, largest=False).indices
        image.flatten(1)[:, places] = image.min()
    return hidden


# %% nin-hide-the-evidence · one threshold for the whole batch
def hide(images, maps, share):
    size = images.shape[2:]
    large = F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)
    threshold = large.flatten().quantile(1 - share)
    darkest = images.flatten(1).min(1).values.view(-1, 1, 1, 1)
    return torch.where(large > threshold, darkest, images)
