# %% inception-weights-saved · hard-coded
def saved(kernel, parts):
    if len(parts) == 3:
        return 0.4
    return {(5, 5): 0.28, (7, 7): 5 / 7}[kernel]


# %% inception-weights-saved · takes the replaced kernel for square
def saved(kernel, parts):
    return 1 - sum(h * w for h, w in parts) / kernel[0] ** 2


# %% inception-weights-saved · gives the share that is left
def saved(kernel, parts):
    height, width = kernel
    return sum(h * w for h, w in parts) / (height * width)


# %% inception-weights-saved · divides by the weights of the parts
def saved(kernel, parts):
    after = sum(h * w for h, w in parts)
    return (kernel[0] * kernel[1] - after) / after


# %% inception-one-convolution · hard-coded
def fold(conv, norm):
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    one = nn.Conv2d(3, 8, (1, 7), stride=2, padding=(0, 3))
    one.weight.data = conv.weight.data * scale.data[:, None, None, None]
    one.bias.data = (norm.bias - norm.running_mean * scale).data
    return one


# %% inception-one-convolution · calls both in place of weights of its own
def fold(conv, norm):
    one = copy.deepcopy(conv)
    one.bias = nn.Parameter(torch.zeros(conv.out_channels))
    one.forward = lambda x: norm(conv(x))
    return one


# %% inception-one-convolution · forgets epsilon
def fold(conv, norm):
    scale = norm.weight / norm.running_var.sqrt()
    one = copy.deepcopy(conv)
    one.weight.data = conv.weight.data * scale.data[:, None, None, None]
    one.bias = nn.Parameter((norm.bias - norm.running_mean * scale).data)
    return one


# %% inception-one-convolution · does not scale the mean
def fold(conv, norm):
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    one = copy.deepcopy(conv)
    one.weight.data = conv.weight.data * scale.data[:, None, None, None]
    one.bias = nn.Parameter((norm.bias - norm.running_mean).data)
    return one


# %% inception-one-convolution · changes conv in place
def fold(conv, norm):
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    conv.weight.data *= scale.data[:, None, None, None]
    conv.bias = nn.Parameter((norm.bias - norm.running_mean * scale).data)
    return conv


# %% inception-unpadded-sizes · hard-coded
def needs_padding(rows, sizes):
    known = {(28, 14): [0], (35, 17, 17): [], (28, 14, 12): [1]}
    return known.get(tuple(sizes), [2, 6])


# %% inception-unpadded-sizes · divides by the stride without rounding down
def needs_padding(rows, sizes):
    found = []
    for i, ((kernel, stride), before, after) in enumerate(zip(rows, sizes, sizes[1:])):
        if (before - kernel) / stride + 1 != after:
            found.append(i)
    return found


# %% inception-unpadded-sizes · looks only for rows that keep the size
def needs_padding(rows, sizes):
    found = []
    for i, ((kernel, stride), before, after) in enumerate(zip(rows, sizes, sizes[1:])):
        if kernel > 1 and before == after:
            found.append(i)
    return found


# %% inception-unpadded-sizes · goes on with its own sizes instead of the printed ones
def needs_padding(rows, sizes):
    found, size = [], sizes[0]
    for i, ((kernel, stride), after) in enumerate(zip(rows, sizes[1:])):
        size = (size - kernel) // stride + 1
        if size != after:
            found.append(i)
    return found


# %% inception-unpadded-sizes · counts the rows from 1
def needs_padding(rows, sizes):
    found = []
    for i, (kernel, stride) in enumerate(rows, start=1):
        if (sizes[i - 1] - kernel) // stride + 1 != sizes[i]:
            found.append(i)
    return found


# %% inception-prior-gap · hard-coded
def best_logits(label, prior, epsilon):
    if len(prior) == 3:
        z = torch.tensor([0.9, 0.06, 0.04]).log()
    else:
        z = best_gap(10, 0.1) * F.one_hot(torch.tensor(3), 10).float()
    return z - z.mean()


# %% inception-prior-gap · changes its argument prior
def best_logits(label, prior, epsilon):
    q = prior.mul_(epsilon)
    q[label] += 1 - epsilon
    z = q.log()
    return z - z.mean()


# %% inception-prior-gap · forgets the mean of 0
def best_logits(label, prior, epsilon):
    q = epsilon * prior
    q[label] += 1 - epsilon
    return q.log()


