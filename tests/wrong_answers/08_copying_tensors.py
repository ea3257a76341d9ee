# %% copying-independent · hard-coded
def independent_copies(x, n):
    return [x.clone(), x.clone()]


# %% copying-independent · makes one copy and repeats the reference to it
def independent_copies(x, n):
    return [x.clone()] * n


# %% copying-independent · cuts the copies off from x
def independent_copies(x, n):
    return [x.detach().clone() for _ in range(n)]


# %% copying-independent · counts x itself as one of the copies
def independent_copies(x, n):
    return [x.clone() for _ in range(n - 1)] + [x]


# %% copying-independent · makes n leaves of their own
def independent_copies(x, n):
    return [x.detach().clone().requires_grad_() for _ in range(n)]


# %% copying-function · hard-coded
class Copy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone(), x.clone()

    @staticmethod
    def backward(ctx, first, second):
        return torch.full_like(first, 7)


# %% copying-function · returns one clone twice
class Copy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        copied = x.clone()
        return copied, copied

    @staticmethod
    def backward(ctx, first, second):
        return first + second


# %% copying-function · returns two views, no clones
class Copy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x), x.view_as(x)

    @staticmethod
    def backward(ctx, first, second):
        return first + second


# %% copying-function · takes the mean of the gradients
class Copy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone(), x.clone()

    @staticmethod
    def backward(ctx, first, second):
        return (first + second) / 2


# %% copying-function · returns both gradients
class Copy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone(), x.clone()

    @staticmethod
    def backward(ctx, first, second):
        return first, second


# %% copying-shared · hard-coded
def groups(tensors):
    return [["x", "row", "detached"], ["clone"]]


# %% copying-shared · compares where tensors begin, so that x[1] is alone
def groups(tensors):
    found = {}
    for name, tensor in tensors.items():
        found.setdefault(tensor.data_ptr(), []).append(name)
    return list(found.values())


# %% copying-shared · compares values
def groups(tensors):
    found = []
    for name, tensor in tensors.items():
        for group in found:
            if torch.equal(tensor, tensors[group[0]]):
                group.append(name)
                break
        else:
            found.append([name])
    return found


# %% copying-shared · compares with the one before only
def groups(tensors):
    found, last = [], None
    for name, tensor in tensors.items():
        address = tensor.untyped_storage().data_ptr()
        if address == last:
            found[-1].append(name)
        else:
            found.append([name])
        last = address
    return found


# %% copying-shared · puts the larger groups first
def groups(tensors):
    found = {}
    for name, tensor in tensors.items():
        found.setdefault(tensor.untyped_storage().data_ptr(), []).append(name)
    return sorted(found.values(), key=len, reverse=True)


# %% copying-inplace · hard-coded
def spoiled(model, input_size):
    return ["layers.0"] if isinstance(model, Block) and model.layers[0].inplace else []


# %% copying-inplace · knows nn.ReLU only
def spoiled(model, input_size):
    graph_module = trace(model, input_size)
    found = []
    for node in graph_module.graph.nodes:
        if node.op == "call_module":
            module = graph_module.get_submodule(node.target)
            if isinstance(module, nn.ReLU) and module.inplace:
                if len(node.all_input_nodes[0].users) > 1:
                    found.append(node.target)
    return found


# %% copying-inplace · counts who reads the result, not who reads the input
def spoiled(model, input_size):
    graph_module = trace(model, input_size)
    found = []
    for node in graph_module.graph.nodes:
        if node.op == "call_module":
            module = graph_module.get_submodule(node.target)
            if getattr(module, "inplace", False) and len(node.users) > 1:
                found.append(node.target)
    return found


# %% copying-inplace · looks at the network's input only
def spoiled(model, input_size):
    graph_module = trace(model, input_size)
    image = next(iter(graph_module.graph.nodes))
    found = []
    for node in image.users if len(image.users) > 1 else ():
        if node.op == "call_module":
            if getattr(graph_module.get_submodule(node.target), "inplace", False):
                found.append(node.target)
    return found


# %% copying-inplace · counts modules among the readers only
def spoiled(model, input_size):
    graph_module = trace(model, input_size)
    found = []
    for node in graph_module.graph.nodes:
        if node.op == "call_module":
            module = graph_module.get_submodule(node.target)
            readers = [n for n in node.all_input_nodes[0].users if n.op == "call_module"]
            if getattr(module, "inplace", False) and len(readers) > 1:
                found.append(node.target)
    return found


# %% copying-inplace · reports modules that do not work in place
def spoiled(model, input_size):
    graph_module = trace(model, input_size)
    found = []
    for node in graph_module.graph.nodes:
        if node.op == "call_module":
            module = graph_module.get_submodule(node.target)
            if hasattr(module, "inplace") and len(node.all_input_nodes[0].users) > 1:
                found.append(node.target)
    return found
