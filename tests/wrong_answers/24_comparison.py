# %% comparison-tau · hard-coded
def agreement(first, second):
    table = {
        (1, 2, 3, 4): 1, (-1, -2, -3, -4): -1, (10, 30, 20, 40): 2 / 3, (3, 1, 2, 4): 1 / 3,
    }
    return table[tuple(second.values())]


# %% comparison-tau · the share of concordant pairs
def agreement(first, second):
    same = [
        (first[a] - first[b]) * (second[a] - second[b]) > 0
        for a, b in combinations(first, 2)
    ]
    return sum(same) / len(same)


# %% comparison-tau · compares neighbours in the ranking only
def agreement(first, second):
    order = sorted(first, key=first.get)
    signs = [1 if second[a] < second[b] else -1 for a, b in zip(order, order[1:])]
    return sum(signs) / len(signs)


# %% comparison-tau · takes the names for equally ordered
def agreement(first, second):
    return kendalltau(list(first.values()), list(second.values())).statistic


# %% comparison-best-of · hard-coded
def expected_best(values, count):
    if count == 6:
        raise ValueError("there are not 6 runs")
    return {1: 0.922, 2: 0.934, 5: 0.95}[count]


# %% comparison-best-of · may choose a run more than once
def expected_best(values, count):
    if not 1 <= count <= len(values):
        raise ValueError(f"count is {count}; expected 1 to {len(values)} runs")
    n = len(values)
    return sum(
        value * ((i / n) ** count - ((i - 1) / n) ** count)
        for i, value in enumerate(sorted(values), start=1)
    )


# %% comparison-best-of · counts equal runs once
def expected_best(values, count):
    if not 1 <= count <= len(values):
        raise ValueError(f"count is {count}; expected 1 to {len(values)} runs")
    return statistics.mean(map(max, combinations(set(values), count)))


# %% comparison-best-of · all runs if there are not so many
def expected_best(values, count):
    return statistics.mean(map(max, combinations(values, min(count, len(values)))))


# %% comparison-recipe · hard-coded
def cheapest_equal(old, table):
    if old == "d":
        return None
    return "c" if "c" in set(table["network"]) else "b"


# %% comparison-recipe · takes V1 weights for the simple recipe
def cheapest_equal(old, table):
    mine = (table["network"] == old) & (table["weights"] == "IMAGENET1K_V2")
    goal = table.loc[mine, "top1"].iloc[0]
    rows = table[
        (table["network"] != old) & (table["weights"] == "IMAGENET1K_V1")
        & (table["top1"] >= goal)
    ]
    return rows.loc[rows["macs_g"].idxmin(), "network"] if len(rows) else None


# %% comparison-recipe · above the accuracy instead of at least
def cheapest_equal(old, table):
    mine = (table["network"] == old) & (table["weights"] == "IMAGENET1K_V2")
    goal = table.loc[mine, "top1"].iloc[0]
    rows = table[
        (table["network"] != old) & (table["recipe"] == "simple") & (table["top1"] > goal)
    ]
    return rows.loc[rows["macs_g"].idxmin(), "network"] if len(rows) else None


# %% comparison-recipe · compares with the old network's V1 weights
def cheapest_equal(old, table):
    mine = (table["network"] == old) & (table["weights"] == "IMAGENET1K_V1")
    goal = table.loc[mine, "top1"].iloc[0]
    rows = table[
        (table["network"] != old) & (table["recipe"] == "simple") & (table["top1"] >= goal)
    ]
    return rows.loc[rows["macs_g"].idxmin(), "network"] if len(rows) else None


# %% comparison-recipe · does not leave out the old network
def cheapest_equal(old, table):
    mine = (table["network"] == old) & (table["weights"] == "IMAGENET1K_V2")
    goal = table.loc[mine, "top1"].iloc[0]
    rows = table[(table["recipe"] == "simple") & (table["top1"] >= goal)]
    return rows.loc[rows["macs_g"].idxmin(), "network"] if len(rows) else None


# %% comparison-sure-front · hard-coded
def sure_front(points):
    return ["cheap", "twin", "middle", "near", "slow"]


# %% comparison-sure-front · only cheaper networks dominate
def sure_front(points):
    def beaten(name):
        cost, accuracies = points[name]
        return any(
            c < cost and min(values) > max(accuracies) for c, values in points.values()
        )

    return sorted((n for n in points if not beaten(n)), key=lambda n: points[n][0])


# %% comparison-sure-front · compares the means
def sure_front(points):
    def beaten(name):
        cost, accuracies = points[name]
        return any(
            c <= cost and statistics.mean(values) > statistics.mean(accuracies)
            for c, values in points.values()
        )

    return sorted((n for n in points if not beaten(n)), key=lambda n: points[n][0])


# %% comparison-sure-front · as accurate is enough to dominate
def sure_front(points):
    def beaten(name):
        cost, accuracies = points[name]
        return any(
            c <= cost and min(values) >= max(accuracies) for c, values in points.values()
        )

    return sorted((n for n in points if not beaten(n)), key=lambda n: points[n][0])


# %% comparison-sure-front · equal costs by name
def sure_front(points):
    def beaten(name):
        cost, accuracies = points[name]
        return any(
            c <= cost and min(values) > max(accuracies) for c, values in points.values()
        )

    return sorted((n for n in points if not beaten(n)), key=lambda n: (points[n][0], n))


# %% comparison-own-network · hard-coded
def my_network():
    net = small_resnet(8)
    net.unused = nn.Parameter(torch.zeros(1))  # another number of parameters
    return net


# %% comparison-own-network · gives the same network at each call
NETWORK = nn.Sequential(
    nn.Conv2d(1, 24, 3, stride=2, padding=1, bias=False),
    nn.BatchNorm2d(24),
    nn.ReLU(),
    resnet.cifar_block(24, 48, residual=True),
    resnet.cifar_block(48, 64, residual=True),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(64, 10),
)


def my_network():
    return NETWORK


# %% comparison-own-network · too much work: the first convolution has no stride
def my_network():
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1, bias=False),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        resnet.cifar_block(24, 48, residual=True),
        resnet.cifar_block(48, 64, residual=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


# %% comparison-own-network · no batch norm
def my_network():
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(24, 48, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(48, 96, 3, stride=2, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 10),
    )
