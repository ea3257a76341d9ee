# %% counting-vgg · hard-coded
def vgg_depth(configuration):
    return 11


# %% counting-vgg · takes five pooling layers for granted
def vgg_depth(configuration):
    return len(configuration) - 5 + 3


# %% counting-vgg · forgets the fully connected layers
def vgg_depth(configuration):
    return sum(entry != "M" for entry in configuration)


# %% counting-densenet · hard-coded
def densenet_depth(blocks, bottleneck=True):
    return {(6, 12, 24, 16): 121, (6, 12, 32, 32): 169}[blocks]


# %% counting-densenet · forgets that there are layers without bottleneck
def densenet_depth(blocks, bottleneck=True):
    return 1 + 2 * sum(blocks) + len(blocks) - 1 + 1


# %% counting-densenet · takes three transitions for granted
def densenet_depth(blocks, bottleneck=True):
    return 1 + (2 if bottleneck else 1) * sum(blocks) + 3 + 1


# %% counting-densenet · puts a transition behind the last block, too
def densenet_depth(blocks, bottleneck=True):
    return 1 + (2 if bottleneck else 1) * sum(blocks) + len(blocks) + 1


# %% counting-dag · hard-coded
def longest(reads, weighted):
    return 3 if "sum" in weighted else 2


# %% counting-dag · takes the longest path that ends anywhere
def longest(reads, weighted):
    length = {}
    for node, before in reads.items():
        start = max((length[n] for n in before), default=0)
        length[node] = start + (node in weighted)
    return max(length.values())


# %% counting-dag · adds up all branches
def longest(reads, weighted):
    length = {}
    for node, before in reads.items():
        length[node] = sum(length[n] for n in before) + (node in weighted)
    return length[node]


# %% counting-dag · follows the first of the nodes that are read
def longest(reads, weighted):
    node = list(reads)[-1]
    count = node in weighted
    while reads[node]:
        node = reads[node][0]
        count += node in weighted
    return int(count)


# %% counting-which · hard-coded
def path_layers(model, input_size):
    names = [name for name, module in model.named_modules() if is_weighted(module)]
    return [name for name in names if "downsample" not in name]


# %% counting-which · follows the first of the tensors that a node reads
def path_layers(model, input_size):
    graph = trace(model, input_size)
    node, found = list(graph.graph.nodes)[-1], []
    while node.all_input_nodes:
        node = node.all_input_nodes[0]
        if node.op == "call_module" and is_weighted(graph.get_submodule(node.target)):
            found.append(node.target)
    return found[::-1]


# %% counting-which · looks for the path with the most nodes, weighted or not
def path_layers(model, input_size):
    graph = trace(model, input_size)
    paths = {}
    for node in graph.graph.nodes:
        before = max((paths[n] for n in node.all_input_nodes), key=len, default=[])
        paths[node] = [*before, node]
    calls = [n for n in paths[node] if n.op == "call_module"]
    return [n.target for n in calls if is_weighted(graph.get_submodule(n.target))]


# %% counting-which · walks back from the output and leaves that order
def path_layers(model, input_size):
    graph = trace(model, input_size)
    paths = {}
    for node in graph.graph.nodes:
        before = max((paths[n] for n in node.all_input_nodes), key=len, default=[])
        is_module = node.op == "call_module"
        module = graph.get_submodule(node.target) if is_module else None
        paths[node] = [node.target, *before] if weighted(module, node) else before
    return paths[node]
