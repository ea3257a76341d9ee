"""The account of a network: layers, parameters, work, memory, depth, speed."""

import contextlib
import copy
import itertools
import logging
import operator
import weakref
import zlib
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from archbook.tracing import check_input_size, trace

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
WEIGHTED = (*CONVOLUTIONS, nn.Linear)
POOLINGS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
ADAPTIVE = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
ADAPTIVE_FUNCTIONS = {F.adaptive_avg_pool2d, F.adaptive_max_pool2d}
POOLING_FUNCTIONS = {F.max_pool2d, F.avg_pool2d, torch.max_pool2d} | ADAPTIVE_FUNCTIONS
NORMS = (
    nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.LocalResponseNorm,
)
UNCOUNTED = (
    nn.modules.conv._ConvTransposeNd, nn.Bilinear, nn.MultiheadAttention, nn.RNNBase,
)
KB = 1_024  # bytes
FLOAT = 4  # bytes of a float32

COLUMNS = (
    "Layer", "Kind", "C in", "H/W in", "Filters", "Kernel", "Stride", "Pad", "C out",
    "H/W out", "Memory (KB)", "Params (K)", "MACs (M)", "Receptive field",
)


def count_parameters(model) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def count_macs(model, input_size) -> int:
    """Multiply-accumulates of convolutions and linear layers for one image.

    Biases, norms, pooling and activations are not counted; one MAC is two FLOPs.
    """
    graph = _trace(model, input_size)
    return sum(_macs(module, node) for node, module in _modules(graph))


def layer_table(model, input_size):
    """One row for each layer that does work, in the order in which layers are called.

    Convolutions, linear layers, pooling, norms and modules with parameters of their own;
    activations, dropout and reshaping are left out. The columns are those of the
    lecture's AlexNet table: sizes and channels before and after, filters, kernel,
    stride, padding, memory of the output (KB = 1,024 bytes, float32, one image),
    trainable parameters in thousands, MACs in millions (convolution and linear), and
    the receptive field of one output unit in pixels along the longest path ("all" once
    a layer sees the whole map). Parameters that are used outside a layer, and those
    that evaluation does not use (auxiliary heads), stand in rows of their own. The last
    row is the total.

    Args:
        input_size: (channels, height, width).

    Returns:
        A pandas.DataFrame. Thousands and millions are exact: 25557.032 is 25,557,032.

    Raises:
        TypeError: `model` is not a module.
        ValueError: the size does not fit, the network has no fixed graph, or it has a
            layer whose work can't be counted.
    """
    import pandas as pd

    graph = _trace(model, input_size)
    fields = _receptive_fields(graph)
    rows, seen, memory, macs = [], set(), 0, 0
    for node, module in _work(graph):
        own = [p for p in _parameters(module) if id(p) not in seen]
        seen.update(id(p) for p in own)
        parameters = sum(p.numel() for p in own)
        work, output = _macs(module, node), _shape(node)
        size = output.numel() * FLOAT
        memory, macs = memory + size, macs + work
        rows.append((
            *_describe(node, module), size / KB, parameters / 1e3, work / 1e6, fields[node],
        ))
    total = count_parameters(model)
    rest = total - sum(p.numel() for p in model.parameters() if id(p) in seen)
    read = {node.target for node in graph.graph.nodes if node.op == "get_attr"}
    loose = sum(
        p.numel()
        for name, p in model.named_parameters()
        if name in read and p.requires_grad and id(p) not in seen
    )
    for name, number in (
        ("outside the layers", loose), ("not used in evaluation", rest - loose),
    ):
        if number:
            rows.append((name, "", *[""] * 8, 0.0, number / 1e3, 0.0, ""))
    rows.append(("Total", "", *[""] * 8, memory / KB, total / 1e3, macs / 1e6, ""))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def format_table(table):
    """A layer table for the page: rounded, with separators, without the row numbers.

    Returns:
        A pandas Styler of the same rows; the exact values stay in `table`.
    """
    numbers = {"Memory (KB)": "{:,.1f}", "Params (K)": "{:,.3f}", "MACs (M)": "{:,.3f}"}
    own = zlib.crc32(table.to_csv().encode())  # two tables on a page have two ids
    return table.style.format(numbers).hide(axis="index").set_uuid(f"layers-{own:x}")


