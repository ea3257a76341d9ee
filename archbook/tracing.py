"""The graph of a network: which operation feeds which, with the shape of every tensor."""

import torch
from torch import fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.passes.shape_prop import ShapeProp


class _Tracer(fx.Tracer):
    """torch.fx's tracer; a module whose class sets `draw_as_one` stays one node."""

    def is_leaf_module(self, module, qualified_name):
        as_one = getattr(module, "draw_as_one", False)
        return as_one or super().is_leaf_module(module, qualified_name)


def check_input_size(input_size):
    """Return `input_size` as (channels, height, width), or raise ValueError."""
    size = tuple(input_size)
    if len(size) != 3 or not all(isinstance(n, int) and n > 0 for n in size):
        raise ValueError(
            f"input_size is {input_size!r}; expected (channels, height, width),"
            " three positive integers without the batch, such as (3, 224, 224)"
        )
    return size


def trace(model: nn.Module, input_size) -> fx.GraphModule:
    """Trace the evaluation-mode graph of `model` for one image.

    Args:
        model: any network whose `forward` does not branch on tensor values.
        input_size: (channels, height, width) of the image.

    Returns:
        A GraphModule whose nodes carry `node.meta["tensor_meta"].shape`, batch first.
        Shapes come from fake tensors: nothing is computed and no memory is used.

    Raises:
        ValueError: the size is malformed, or the network does not accept it.
    """
    size = check_input_size(input_size)
    was_training = model.training
    model.eval()
    try:
        tracer = _Tracer()
        graph_module = fx.GraphModule(model, tracer.trace(model))
        with FakeTensorMode(allow_non_fake_inputs=True):
            ShapeProp(graph_module).propagate(torch.empty(1, *size))
    except RuntimeError as error:
        cause = str(error.__cause__ or error).splitlines()[0]
        raise ValueError(
            f"{type(model).__name__} does not accept input of size {size}: {cause}"
        ) from error
    finally:
        model.train(was_training)
    return graph_module
