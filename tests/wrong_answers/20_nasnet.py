# %% nasnet-space-size · hard-coded
def space_size(operations, combinations):
    table = {(1, 1): 4, (6, 1): 144, (1, 2): 36, (2, 5): 4**2 * 6**2 * 8**2 * 10**2 * 12**2}
    return table[operations, combinations]


# %% nasnet-space-size · one input for each combination instead of two
def space_size(operations, combinations):
    return math.prod(states * operations for states in range(2, combinations + 2))


# %% nasnet-space-size · one operation for both states of a combination
def space_size(operations, combinations):
    return math.prod(states**2 * operations for states in range(2, combinations + 2))


# %% nasnet-space-size · counts two descriptions of the same cell once
def space_size(operations, combinations):
    size = 1
    for states in range(2, combinations + 2):
        inputs = states * operations
        size *= inputs * (inputs + 1) // 2
    return size


# %% nasnet-unread · hard-coded
def unread(design):
    if design is library.NASNET_A_NORMAL:
        return (2, 3, 4, 5, 6)
    return {1: (2,), 2: (3,), 5: (4, 5, 6)}[len(design.combinations)]


# %% nasnet-unread · takes the states that the design names as outputs
def unread(design):
    return tuple(state for state in design.outputs if state > 1)


# %% nasnet-unread · looks at the first state of each combination only
def unread(design):
    read = {state for state, *_ in design.combinations}
    return tuple(s for s in range(2, len(design.combinations) + 2) if s not in read)


# %% nasnet-unread · leaves out the last combination's state
def unread(design):
    read = {state for a, _, b, _ in design.combinations for state in (a, b)}
    return tuple(s for s in range(2, len(design.combinations) + 1) if s not in read)


# %% nasnet-expected-best · hard-coded
def expected_best(accuracies, n):
    table = {
        (0.0, 1.0): 0.5, (1.0, 0.0): 0.75, (0.2, 0.5, 0.8): 0.5, (0.2, 0.5, 0.5, 0.8): 0.6125,
    }
    return table[tuple(accuracies)]


# %% nasnet-expected-best · draws without repetition
def expected_best(accuracies, n):
    return statistics.mean(max(draw) for draw in combinations(accuracies, n))


# %% nasnet-expected-best · does not sort
def expected_best(accuracies, n):
    m = len(accuracies)
    return sum(
        value * ((i / m) ** n - ((i - 1) / m) ** n)
        for i, value in enumerate(accuracies, start=1)
    )


# %% nasnet-expected-best · sorts its argument in place
def expected_best(accuracies, n):
    m = len(accuracies)
    accuracies.sort()
    return sum(
        value * ((i / m) ** n - ((i - 1) / m) ** n)
        for i, value in enumerate(accuracies, start=1)
    )


# %% nasnet-expected-best · counts equal accuracies once
def expected_best(accuracies, n):
    different = sorted(set(accuracies))
    m = len(different)
    return sum(
        value * ((i / m) ** n - ((i - 1) / m) ** n)
        for i, value in enumerate(different, start=1)
    )


# %% nasnet-mutation · hard-coded
def mutated(design, rng):
    entries = [list(combination) for combination in library.NASNET_A_NORMAL.combinations]
    i, place = divmod(rng.randrange(20), 4)
    if place % 2:
        entries[i][place] = "max 3×3" if entries[i][place] == "identity" else "identity"
    else:
        entries[i][place] = 1 - entries[i][place]
    return Design(tuple(map(tuple, entries)), library.NASNET_A_NORMAL.outputs)


# %% nasnet-mutation · leaves lists where a design has tuples
def mutated(design, rng):
    entries = [list(combination) for combination in design.combinations]
    i, place = rng.randrange(len(entries)), rng.randrange(4)
    choices = library.KNOWN if place % 2 else range(i + 2)
    entries[i][place] = rng.choice([new for new in choices if new != entries[i][place]])
    return Design(entries, design.outputs)


# %% nasnet-mutation · may draw the old value again
def mutated(design, rng):
    entries = [list(combination) for combination in design.combinations]
    i, place = rng.randrange(len(entries)), rng.randrange(4)
    entries[i][place] = rng.choice(library.KNOWN if place % 2 else range(i + 2))
    return Design(tuple(map(tuple, entries)), design.outputs)


# %% nasnet-mutation · only the small search's operations
def mutated(design, rng):
    entries = [list(combination) for combination in design.combinations]
    i, place = rng.randrange(len(entries)), rng.randrange(4)
    choices = OPERATIONS if place % 2 else range(i + 2)
    entries[i][place] = rng.choice([new for new in choices if new != entries[i][place]])
    return Design(tuple(map(tuple, entries)), design.outputs)


