"""The graph of a network: which operation feeds which, with the shape of every tensor."""

import itertools

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import TensorMetadata


class _Tracer(fx.Tracer):
    """torch.fx's tracer; a module whose class sets `draw_as_one` stays one node.

    With `cells`, so do modules that have a `strip_label`.
    """

    def __init__(self, cells):
        super().__init__()
        self.cells = cells

    def is_leaf_module(self, module, qualified_name):
        as_one = getattr(module, "draw_as_one", False)
        cell = self.cells and hasattr(module, "strip_label")
        return as_one or cell or super().is_leaf_module(module, qualified_name)


class _ShapeRecorder(fx.Interpreter):
    """Run a traced graph once and note the shape that each node gives."""

    def run_node(self, node):
        result = super().run_node(node)
        if isinstance(result, torch.Tensor):
            node.meta["tensor_meta"] = TensorMetadata(
                result.shape, result.dtype, False, result.stride(), None, False, {}
            )
        return result


def check_input_size(input_size):
    """Return `input_size` as (channels, height, width), or raise ValueError."""
    size = tuple(input_size) if isinstance(input_size, (tuple, list)) else ()
    if len(size) != 3 or not all(isinstance(n, int) and n > 0 for n in size):
        raise ValueError(
            f"input_size is {input_size!r}; expected (channels, height, width),"
            " three positive integers without the batch, such as (3, 224, 224)"
        )
    return size


def trace(model: nn.Module, input_size, cells=False) -> fx.GraphModule:
    """Trace the evaluation-mode graph of `model` for one image.

    Args:
        model: any network whose `forward` does not branch on tensor values.
        input_size: (channels, height, width) of the image.
        cells: leave modules that have a `strip_label` whole.

    Returns:
        A GraphModule whose nodes carry `node.meta["tensor_meta"].shape`, batch first,
        noted while one image of zeros passes through the network.

    Raises:
        ValueError: the size is malformed, or the network does not accept it.
    """
    size = check_input_size(input_size)
    was_training = model.training
    model.eval()
    try:
        graph_module = fx.GraphModule(model, _Tracer(cells).trace(model))
        tensors = itertools.chain(model.parameters(), model.buffers())
        like = next(tensors, torch.empty(0))
        image = torch.zeros(1, *size, dtype=like.dtype, device=like.device)
        with torch.no_grad():
            recorder = _ShapeRecorder(graph_module)
            recorder.extra_traceback = False
            recorder.run(image)
    except RuntimeError as error:
        raise ValueError(
            f"{type(model).__name__} does not accept input of size {size}: {error}"
        ) from error
    finally:
        model.train(was_training)
    return graph_module