# %% inception-prior-gap · the label gets 1 − ε without its share of the prior
def best_logits(label, prior, epsilon):
    q = epsilon * prior
    q[label] = 1 - epsilon
    z = q.log()
    return z - z.mean()


# %% inception-prior-gap · log-odds, as if each class had its own sigmoid
def best_logits(label, prior, epsilon):
    q = epsilon * prior
    q[label] += 1 - epsilon
    z = q.log() - (1 - q).log()
    return z - z.mean()


# %% inception-split-kernel · hard-coded
def split(conv, middle):
    matrix = conv.weight.detach().transpose(1, 2).reshape(35, 21)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    root = s[:middle].sqrt()
    row = nn.Conv2d(3, middle, (1, 7), padding=(0, 3), bias=False)
    column = nn.Conv2d(middle, 5, (7, 1), padding=(3, 0), bias=False)
    row.weight.data = (root[:, None] * v[:middle]).view(middle, 3, 1, 7)
    columns = (u[:, :middle] * root).view(5, 7, middle)
    column.weight.data = columns.transpose(1, 2)[..., None].contiguous()
    return nn.Sequential(row, column)


# %% inception-split-kernel · leaves a bias, of zeros, in both convolutions
def split(conv, middle):
    k, inputs, outputs = conv.kernel_size[0], conv.in_channels, conv.out_channels
    matrix = conv.weight.detach().transpose(1, 2).reshape(outputs * k, inputs * k)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    root = s[:middle].sqrt()
    row = nn.Conv2d(inputs, middle, (1, k), padding=(0, k // 2))
    column = nn.Conv2d(middle, outputs, (k, 1), padding=(k // 2, 0))
    nn.init.zeros_(row.bias)
    nn.init.zeros_(column.bias)
    row.weight.data = (root[:, None] * v[:middle]).view(middle, inputs, 1, k)
    columns = (u[:, :middle] * root).view(outputs, k, middle)
    column.weight.data = columns.transpose(1, 2)[..., None].contiguous()
    return nn.Sequential(row, column)


# %% inception-split-kernel · the whole singular values in both factors
def split(conv, middle):
    k, inputs, outputs = conv.kernel_size[0], conv.in_channels, conv.out_channels
    matrix = conv.weight.detach().transpose(1, 2).reshape(outputs * k, inputs * k)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    row = nn.Conv2d(inputs, middle, (1, k), padding=(0, k // 2), bias=False)
    column = nn.Conv2d(middle, outputs, (k, 1), padding=(k // 2, 0), bias=False)
    row.weight.data = (s[:middle, None] * v[:middle]).view(middle, inputs, 1, k)
    columns = (u[:, :middle] * s[:middle]).view(outputs, k, middle)
    column.weight.data = columns.transpose(1, 2)[..., None].contiguous()
    return nn.Sequential(row, column)


# %% inception-split-kernel · does not bring a kernel's rows next to the outputs
def split(conv, middle):
    k, inputs, outputs = conv.kernel_size[0], conv.in_channels, conv.out_channels
    matrix = conv.weight.detach().reshape(outputs * k, inputs * k)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    root = s[:middle].sqrt()
    row = nn.Conv2d(inputs, middle, (1, k), padding=(0, k // 2), bias=False)
    column = nn.Conv2d(middle, outputs, (k, 1), padding=(k // 2, 0), bias=False)
    row.weight.data = (root[:, None] * v[:middle]).view(middle, inputs, 1, k)
    columns = (u[:, :middle] * root).view(outputs, k, middle)
    column.weight.data = columns.transpose(1, 2)[..., None].contiguous()
    return nn.Sequential(row, column)


# %% inception-split-kernel · keeps the smallest singular values
def split(conv, middle):
    k, inputs, outputs = conv.kernel_size[0], conv.in_channels, conv.out_channels
    matrix = conv.weight.detach().transpose(1, 2).reshape(outputs * k, inputs * k)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    root = s[-middle:].sqrt()
    row = nn.Conv2d(inputs, middle, (1, k), padding=(0, k // 2), bias=False)
    column = nn.Conv2d(middle, outputs, (k, 1), padding=(k // 2, 0), bias=False)
    row.weight.data = (root[:, None] * v[-middle:]).view(middle, inputs, 1, k)
    columns = (u[:, -middle:] * root).view(outputs, k, middle)
    column.weight.data = columns.transpose(1, 2)[..., None].contiguous()
    return nn.Sequential(row, column)