# %% nasnet-mutation · only the cell's two inputs as new states
def mutated(design, rng):
    entries = [list(combination) for combination in design.combinations]
    i, place = rng.randrange(len(entries)), rng.randrange(4)
    choices = library.KNOWN if place % 2 else (0, 1)
    entries[i][place] = rng.choice([new for new in choices if new != entries[i][place]])
    return Design(tuple(map(tuple, entries)), design.outputs)


# %% nasnet-mutation · all changes with equal chance, not all entries
def mutated(design, rng):
    changes = [
        (i, place, new)
        for i, combination in enumerate(design.combinations)
        for place, old in enumerate(combination)
        for new in (library.KNOWN if place % 2 else range(i + 2)) if new != old
    ]
    i, place, new = rng.choice(changes)
    entries = [list(combination) for combination in design.combinations]
    entries[i][place] = new
    return Design(tuple(map(tuple, entries)), design.outputs)


# %% nasnet-drop-path · hard-coded
class DropPath(nn.Module):
    def __init__(self, final):
        super().__init__()
        self.final, self.progress = final, 0.0

    def forward(self, x):
        if not self.training or self.progress == 0:
            return x
        kept = torch.arange(len(x))[:, None, None, None] % 4 > 0
        return x * kept / 0.75


def add_drop_path(net, final):
    drops = []
    for cell, places, share in zip(net.cells, ((1, 2), (0, 1, 2, 3), (1, 2)), (0.1, 0.2, 0.3)):
        for j in places:
            drops.append(DropPath(share))
            cell.operations[j] = nn.Sequential(cell.operations[j], drops[-1])
    return drops


# %% nasnet-drop-path · does not scale up what is kept
class DropPath(nn.Module):
    def __init__(self, final):
        super().__init__()
        self.final, self.progress = final, 0.0

    def forward(self, x):
        if not self.training:
            return x
        kept = torch.empty(len(x), 1, 1, 1, device=x.device)
        return x * kept.bernoulli_(1 - self.final * self.progress)


def add_drop_path(net, final):
    drops = []
    for i, cell in enumerate(net.cells, start=1):
        for j, module in enumerate(cell.operations):
            if not isinstance(module, nn.Identity):
                drops.append(DropPath(final * i / len(net.cells)))
                cell.operations[j] = nn.Sequential(module, drops[-1])
    return drops


# %% nasnet-drop-path · one draw for the whole batch
class DropPath(nn.Module):
    def __init__(self, final):
        super().__init__()
        self.final, self.progress = final, 0.0

    def forward(self, x):
        p = self.final * self.progress
        if not self.training or p == 0:
            return x
        return x * (torch.rand(1, device=x.device) >= p) / (1 - p)


def add_drop_path(net, final):
    drops = []
    for i, cell in enumerate(net.cells, start=1):
        for j, module in enumerate(cell.operations):
            if not isinstance(module, nn.Identity):
                drops.append(DropPath(final * i / len(net.cells)))
                cell.operations[j] = nn.Sequential(module, drops[-1])
    return drops


# %% nasnet-drop-path · goes by the operation's name, though with stride 2 it is a convolution
class DropPath(nn.Module):
    def __init__(self, final):
        super().__init__()
        self.final, self.progress = final, 0.0

    def forward(self, x):
        p = self.final * self.progress
        if not self.training or p == 0:
            return x
        kept = torch.empty(len(x), 1, 1, 1, device=x.device).bernoulli_(1 - p)
        return x * kept / (1 - p)


def add_drop_path(net, final):
    drops = []
    for i, cell in enumerate(net.cells, start=1):
        names = [name for _, a, _, b in cell.design.combinations for name in (a, b)]
        for j, name in enumerate(names):
            if name != "identity":
                drops.append(DropPath(final * i / len(net.cells)))
                cell.operations[j] = nn.Sequential(cell.operations[j], drops[-1])
    return drops


# %% nasnet-drop-path · counts the cells from zero
class DropPath(nn.Module):
    def __init__(self, final):
        super().__init__()
        self.final, self.progress = final, 0.0

    def forward(self, x):
        p = self.final * self.progress
        if not self.training or p == 0:
            return x
        kept = torch.empty(len(x), 1, 1, 1, device=x.device).bernoulli_(1 - p)
        return x * kept / (1 - p)


def add_drop_path(net, final):
    drops = []
    for i, cell in enumerate(net.cells):
        for j, module in enumerate(cell.operations):
            if not isinstance(module, nn.Identity):
                drops.append(DropPath(final * i / len(net.cells)))
                cell.operations[j] = nn.Sequential(module, drops[-1])
    return drops
