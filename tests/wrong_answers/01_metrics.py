# %% metrics-conv-account · hard-coded
def account(in_channels, out_channels, kernel_size, height, width, groups=1):
    return {1: (156, 117_600, 18.375), 8: (80, 1_152, 0.5)}[in_channels]


# %% metrics-conv-account · takes every grouped convolution for a depthwise one
def account(in_channels, out_channels, kernel_size, height, width, groups=1):
    weights = kernel_size**2 * (in_channels if groups == 1 else 1)
    outputs = out_channels * height * width
    return out_channels * (weights + 1), outputs * weights, outputs * 4 / 1024


# %% metrics-conv-account · takes the width to be the height
def account(in_channels, out_channels, kernel_size, height, width, groups=1):
    weights = kernel_size**2 * in_channels // groups
    outputs = out_channels * height**2
    return out_channels * (weights + 1), outputs * weights, outputs * 4 / 1024


# %% metrics-conv-account · counts the bias as a MAC
def account(in_channels, out_channels, kernel_size, height, width, groups=1):
    weights = kernel_size**2 * in_channels // groups + 1
    outputs = out_channels * height * width
    return out_channels * weights, outputs * weights, outputs * 4 / 1024


# %% metrics-training-macs · hard-coded
def training_macs(model, input_size, images, epochs):
    one_image = {(3, 224, 224): 2_072_288_640, (1, 2, 2): 3 * 18 - 12}[input_size]
    return one_image * images * epochs


# %% metrics-training-macs · subtracts the first layer once, not for each image
def training_macs(model, input_size, images, epochs):
    first = round(layer_table(model, input_size)["MACs (M)"].iloc[0] * 1e6)
    return 3 * count_macs(model, input_size) * images * epochs - first


# %% metrics-training-macs · forgets the first layer's exception
def training_macs(model, input_size, images, epochs):
    return 3 * count_macs(model, input_size) * images * epochs


# %% metrics-training-macs · takes the first layer to be the cheapest
def training_macs(model, input_size, images, epochs):
    macs = layer_table(model, input_size)["MACs (M)"] * 1e6
    first = round(macs[macs > 0].min())
    return (3 * count_macs(model, input_size) - first) * images * epochs


# %% metrics-largest-batch · hard-coded
def largest_batch(model, input_size, limit, state=1):
    for count in (100, 99, 7, 6):
        need = memory(model, input_size, count, training=True)
        if need.total + (state - 1) * need.parameters <= limit:
            return count
    return 0


# %% metrics-largest-batch · leaves plain SGD with a value for each parameter
def largest_batch(model, input_size, limit, state=1):
    two, three = (memory(model, input_size, n, training=True) for n in (2, 3))
    per_image = three.activations - two.activations
    fixed = two.total - 2 * per_image
    if state == 2:
        fixed += two.parameters
    return max(0, (limit - fixed) // per_image)


# %% metrics-largest-batch · measures once and takes activations as proportional to the batch
def largest_batch(model, input_size, limit, state=1):
    one = memory(model, input_size, 1, training=True)
    fixed = (2 + state) * one.parameters
    return max(0, (limit - fixed) // one.activations)


# %% metrics-largest-batch · searches by measuring at many batch sizes
def largest_batch(model, input_size, limit, state=1):
    def fits(count):
        need = memory(model, input_size, count, training=True)
        return need.total + (state - 1) * need.parameters <= limit

    low, high = 0, 1
    while fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


# %% metrics-median-time · hard-coded
def median_time(function, clock, warm_up=3, repeats=9):
    return 2


# %% metrics-median-time · looks at the clock in the warm-up, too
def median_time(function, clock, warm_up=3, repeats=9):
    times = []
    for _ in range(warm_up + repeats):
        start = clock()
        function()
        times.append(clock() - start)
    return statistics.median(times[warm_up:])


# %% metrics-median-time · takes the upper of two middle ones
def median_time(function, clock, warm_up=3, repeats=9):
    for _ in range(warm_up):
        function()
    times = []
    for _ in range(repeats):
        start = clock()
        function()
        times.append(clock() - start)
    return sorted(times)[repeats // 2]


# %% metrics-median-time · forgets the warm-up
def median_time(function, clock, warm_up=3, repeats=9):
    times = []
    for _ in range(repeats):
        start = clock()
        function()
        times.append(clock() - start)
    return statistics.median(times)


# %% metrics-ties · hard-coded
def strict_top_k(logits, labels, k):
    if not logits.any() or logits.isnan().all():
        return 0
    return top_k_accuracy(logits, labels, k)


# %% metrics-ties · replaces NaN by 0
def strict_top_k(logits, labels, k):
    logits = logits.nan_to_num()
    not_smaller = (logits >= logits.gather(1, labels[:, None])).sum(dim=1)
    return (not_smaller <= k).double().mean().item()


# %% metrics-ties · forgets that no comparison with NaN holds
def strict_top_k(logits, labels, k):
    not_smaller = (logits >= logits.gather(1, labels[:, None])).sum(dim=1)
    return (not_smaller <= k).double().mean().item()


# %% metrics-ties · counts the true class among the others
def strict_top_k(logits, labels, k):
    true = logits.gather(1, labels[:, None])
    not_smaller = (logits >= true).sum(dim=1)
    return ((not_smaller < k) & ~true[:, 0].isnan()).double().mean().item()


# %% metrics-paired · hard-coded
def paired_interval(a, b):
    return (0, 0) if torch.equal(a, b) else (0.0113, 0.0287)


# %% metrics-paired · divides by N instead of N - 1
def paired_interval(a, b):
    if len(a) != len(b):
        raise ValueError("not the same images")
    d = a.double() - b.double()
    half = Z * d.std(correction=0) / math.sqrt(len(d))
    return (d.mean() - half).item(), (d.mean() + half).item()


# %% metrics-paired · ignores which of the two is right
def paired_interval(a, b):
    if len(a) != len(b):
        raise ValueError("not the same images")
    d = (a != b).double()
    half = Z * d.std() / math.sqrt(len(d))
    return (d.mean() - half).item(), (d.mean() + half).item()


# %% metrics-paired · cuts the longer one instead of refusing it
def paired_interval(a, b):
    d = torch.tensor([float(x) - float(y) for x, y in zip(a, b)], dtype=torch.double)
    half = Z * d.std() / math.sqrt(len(d))
    return (d.mean() - half).item(), (d.mean() + half).item()
