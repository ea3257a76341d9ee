# %% resnext-grouped-weights · hard-coded
def grouped_weights(in_channels, out_channels, kernel_size, groups):
    if groups == 48:
        raise ValueError("48 groups do not divide 64 and 96 channels")
    return {(128, 32): 4_608, (96, 2): 307_200}[in_channels, groups]


# %% resnext-grouped-weights · divides the output channels as well
def grouped_weights(in_channels, out_channels, kernel_size, groups):
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"{groups} groups do not divide {in_channels} and {out_channels} channels"
        )
    return (out_channels // groups) * (in_channels // groups) * kernel_size**2


# %% resnext-grouped-weights · checks the input channels only
def grouped_weights(in_channels, out_channels, kernel_size, groups):
    if in_channels % groups:
        raise ValueError(
            f"{groups} groups do not divide {in_channels} and {out_channels} channels"
        )
    return out_channels * (in_channels // groups) * kernel_size**2


# %% resnext-grouped-weights · forgets that a kernel is square
def grouped_weights(in_channels, out_channels, kernel_size, groups):
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"{groups} groups do not divide {in_channels} and {out_channels} channels"
        )
    return out_channels * (in_channels // groups) * kernel_size


# %% resnext-nearest-width · hard-coded
def nearest_width(cardinality, channels=256):
    if channels == 512:
        return 8
    return {1: 64, 2: 40, 4: 24, 8: 14, 16: 8, 28: 4, 32: 4, 500: 1}[cardinality]


# %% resnext-nearest-width · rounds the exact width: nearest in width, not in weights
def nearest_width(cardinality, channels=256):
    budget = path_weights(1, channels // 4, channels)
    return max(1, round(exact_width(cardinality, budget, channels)))


# %% resnext-nearest-width · takes the widest block that is not larger than ResNet's
def nearest_width(cardinality, channels=256):
    budget = path_weights(1, channels // 4, channels)
    width = 1
    while path_weights(cardinality, width + 1, channels) <= budget:
        width += 1
    return width


# %% resnext-nearest-width · counts the weights of a block of 256 channels always
def nearest_width(cardinality, channels=256):
    budget = path_weights(1, channels // 4)

    def distance(width):
        return abs(path_weights(cardinality, width) - budget)

    return min(range(1, channels // 4 + 1), key=distance)


# %% resnext-to-dense · hard-coded
def to_dense(conv):
    inputs, outputs = (8, 8) if conv.bias is None else (6, 9)
    stride, padding = (1, 1) if conv.bias is None else (2, 0)
    dense = nn.Conv2d(inputs, outputs, 3, stride, padding, bias=conv.bias is not None)
    nn.init.zeros_(dense.weight)
    for i in range(outputs):
        first = 2 * (i // (2 if conv.bias is None else 3))
        dense.weight.data[i, first : first + 2] = conv.weight.data[i]
    if conv.bias is not None:
        dense.bias.data.copy_(conv.bias.data)
    return dense


# %% resnext-to-dense · calls the grouped convolution in place of its own weights
def to_dense(conv):
    dense = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
        conv.padding, bias=conv.bias is not None,
    )
    dense.forward = conv.forward
    return dense


# %% resnext-to-dense · forgets to copy the bias
def to_dense(conv):
    dense = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
        conv.padding, bias=conv.bias is not None,
    )
    rows, columns = conv.out_channels // conv.groups, conv.in_channels // conv.groups
    nn.init.zeros_(dense.weight)
    for i in range(conv.groups):
        own = slice(i * rows, (i + 1) * rows)
        dense.weight.data[own, i * columns : (i + 1) * columns] = conv.weight.data[own]
    return dense


# %% resnext-to-dense · hands conv itself back if it has one group
def to_dense(conv):
    if conv.groups == 1:
        return conv
    dense = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
        conv.padding, bias=conv.bias is not None,
    )
    rows, columns = conv.out_channels // conv.groups, conv.in_channels // conv.groups
    nn.init.zeros_(dense.weight)
    for i in range(conv.groups):
        own = slice(i * rows, (i + 1) * rows)
        dense.weight.data[own, i * columns : (i + 1) * columns] = conv.weight.data[own]
    if conv.bias is not None:
        dense.bias.data.copy_(conv.bias.data)
    return dense


# %% resnext-to-dense · takes stride and padding for equal in both directions
def to_dense(conv):
    dense = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride[0],
        conv.padding[0], bias=conv.bias is not None,
    )
    rows, columns = conv.out_channels // conv.groups, conv.in_channels // conv.groups
    nn.init.zeros_(dense.weight)
    for i in range(conv.groups):
        own = slice(i * rows, (i + 1) * rows)
        dense.weight.data[own, i * columns : (i + 1) * columns] = conv.weight.data[own]
    if conv.bias is not None:
        dense.bias.data.copy_(conv.bias.data)
    return dense


# %% resnext-to-dense · repeats the weights in every block instead of zeros
def to_dense(conv):
    dense = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
        conv.padding, bias=conv.bias is not None,
    )
    dense.weight.data = conv.weight.data.repeat(1, conv.groups, 1, 1)
    if conv.bias is not None:
        dense.bias.data.copy_(conv.bias.data)
    return dense


# %% resnext-to-grouped · hard-coded
def to_grouped(summed):
    shape = (64, 64, 1, 4, 16)
    if summed.norm.num_features == 128:
        shape = (64, 128, 2, 8, 8)
    grouped = grouped_path(*shape)
    grouped.forward = summed.forward
    return grouped


# %% resnext-to-grouped · calls the paths and carries nothing over
def to_grouped(summed):
    first, out_channels = summed.paths[0], summed.norm.num_features
    grouped = grouped_path(
        first[0].in_channels, out_channels, first[3].stride[0], len(summed.paths),
        first[0].out_channels * 256 // out_channels,
    )
    grouped.forward = summed.forward
    return grouped


# %% resnext-to-grouped · carries the parameters over, not the running statistics
def to_grouped(summed):
    first, out_channels = summed.paths[0], summed.norm.num_features
    grouped = grouped_path(
        first[0].in_channels, out_channels, first[3].stride[0], len(summed.paths),
        first[0].out_channels * 256 // out_channels,
    )
    for position in (0, 1, 3, 4):
        layers = [path[position] for path in summed.paths]
        grouped[position].weight.data = torch.cat([m.weight.data for m in layers])
        if position in (1, 4):
            grouped[position].bias.data = torch.cat([m.bias.data for m in layers])
    last = torch.cat([path[6].weight.data for path in summed.paths], dim=1)
    grouped[6].weight.data.copy_(last)
    grouped[7].weight.data.copy_(summed.norm.weight.data)
    grouped[7].bias.data.copy_(summed.norm.bias.data)
    return grouped


# %% resnext-to-grouped · every group gets the tensors of the first path
def to_grouped(summed):
    first, out_channels = summed.paths[0], summed.norm.num_features
    cardinality, width = len(summed.paths), first[0].out_channels
    grouped = grouped_path(
        first[0].in_channels, out_channels, first[3].stride[0], cardinality,
        width * 256 // out_channels,
    )
    for position in (0, 1, 3, 4):
        grouped[position].load_state_dict({
            name: torch.cat([tensor] * cardinality) if tensor.ndim else tensor
            for name, tensor in first[position].state_dict().items()
        })
    last = torch.cat([path[6].weight.data for path in summed.paths], dim=1)
    grouped[6].weight.data.copy_(last)
    grouped[7].load_state_dict(summed.norm.state_dict())
    return grouped


# %% resnext-to-grouped · reads the stride from the first 1×1
def to_grouped(summed):
    first, out_channels = summed.paths[0], summed.norm.num_features
    cardinality, width = len(summed.paths), first[0].out_channels
    grouped = grouped_path(
        first[0].in_channels, out_channels, first[0].stride[0], cardinality,
        width * 256 // out_channels,
    )
    for position in (0, 1, 3, 4):
        layers = [path[position].state_dict() for path in summed.paths]
        grouped[position].load_state_dict({
            name: torch.cat([layer[name] for layer in layers]) if tensor.ndim else tensor
            for name, tensor in layers[0].items()
        })
    last = torch.cat([path[6].weight.data for path in summed.paths], dim=1)
    grouped[6].weight.data.copy_(last)
    grouped[7].load_state_dict(summed.norm.state_dict())
    return grouped


# %% resnext-double-budget · hard-coded
def widest(cardinality, limit):
    if limit == 500_000:
        raise ValueError("nothing fits into 500000 MACs")
    return {1_213_760: 64, 1_213_759: 60, 2_100_000: 64}[limit]


# %% resnext-double-budget · looks at no width above the 64 of the base
def widest(cardinality, limit):
    for width in range(64, 0, -4):
        if count_macs(twin(cardinality, width), (1, 28, 28)) <= limit:
            return width
    raise ValueError(f"no twin with {cardinality} paths takes {limit} MACs or fewer")


# %% resnext-double-budget · wants fewer MACs than the limit, not at most
def widest(cardinality, limit):
    width = 0
    while count_macs(twin(cardinality, width + 4), (1, 28, 28)) < limit:
        width += 4
    if not width:
        raise ValueError(f"no twin with {cardinality} paths takes {limit} MACs or fewer")
    return width


# %% resnext-double-budget · returns 0 if no width fits
def widest(cardinality, limit):
    width = 0
    while count_macs(twin(cardinality, width + 4), (1, 28, 28)) <= limit:
        width += 4
    return width


# %% resnext-double-budget · doubles the width in every step
def widest(cardinality, limit):
    width = 4
    if count_macs(twin(cardinality, width), (1, 28, 28)) > limit:
        raise ValueError(f"no twin with {cardinality} paths takes {limit} MACs or fewer")
    while count_macs(twin(cardinality, 2 * width), (1, 28, 28)) <= limit:
        width *= 2
    return width