def depth(model, input_size) -> int:
    """Weighted layers (convolution, linear) on the longest path from input to output.

    Layers on 1×1 maps whose only use is to scale a larger tensor, the gates of
    squeeze-and-excitation, do not count; on images so small that this tensor is 1×1 as
    well, they can't be told from other layers and do. This is the rule behind "VGG-16",
    "ResNet-50" and "DenseNet-121".
    """
    graph = _trace(model, input_size)
    weighted = {node for node, m in _modules(graph) if isinstance(m, WEIGHTED)}
    weighted -= _gates(graph)
    longest = {}
    for node in graph.graph.nodes:
        before = max((longest[n] for n in node.all_input_nodes), default=0)
        longest[node] = before + (node in weighted)
    return max(longest.values())


def count_weighted_layers(model, input_size) -> int:
    """All convolutions and linear layers that one image passes: the literal count.

    The lecture's rule without "on the longest path"; 54 for ResNet-50.
    """
    graph = _trace(model, input_size)
    return sum(isinstance(module, WEIGHTED) for _, module in _modules(graph))


@dataclass(frozen=True)
class Memory:
    """Bytes by purpose; parts that a mode does not need are 0."""

    parameters: int
    gradients: int
    optimizer: int  # SGD with momentum: one value per parameter
    activations: int  # kept for the backward pass, or most at once in inference

    @property
    def total(self):
        return self.parameters + self.gradients + self.optimizer + self.activations


def memory(model, input_size, batch_size=1, training=False) -> Memory:
    """Measure the memory of one forward pass (inference) or one training step.

    In training, activations are the tensors that autograd keeps for the backward pass,
    each storage once, parameters and norms' statistics not included. In inference they
    are the tensors that exist at the same moment, the images included: at its peak.
    Work space that a library takes inside one operation is not seen.
    """
    size = _check(model, input_size)
    parameters = sum(p.numel() * p.element_size() for p in model.parameters())
    model = copy.deepcopy(model).train(training)
    like = next(model.parameters())
    images = torch.zeros(batch_size, *size, dtype=like.dtype, device=like.device)
    with _named_refusal(model, size):
        if training:
            kept = _saved_bytes(model, images)
            return Memory(parameters, parameters, parameters, kept)
        return Memory(parameters, 0, 0, _peak_bytes(model, images))


def latency(model, input_size, batch_size=1, min_run_time=0.5):
    """Seconds of one forward pass in evaluation mode, on the model's device.

    Returns:
        A torch.utils.benchmark.Measurement after warm-up: `.median`, `.iqr`, `.times`.
    """
    Timer = _timer()
    size = _check(model, input_size)
    like = next(model.parameters())
    images = torch.randn(batch_size, *size, dtype=like.dtype, device=like.device)
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad(), _named_refusal(model, size):
            timer = Timer(
                "model(images)",
                globals={"model": model, "images": images},
                num_threads=torch.get_num_threads(),
            )
            return timer.blocked_autorange(min_run_time=min_run_time)
    finally:
        model.train(was_training)


def _timer():
    """torch's Timer, imported without its warning of a CUDA compiler that has no GPU."""
    logger = logging.getLogger("torch.utils.cpp_extension")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        from torch.utils.benchmark import Timer
    finally:
        logger.disabled = was_disabled
    return Timer


def _check(model, input_size):
    """Return the checked input size, or raise TypeError or ValueError."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is {model!r}; expected a torch.nn.Module")
    return check_input_size(input_size)


@contextlib.contextmanager
def _named_refusal(model, size):
    """Turn torch's error about a tensor deep inside into one about the input."""
    try:
        yield
    except RuntimeError as error:
        raise ValueError(
            f"{type(model).__name__} does not accept input of size {size}: {error}"
        ) from error


