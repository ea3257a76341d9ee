# %% concat-shape · hard-coded
def concatenated_shape(shapes):
    if shapes[1][2] == 28:
        return 8, 192, 28, 28
    raise ValueError("the heights differ")


# %% concat-shape · compares the heights only
def concatenated_shape(shapes):
    images, _, height, width = shapes[0]
    if any(shape[2] != height for shape in shapes):
        raise ValueError("the heights differ")
    return images, sum(shape[1] for shape in shapes), height, width


# %% concat-shape · forgets to compare the number of images
def concatenated_shape(shapes):
    images, _, height, width = shapes[0]
    for shape in shapes:
        if tuple(shape[2:]) != (height, width):
            raise ValueError(f"{shape} does not fit to {shapes[0]}")
    return images, sum(shape[1] for shape in shapes), height, width


# %% concat-shape · looks at the first two shapes only
def concatenated_shape(shapes):
    (n, c, h, w), (images, channels, height, width) = shapes[0], shapes[1]
    if (n, h, w) != (images, height, width):
        raise ValueError(f"{shapes[1]} does not fit to {shapes[0]}")
    return n, c + channels, h, w


# %% concat-shape · creates tensors, which the text forbids
def concatenated_shape(shapes):
    try:
        y = torch.cat([torch.empty(shape) for shape in shapes], dim=1)
    except RuntimeError as error:
        raise ValueError(str(error))
    return tuple(y.shape)


# %% concat-split-conv · hard-coded
def split_convolution(conv, sizes):
    first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
    second = nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False)
    first.weight.data, second.weight.data = conv.weight[:, :3], conv.weight[:, 3:]
    first.bias.data = conv.bias.data
    return [first, second]


# %% concat-split-conv · counts the bias once for each part
def split_convolution(conv, sizes):
    parts = []
    for weight in conv.weight.detach().split(sizes, dim=1):
        part = nn.Conv2d(
            weight.shape[1], conv.out_channels, conv.kernel_size,
            conv.stride, conv.padding, bias=conv.bias is not None,
        )
        part.weight.data = weight.clone()
        if conv.bias is not None:
            part.bias.data = conv.bias.detach().clone()
        parts.append(part)
    return parts


# %% concat-split-conv · takes it for granted that there is a bias
def split_convolution(conv, sizes):
    parts = []
    for number, weight in enumerate(conv.weight.detach().split(sizes, dim=1)):
        part = nn.Conv2d(
            weight.shape[1], conv.out_channels, conv.kernel_size, conv.stride, conv.padding
        )
        part.weight.data = weight.clone()
        nn.init.zeros_(part.bias)
        if number == 0 and conv.bias is not None:
            part.bias.data = conv.bias.detach().clone()
        parts.append(part)
    return parts


# %% concat-split-conv · gives every part the first channels of the weight
def split_convolution(conv, sizes):
    parts = []
    for number, size in enumerate(sizes):
        has_bias = conv.bias is not None and number == 0
        part = nn.Conv2d(
            size, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, bias=has_bias
        )
        part.weight.data = conv.weight.detach()[:, :size].clone()
        if has_bias:
            part.bias.data = conv.bias.detach().clone()
        parts.append(part)
    return parts


# %% concat-split-conv · forgets stride and padding
def split_convolution(conv, sizes):
    parts = []
    for number, weight in enumerate(conv.weight.detach().split(sizes, dim=1)):
        has_bias = conv.bias is not None and number == 0
        part = nn.Conv2d(weight.shape[1], conv.out_channels, conv.kernel_size, bias=has_bias)
        part.weight.data = weight.clone()
        if has_bias:
            part.bias.data = conv.bias.detach().clone()
        parts.append(part)
    return parts


# %% concat-add-as-concat · hard-coded
def reads_concatenation(conv):
    other = nn.Conv2d(8, 6, 3, padding=1)
    other.weight.data = conv.weight.detach().repeat(1, 2, 1, 1)
    other.bias.data = conv.bias.detach()
    return other


