# %% preview-area · hard-coded
def diameter(millions):
    return {1: 4, 25: 20}[millions]


# %% preview-area · rounds to whole points
def diameter(millions):
    return round(4 * math.sqrt(millions))


# %% preview-area · puts the 4 points under the root
def diameter(millions):
    return math.sqrt(4 * millions)


# %% preview-pareto · hard-coded
def pareto_front(points):
    return [name for name in points if name in ("a", "b", "e")]


# %% preview-pareto · keeps one of two equal networks
def pareto_front(points):
    front, best = [], -math.inf
    for name in sorted(points, key=lambda n: (points[n][0], -points[n][1])):
        if points[name][1] > best:
            front.append(name)
            best = points[name][1]
    return front


# %% preview-pareto · leaves the dictionary's order
def pareto_front(points):
    def dominated(b):
        return any(a != b and a[0] <= b[0] and a[1] >= b[1] for a in points.values())

    return [name for name, point in points.items() if not dominated(point)]


# %% preview-pareto · takes for dominated only what is worse in both
def pareto_front(points):
    def dominated(b):
        return any(a[0] < b[0] and a[1] > b[1] for a in points.values())

    front = [name for name, point in points.items() if not dominated(point)]
    return sorted(front, key=points.get)


# %% preview-reversed · hard-coded
def reversed_pairs(first, second):
    return {("q", "p")}


# %% preview-reversed · takes equal for worse
def reversed_pairs(first, second):
    names = set(first) & set(second)
    return {
        (a, b) for a in names for b in names if first[a] > first[b] and second[a] <= second[b]
    }


# %% preview-reversed · compares only neighbours in the order of the first recipe
def reversed_pairs(first, second):
    names = sorted(set(first) & set(second), key=first.get, reverse=True)
    return {(a, b) for a, b in zip(names, names[1:]) if second[a] < second[b]}


# %% preview-reversed · forgets that a network may be missing
def reversed_pairs(first, second):
    return {
        (a, b) for a in first for b in first if first[a] > first[b] and second[a] < second[b]
    }


# %% preview-published · hard-coded
def one_crop_errors(quantity):
    return {"resnet50": 24.7, "densenet121": 25.02, "seresnet50": 23.29}


# %% preview-published · misses a condition that says more than one crop
def one_crop_errors(quantity):
    rows = published(quantity=quantity)
    rows = rows[rows["condition"] == "ImageNet validation, 1 crop"]
    rows = rows[rows["confidence"] == "seen"].drop_duplicates("network")
    return dict(zip(rows["network"], rows["value"]))


# %% preview-published · takes the first number of a network before it looks for one crop
def one_crop_errors(quantity):
    rows = published(quantity=quantity).drop_duplicates("network")
    rows = rows[rows["condition"].str.contains("1 crop")]
    rows = rows[rows["confidence"] == "seen"]
    return dict(zip(rows["network"], rows["value"]))


# %% preview-published · lets the last number of a network count
def one_crop_errors(quantity):
    rows = published(quantity=quantity)
    rows = rows[rows["condition"].str.contains("1 crop") & (rows["confidence"] == "seen")]
    return dict(zip(rows["network"], rows["value"]))


# %% preview-activations · hard-coded
def count_activations(model, input_size):
    return 494_184


# %% preview-activations · counts a layer that is used twice once
def count_activations(model, input_size):
    counts = {}

    def count(module, inputs, output):
        counts[module] = output[0].numel()

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    model(torch.zeros(1, *input_size, device=next(model.parameters()).device))
    for hook in hooks:
        hook.remove()
    return sum(counts.values())


# %% preview-activations · leaves its hooks on the network
def count_activations(model, input_size):
    counts = []
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(lambda m, i, output: counts.append(output.numel()))
    model(torch.zeros(1, *input_size, device=next(model.parameters()).device))
    return sum(counts)


# %% preview-activations · counts what activations and pooling output, too
def count_activations(model, input_size):
    counts = []

    def count(module, inputs, output):
        counts.append(output.numel())

    layers = [m for m in model.modules() if not list(m.children())]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    model(torch.zeros(1, *input_size, device=next(model.parameters()).device))
    for hook in hooks:
        hook.remove()
    return sum(counts)