def _trace(model, input_size):
    """`trace`, refusing what could not be counted."""
    size = _check(model, input_size)
    try:
        graph = trace(model, size)
    except (fx.proxy.TraceError, TypeError) as error:
        raise ValueError(
            f"{type(model).__name__} has no fixed graph: its forward uses the value or"
            f" the length of a tensor ({error})"
        ) from error
    for node in graph.graph.nodes:
        if node.target in (F.conv2d, F.linear):
            raise ValueError(
                f"{node.name} is a function called with a weight; the account needs it"
                " as a module, nn.Conv2d or nn.Linear"
            )
    for node, module in _modules(graph):
        as_one = getattr(module, "draw_as_one", False)
        hidden = as_one and any(isinstance(m, WEIGHTED) for m in module.modules())
        if hidden or isinstance(module, UNCOUNTED):
            raise ValueError(
                f"{node.target} is a {type(module).__name__}, whose work can't be"
                " counted: expected convolutions and linear layers, not inside a module"
                " with draw_as_one"
            )
    return graph


def _modules(graph):
    """(node, module) of every module call of a traced graph, in order."""
    for node in graph.graph.nodes:
        if node.op == "call_module":
            yield node, graph.get_submodule(node.target)


def _work(graph):
    """(node, module) of the layers that belong into the account."""
    for node in graph.graph.nodes:
        if node.op == "call_module":
            module = graph.get_submodule(node.target)
            works = isinstance(module, (*POOLINGS, *NORMS))
            if works or any(True for _ in module.parameters()):
                yield node, module
        elif node.op == "call_function" and node.target in POOLING_FUNCTIONS:
            yield node, None


def _parameters(module):
    if module is None:
        return []
    return [p for p in module.parameters() if p.requires_grad]


def _shape(node):
    return node.meta["tensor_meta"].shape


def _macs(module, node):
    """MACs of one image: outputs times the weights that each of them uses."""
    if not isinstance(module, WEIGHTED):
        return 0
    outputs = _shape(node).numel() // _shape(node)[0]
    return outputs * module.weight[0].numel()


