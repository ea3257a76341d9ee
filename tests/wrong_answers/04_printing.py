# %% printing-size · hard-coded
def output_size(size, kernel_size, stride, padding):
    return {224: 55, 55: 27}[size]


# %% printing-size · rounds to the nearest number instead of down
def output_size(size, kernel_size, stride, padding):
    return round((size + 2 * padding - kernel_size) / stride) + 1


# %% printing-size · pads one side only
def output_size(size, kernel_size, stride, padding):
    return (size + padding - kernel_size) // stride + 1


# %% printing-prepare · hard-coded
def prepare(image, mean, std):
    return torch.tensor([[[-1.0, 1.0]], [[-1.0, 3.0]], [[0.0, 1.0]]])


# %% printing-prepare · divides without a remainder
def prepare(image, mean, std):
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (mean, std))
    return (image // 255 - mean) / std


# %% printing-prepare · changes the given image if that holds floats
def prepare(image, mean, std):
    image = image.float()
    image /= 255
    image -= torch.tensor(mean).view(3, 1, 1)
    image /= torch.tensor(std).view(3, 1, 1)
    return image


# %% printing-prepare · divides by the deviation before it subtracts the mean
def prepare(image, mean, std):
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (mean, std))
    return image / 255 / std - mean


# %% printing-parameters · hard-coded
def parameters_from(text):
    return 61_100_840 if "AlexNet" in text else 288


# %% printing-parameters · takes every kernel to be square
import re


def parameters_from(text):
    total = 0
    for line in text.splitlines():
        bias = "bias=False" not in line
        if found := re.search(r"Conv2d\((\d+), (\d+), kernel_size=\((\d+)", line):
            inputs, outputs, size = map(int, found.groups())
            groups = re.search(r"groups=(\d+)", line)
            inputs //= int(groups[1]) if groups else 1
            total += outputs * (inputs * size**2 + bias)
        if found := re.search(r"Linear\(in_features=(\d+), out_features=(\d+)", line):
            inputs, outputs = map(int, found.groups())
            total += outputs * (inputs + bias)
    return total


# %% printing-parameters · overlooks groups
import re


def parameters_from(text):
    total = 0
    for line in text.splitlines():
        bias = "bias=False" not in line
        if found := re.search(r"Conv2d\((\d+), (\d+), kernel_size=\((\d+), (\d+)\)", line):
            inputs, outputs, height, width = map(int, found.groups())
            total += outputs * (inputs * height * width + bias)
        if found := re.search(r"Linear\(in_features=(\d+), out_features=(\d+)", line):
            inputs, outputs = map(int, found.groups())
            total += outputs * (inputs + bias)
    return total


# %% printing-parameters · gives every fully connected layer a bias
import re


def parameters_from(text):
    total = 0
    for line in text.splitlines():
        if found := re.search(r"Conv2d\((\d+), (\d+), kernel_size=\((\d+), (\d+)\)", line):
            inputs, outputs, height, width = map(int, found.groups())
            groups = re.search(r"groups=(\d+)", line)
            inputs //= int(groups[1]) if groups else 1
            total += outputs * (inputs * height * width + ("bias=False" not in line))
        if found := re.search(r"Linear\(in_features=(\d+), out_features=(\d+)", line):
            inputs, outputs = map(int, found.groups())
            total += outputs * (inputs + 1)
    return total


# %% printing-unused · hard-coded
def unused(model, images):
    return ["never"]


# %% printing-unused · leaves every network in training mode
def unused(model, images):
    leaves = [(n, m) for n, m in model.named_modules() if not list(m.children())]
    called = set()
    handles = [
        m.register_forward_hook(lambda *_, name=n: called.add(name)) for n, m in leaves
    ]
    model.eval()
    with torch.no_grad():
        model(images)
    model.train()
    for handle in handles:
        handle.remove()
    return [n for n, _ in leaves if n not in called]


# %% printing-unused · passes the images in the mode that it finds
def unused(model, images):
    rows = watch(model, images)
    leaves = [n for n, m in model.named_modules() if not list(m.children())]
    return [name for name in leaves if name not in set(rows["name"])]


# %% printing-unused · remembers the last name for all hooks
def unused(model, images):
    leaves = [(n, m) for n, m in model.named_modules() if not list(m.children())]
    called, handles, was_training = set(), [], model.training
    for name, module in leaves:
        handles.append(module.register_forward_hook(lambda *_: called.add(name)))
    model.eval()
    with torch.no_grad():
        model(images)
    model.train(was_training)
    for handle in handles:
        handle.remove()
    return [n for n, _ in leaves if n not in called]


# %% printing-describe · hard-coded
def describe(model, input_size):
    return [
        "conv: Conv2d (3, 32, 32) -> (16, 32, 32)",
        "relu: relu (16, 32, 32) -> (16, 32, 32)",
        *["twice: Conv2d (16, 32, 32) -> (16, 32, 32)"] * 5,
        "last: Linear (16,) -> (10,)",
    ]


# %% printing-describe · takes the output of the operation before for the input
def describe(model, input_size):
    graph_module, lines, before = trace(model, input_size), [], tuple(input_size)
    for node in graph_module.graph.nodes:
        if node.op in ("placeholder", "output", "get_attr"):
            continue
        kind = node.target
        if node.op == "call_module":
            kind = type(graph_module.get_submodule(node.target)).__name__
        elif node.op == "call_function":
            kind = node.target.__name__
        shape = tuple(node.meta["tensor_meta"].shape[1:])
        lines.append(f"{node.name}: {kind} {before} -> {shape}")
        before = shape
    return lines


# %% printing-describe · takes the last of two inputs
def describe(model, input_size):
    graph_module, lines = trace(model, input_size), []
    for node in graph_module.graph.nodes:
        if node.op in ("placeholder", "output", "get_attr"):
            continue
        kind = node.target
        if node.op == "call_module":
            kind = type(graph_module.get_submodule(node.target)).__name__
        elif node.op == "call_function":
            kind = node.target.__name__
        shapes = [
            tuple(n.meta["tensor_meta"].shape[1:])
            for n in (node.all_input_nodes[-1], node)
        ]
        lines.append(f"{node.name}: {kind} {shapes[0]} -> {shapes[1]}")
    return lines


# %% printing-describe · gives the name of the node for that of the function
def describe(model, input_size):
    graph_module, lines = trace(model, input_size), []
    for node in graph_module.graph.nodes:
        if node.op in ("placeholder", "output", "get_attr"):
            continue
        kind = node.name
        if node.op == "call_module":
            kind = type(graph_module.get_submodule(node.target)).__name__
        shapes = [
            tuple(n.meta["tensor_meta"].shape[1:])
            for n in (node.all_input_nodes[0], node)
        ]
        lines.append(f"{node.name}: {kind} {shapes[0]} -> {shapes[1]}")
    return lines
