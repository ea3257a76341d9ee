# %% topology-is-chain · hard-coded
def is_chain(reads):
    return reads == {"input": [], "L1": ["input"], "L2": ["L1"]}


# %% topology-is-chain · forgets that only one node may read none
def is_chain(reads):
    read = [n for before in reads.values() for n in before]
    return all(len(before) <= 1 for before in reads.values()) and len(read) == len(set(read))


# %% topology-is-chain · takes two reads of the same node for one
def is_chain(reads):
    read = [n for before in reads.values() for n in set(before)]
    starts = [node for node, before in reads.items() if not before]
    single = all(len(set(before)) <= 1 for before in reads.values())
    return len(starts) == 1 and single and len(read) == len(set(read))


# %% topology-is-chain · looks at what the nodes read, not at who reads them
def is_chain(reads):
    return sorted(len(before) for before in reads.values()) == [0] + [1] * (len(reads) - 1)


# %% topology-wrap · hard-coded
class Add(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return x + self.branches[1](x)


# %% topology-wrap · gives each branch the sum so far instead of the input
class Add(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        total = self.branches[0](x)
        for branch in self.branches[1:]:
            total = total + branch(total)
        return total


# %% topology-wrap · changes its input in place
class Add(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        total = self.branches[0](x)
        for branch in self.branches[1:]:
            total += branch(x)
        return total


# %% topology-wrap · keeps the branches in a list
class Add(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = branches

    def forward(self, x):
        return sum(branch(x) for branch in self.branches)


# %% topology-order · hard-coded
def computing_order(reads):
    if "sum" not in reads:
        raise ValueError("a cycle")
    return ["input", "L1", "sum"]


# %% topology-order · finds a cycle only where no node can be the first
def computing_order(reads):
    if all(reads.values()):
        raise ValueError("a cycle")
    order = []
    for _ in reads:
        for node, before in reads.items():
            if node not in order and set(before) <= set(order):
                order.append(node)
    return order


# %% topology-order · sorts by the number of nodes read
def computing_order(reads):
    order = sorted(reads, key=lambda node: len(reads[node]))
    for i, node in enumerate(order):
        if not set(reads[node]) <= set(order[:i]):
            raise ValueError("a cycle")
    return order


# %% topology-order · recurses without end in a cycle
def computing_order(reads):
    order = []

    def add(node):
        for before in reads[node]:
            add(before)
        if node not in order:
            order.append(node)

    for node in reads:
        add(node)
    return order


# %% topology-backward · hard-coded
def gradient(W, v):
    torch.manual_seed(0)
    W, v = torch.randn(3, 3), torch.randn(9)
    G_b = v[:3] + v[6:]
    return W.T @ G_b + G_b + v[3:6]


# %% topology-backward · forgets to transpose
def gradient(W, v):
    first, second, third = v.chunk(3)
    G_b = first + third
    return W @ G_b + G_b + second


# %% topology-backward · changes v in place
def gradient(W, v):
    G_b, second, third = v.chunk(3)
    G_b += third
    return W.T @ G_b + G_b + second


# %% topology-backward · uses autograd, which the text forbids
def gradient(W, v):
    x = torch.zeros(W.shape[0], requires_grad=True)
    b = W @ x + x
    return torch.autograd.grad(v @ torch.cat([b, x, b]), x)[0]


# %% topology-interpreter · hard-coded
class Graph(nn.Module):
    def __init__(self, steps):
        super().__init__()
        modules = [operation for _, operation, _ in steps if isinstance(operation, nn.Module)]
        self.layers = nn.Sequential(*modules)

    def forward(self, x):
        return x + self.layers(x)


# %% topology-interpreter · notices an unknown name only in the forward pass
class Graph(nn.Module):
    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self.layers = nn.ModuleList(s[1] for s in steps if isinstance(s[1], nn.Module))

    def forward(self, x):
        tensors = {"input": x}
        for name, operation, reads in self.steps:
            if not set(reads) <= set(tensors):
                raise ValueError(f"step {name!r} reads an unknown name")
            inputs = [tensors[n] for n in reads]
            if isinstance(operation, nn.Module):
                tensors[name] = operation(inputs[0])
            elif operation == "add":
                tensors[name] = torch.stack(inputs).sum(0)
            else:
                tensors[name] = torch.cat(inputs, dim=1)
        return tensors[name]


# %% topology-interpreter · adds a tensor that is read twice once
class Graph(nn.Module):
    def __init__(self, steps):
        super().__init__()
        self.steps, known = steps, {"input"}
        self.layers = nn.ModuleList(s[1] for s in steps if isinstance(s[1], nn.Module))
        for name, _, reads in steps:
            if not set(reads) <= known:
                raise ValueError(f"step {name!r} reads an unknown name")
            known.add(name)

    def forward(self, x):
        tensors = {"input": x}
        for name, operation, reads in self.steps:
            inputs = {n: tensors[n] for n in reads}.values()
            if isinstance(operation, nn.Module):
                tensors[name] = operation(*inputs)
            elif operation == "add":
                tensors[name] = sum(inputs)
            else:
                tensors[name] = torch.cat(list(inputs), dim=1)
        return tensors[name]


# %% topology-interpreter · adds in place
class Graph(nn.Module):
    def __init__(self, steps):
        super().__init__()
        self.steps, known = steps, {"input"}
        self.layers = nn.ModuleList(s[1] for s in steps if isinstance(s[1], nn.Module))
        for name, _, reads in steps:
            if not set(reads) <= known:
                raise ValueError(f"step {name!r} reads an unknown name")
            known.add(name)

    def forward(self, x):
        tensors = {"input": x}
        for name, operation, reads in self.steps:
            inputs = [tensors[n] for n in reads]
            if isinstance(operation, nn.Module):
                tensors[name] = operation(inputs[0])
            elif operation == "add":
                for other in inputs[1:]:
                    inputs[0] += other
                tensors[name] = inputs[0]
            else:
                tensors[name] = torch.cat(inputs, dim=1)
        return tensors[name]