def _window(node, module):
    """(kernel, stride, padding, dilation) of a convolution or pooling, or None.

    Adaptive pooling has the window that its sizes imply; over the whole map, none.
    """
    if isinstance(module, ADAPTIVE) or node.target in ADAPTIVE_FUNCTIONS:
        if _is_global(node, module):
            return None
        sizes = list(zip(_shape(node.all_input_nodes[0])[2:], _shape(node)[2:]))
        kernel = tuple(_widest_cell(before, after) for before, after in sizes)
        return kernel, tuple(before // after for before, after in sizes), (0, 0), (1, 1)
    if isinstance(module, (*CONVOLUTIONS, nn.MaxPool2d, nn.AvgPool2d)):
        dilation = getattr(module, "dilation", 1)
        return tuple(
            _pair(v) for v in (module.kernel_size, module.stride, module.padding, dilation)
        )
    if module is None:
        arguments = dict(zip(("kernel_size", "stride", "padding"), node.args[1:]))
        arguments |= node.kwargs
        kernel = _pair(arguments["kernel_size"])
        stride = _pair(arguments.get("stride") or kernel)
        return kernel, stride, _pair(arguments.get("padding", 0)), (1, 1)
    if getattr(module, "draw_as_one", False) and hasattr(module, "window"):
        return tuple(_pair(v) for v in (*module.window, 0, 1))
    return None


def _widest_cell(before, after):
    """The widest cell when adaptive pooling cuts `before` units into `after` cells."""
    return max(
        -(-(i + 1) * before // after) - i * before // after for i in range(after)
    )


def _pair(value):
    """A setting for both directions; padding may also be the word "same"."""
    return (value, value) if isinstance(value, (int, str)) else tuple(value)


def _times(pair):
    """(3, 3) as "3", (1, 7) as "1×7", () as ""."""
    if not pair:
        return ""
    return str(pair[0]) if len(set(pair)) == 1 else "×".join(map(str, pair))


def _describe(node, module):
    """The columns from "Layer" to "H/W out" of one row."""
    before, after = _shape(node.all_input_nodes[0]), _shape(node)
    name = node.target if node.op == "call_module" else node.name
    kind = type(module).__name__ if module is not None else node.target.__name__
    filters = ""
    if isinstance(module, WEIGHTED):
        filters = after[1] if isinstance(module, CONVOLUTIONS) else after[-1]
    window = _window(node, module)
    kernel, stride, pad = [_times(p) for p in window[:3]] if window else ("", "", "")
    if isinstance(module, nn.Linear):
        sizes = (before[-1], _times(before[1:-1]), after[-1], _times(after[1:-1]))
    else:
        sizes = (before[1], _times(before[2:]), after[1], _times(after[2:]))
    c_in, size_in, c_out, size_out = sizes
    return name, kind, c_in, size_in, filters, kernel, stride, pad, c_out, size_out


def _receptive_fields(graph):
    """Receptive field of each node's output unit, "all" after global layers."""
    state = {}  # node: ((field, field), (distance, distance)) or None for "all"
    for node in graph.graph.nodes:
        before = [state[n] for n in node.all_input_nodes if n in state]
        module = graph.get_submodule(node.target) if node.op == "call_module" else None
        if node.op == "placeholder":
            state[node] = ((1, 1), (1, 1))
        elif not before or node.op == "get_attr":
            continue
        elif None in before or _is_global(node, module):
            state[node] = None
        else:
            fields = tuple(max(b[0][i] for b in before) for i in (0, 1))
            distances = before[0][1]
            is_pool = node.op == "call_function" and node.target in POOLING_FUNCTIONS
            window = _window(node, module) if module is not None or is_pool else None
            if window:
                kernel, stride, _, dilation = window
                fields = tuple(
                    f + (k - 1) * d * j
                    for f, k, d, j in zip(fields, kernel, dilation, distances)
                )
                distances = tuple(j * s for j, s in zip(distances, stride))
            state[node] = (fields, distances)
    return {n: "all" if s is None else _times(s[0]) for n, s in state.items()}


def _is_global(node, module):
    """Whether every output of a layer sees the whole map before it."""
    if isinstance(module, ADAPTIVE) or node.target in ADAPTIVE_FUNCTIONS:
        return _shape(node)[2:].numel() == 1
    if isinstance(module, nn.Linear):
        return len(_shape(node)) == 2  # else one position at a time
    functions = {torch.flatten, torch.mean, "mean", "flatten"}
    return isinstance(module, nn.Flatten) or node.target in functions


def _gates(graph):
    """Nodes on 1×1 maps whose values only scale a tensor with larger maps."""
    gates = set()
    for node in reversed(graph.graph.nodes):
        if "tensor_meta" not in node.meta or not node.users:
            continue
        if all(user in gates or _scales(node, user) for user in node.users):
            gates.add(node)
    return gates


def _scales(node, user):
    """Whether `user` is the product of `node`, a number per channel, with whole maps."""
    if user.target not in {operator.mul, torch.mul, "mul", "mul_"}:
        return False
    while node.target in {"expand", "expand_as"}:  # the same numbers, repeated
        node = node.args[0]
    shape = _shape(node)
    small = len(shape) < 4 or shape[2:].numel() == 1
    return small and _shape(user).numel() > shape.numel()


def _saved_bytes(model, images):
    """Bytes of the distinct storages that autograd keeps, the model's own left out."""
    own = _own_storages(model)
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = model(images)  # named, so that no storage is freed and used again
    del outputs
    return sum(kept.values())


def _own_storages(model):
    """Addresses of the memory of parameters and buffers."""
    tensors = itertools.chain(model.parameters(), model.buffers())
    return {tensor.untyped_storage().data_ptr() for tensor in tensors}


def _peak_bytes(model, images):
    """Most bytes of tensors alive at once in a forward pass, without the model's own."""
    with torch.no_grad(), _LiveTensors(_own_storages(model), images) as live:
        model(images)
    return live.peak


class _LiveTensors(TorchDispatchMode):
    """Watch every operation: which storages exist, and how many bytes they are."""

    def __init__(self, own, images):
        super().__init__()
        self.known, self.now, self.peak = set(own), 0, 0
        self.add(images.untyped_storage())

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.add(tensor.untyped_storage())
        return result

    def add(self, storage):
        address, size = storage.data_ptr(), storage.nbytes()
        if address not in self.known:
            self.known.add(address)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.remove, address, size)

    def remove(self, address, size):
        self.known.discard(address)
        self.now -= size
