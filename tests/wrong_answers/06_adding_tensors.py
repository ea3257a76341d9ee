# %% adding-strict · hard-coded
def strict_add(*tensors):
    if tensors[0].shape == (8, 1):
        raise ValueError("shapes (8, 1) and (8, 4) differ")
    return sum(tensors)


# %% adding-strict · adds to the first tensor in place
def strict_add(*tensors):
    total = tensors[0]
    for tensor in tensors[1:]:
        if tensor.shape != total.shape:
            raise ValueError(f"{tuple(total.shape)} and {tuple(tensor.shape)} differ")
        total += tensor
    return total


# %% adding-strict · compares the first two shapes only
def strict_add(*tensors):
    if len(tensors) > 1:
        one, two = tuple(tensors[0].shape), tuple(tensors[1].shape)
        if one != two:
            raise ValueError(f"shapes {one} and {two} differ")
    return sum(tensors)


# %% adding-strict · compares the shape of the running sum after it has been broadcast
def strict_add(*tensors):
    total = tensors[0]
    for tensor in tensors[1:]:
        total, before = total + tensor, total
        if total.shape != before.shape:
            raise ValueError(f"{tuple(before.shape)} and {tuple(tensor.shape)} differ")
    return total


# %% adding-strict · writes the shapes as torch.Size
def strict_add(*tensors):
    for tensor in tensors:
        if tensor.shape != tensors[0].shape:
            raise ValueError(f"shapes {tensors[0].shape} and {tensor.shape} differ")
    return sum(tensors)


# %% adding-residual-gradient · hard-coded
def input_gradient(weight, G):
    if len(G) == 5:
        return G + weight.T @ G
    return weight @ G


# %% adding-residual-gradient · does not transpose the matrix
def input_gradient(weight, G):
    return G + weight @ G


# %% adding-residual-gradient · forgets the shortcut
def input_gradient(weight, G):
    return weight.T @ G


# %% adding-residual-gradient · adds 1 to every weight instead of the identity
def input_gradient(weight, G):
    return (1 + weight).T @ G


# %% adding-residual-gradient · uses autograd, which the text excludes
def input_gradient(weight, G):
    with torch.enable_grad():
        x = torch.zeros_like(G).requires_grad_()
        (gradient,) = torch.autograd.grad(x + weight @ x, x, G)
    return gradient


# %% adding-padded · hard-coded
def add_padded(x, y):
    total = torch.ones(2, 3, 4, 4)
    total[:, 0] = 2
    return total


# %% adding-padded · does not compare the other axes
def add_padded(x, y):
    small, large = sorted((x, y), key=lambda tensor: tensor.shape[1])
    missing = large.shape[1] - small.shape[1]
    return large + nn.functional.pad(small, (0, 0, 0, 0, 0, missing))


# %% adding-padded · compares the height and width, but not the number of images
def add_padded(x, y):
    if x.shape[2:] != y.shape[2:]:
        raise ValueError(f"{tuple(x.shape)} and {tuple(y.shape)} differ beyond channels")
    small, large = sorted((x, y), key=lambda tensor: tensor.shape[1])
    missing = large.shape[1] - small.shape[1]
    return large + nn.functional.pad(small, (0, 0, 0, 0, 0, missing))


# %% adding-padded · fills up at the front
def add_padded(x, y):
    if x.shape[0] != y.shape[0] or x.shape[2:] != y.shape[2:]:
        raise ValueError(f"{tuple(x.shape)} and {tuple(y.shape)} differ beyond channels")
    small, large = sorted((x, y), key=lambda tensor: tensor.shape[1])
    missing = large.shape[1] - small.shape[1]
    return large + nn.functional.pad(small, (0, 0, 0, 0, missing, 0))


# %% adding-padded · adds into the larger tensor in place
def add_padded(x, y):
    if x.shape[0] != y.shape[0] or x.shape[2:] != y.shape[2:]:
        raise ValueError(f"{tuple(x.shape)} and {tuple(y.shape)} differ beyond channels")
    small, large = sorted((x, y), key=lambda tensor: tensor.shape[1])
    large[:, : small.shape[1]] += small
    return large


# %% adding-padded · takes x for the smaller one
def add_padded(x, y):
    if x.shape[0] != y.shape[0] or x.shape[2:] != y.shape[2:]:
        raise ValueError(f"{tuple(x.shape)} and {tuple(y.shape)} differ beyond channels")
    total = y.clone()
    total[:, : x.shape[1]] += x[:, : y.shape[1]]
    return total


# %% adding-where-it-broadcasts · hard-coded
def broadcast_additions(model, input_size):
    careless = isinstance(model, CarelessBlock)
    return ["add"] if careless and model.conv.in_channels == 1 else []


# %% adding-where-it-broadcasts · forgets += and torch.add
def broadcast_additions(model, input_size):
    found = []
    for node in trace(model, input_size).graph.nodes:
        if node.target is operator.add:
            shapes = {n.meta["tensor_meta"].shape for n in node.all_input_nodes}
            if len(shapes) > 1:
                found.append(node.name)
    return found


# %% adding-where-it-broadcasts · compares the result with the first summand only
def broadcast_additions(model, input_size):
    found = []
    for node in trace(model, input_size).graph.nodes:
        if node.target in (operator.add, operator.iadd, torch.add):
            first = node.all_input_nodes[0]
            if node.meta["tensor_meta"].shape != first.meta["tensor_meta"].shape:
                found.append(node.name)
    return found


# %% adding-where-it-broadcasts · reports every operation that broadcasts
def broadcast_additions(model, input_size):
    found = []
    for node in trace(model, input_size).graph.nodes:
        shapes = {n.meta["tensor_meta"].shape for n in node.all_input_nodes}
        if len(shapes) > 1:
            found.append(node.name)
    return found


# %% adding-where-it-broadcasts · takes the addition of a number for a broadcast
def broadcast_additions(model, input_size):
    found = []
    for node in trace(model, input_size).graph.nodes:
        if node.target in (operator.add, operator.iadd, torch.add):
            shapes = [getattr(a, "meta", {}).get("tensor_meta") for a in node.args]
            if len({shape and shape.shape for shape in shapes}) > 1:
                found.append(node.name)
    return found