# %% concat-add-as-concat · forgets the stride
def reads_concatenation(conv):
    other = nn.Conv2d(
        2 * conv.in_channels, conv.out_channels, conv.kernel_size, padding=conv.padding
    )
    with torch.no_grad():
        other.weight.copy_(torch.cat([conv.weight, conv.weight], dim=1))
        other.bias.copy_(conv.bias)
    return other


# %% concat-add-as-concat · writes each channel twice in a row instead of all twice
def reads_concatenation(conv):
    other = nn.Conv2d(
        2 * conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding
    )
    with torch.no_grad():
        other.weight.copy_(conv.weight.repeat_interleave(2, dim=1))
        other.bias.copy_(conv.bias)
    return other


# %% concat-add-as-concat · doubles the bias, too
def reads_concatenation(conv):
    other = nn.Conv2d(
        2 * conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding
    )
    with torch.no_grad():
        other.weight.copy_(torch.cat([conv.weight, conv.weight], dim=1))
        other.bias.copy_(2 * conv.bias)
    return other


# %% concat-add-as-concat · changes the given convolution
def reads_concatenation(conv):
    conv.in_channels *= 2
    conv.weight.data = torch.cat([conv.weight.data, conv.weight.data], dim=1)
    return conv


# %% concat-dense-channels · hard-coded
def dense_reads(in_channels, growth, count):
    return [16, 28, 40], 68


# %% concat-dense-channels · counts a copy of the first layer's input
def dense_reads(in_channels, growth, count):
    reads = [in_channels + layer * growth for layer in range(count)]
    return reads, sum(reads)


# %% concat-dense-channels · numbers the layers from 1, one growth too many
def dense_reads(in_channels, growth, count):
    reads = [in_channels + layer * growth for layer in range(1, count + 1)]
    return reads, sum(reads[1:])


# %% concat-dense-channels · counts the new channels, not those copied again
def dense_reads(in_channels, growth, count):
    reads = [in_channels + layer * growth for layer in range(count)]
    return reads, reads[-1]


# %% concat-one-buffer · hard-coded
@torch.no_grad()
def forward_in_buffer(block, x):
    tensors = [x]
    for layer in block.layers:
        tensors.append(layer(torch.concat(tensors, dim=1)))  # not named torch.cat
    return torch.concat(tensors, dim=1)


# %% concat-one-buffer · leaves the gradient switched on
def forward_in_buffer(block, x):
    used = x.shape[1]
    channels = used + sum(layer.out_channels for layer in block.layers)
    buffer = x.new_empty(x.shape[0], channels, *x.shape[2:])
    buffer[:, :used] = x
    for layer in block.layers:
        end = used + layer.out_channels
        buffer[:, used:end] = layer(buffer[:, :used])
        used = end
    return buffer


# %% concat-one-buffer · takes it that each layer adds as many channels as x has
@torch.no_grad()
def forward_in_buffer(block, x):
    step = x.shape[1]
    buffer = x.new_empty(x.shape[0], (1 + len(block.layers)) * step, *x.shape[2:])
    buffer[:, :step] = x
    for number, layer in enumerate(block.layers, start=1):
        buffer[:, number * step : (number + 1) * step] = layer(buffer[:, : number * step])
    return buffer


# %% concat-one-buffer · concatenates by hand, a new tensor and all copies at each layer
@torch.no_grad()
def forward_in_buffer(block, x):
    tensors = [x]
    for layer in block.layers:
        tensors.append(layer(concatenate(*tensors)))
    return concatenate(*tensors)


# %% concat-one-buffer · returns the new channels only
@torch.no_grad()
def forward_in_buffer(block, x):
    used = x.shape[1]
    channels = used + sum(layer.out_channels for layer in block.layers)
    buffer = x.new_empty(x.shape[0], channels, *x.shape[2:])
    buffer[:, :used] = x
    for layer in block.layers:
        end = used + layer.out_channels
        buffer[:, used:end] = layer(buffer[:, :used])
        used = end
    return buffer[:, x.shape[1] :]
