"""Proof that a network is another one: weights copied, logits compared."""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from archbook.tracing import check_input_size

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
TOLERANCE = 1e-9  # of the logits' spread, in float64


def copy_weights(source: nn.Module, target: nn.Module) -> int:
    """Copy parameters and statistics from one network to another, paired in order.

    Both networks must register their tensors in the same order (main path before
    shortcut, a norm after its convolution). Shapes must be equal but for trailing ones,
    so that a linear layer may stand for a 1×1 convolution.

    Returns:
        The number of tensors copied.

    Raises:
        ValueError: the first pair that does not fit, or the first tensor left over.
    """
    ours, theirs = _tensors(target), _tensors(source)
    for (name, tensor), (other_name, other) in zip(ours, theirs):
        if _core_shape(tensor) != _core_shape(other):
            raise ValueError(
                f"{name} {tuple(tensor.shape)} does not fit"
                f" {other_name} {tuple(other.shape)}"
            )
    if len(ours) != len(theirs):
        longer = max(ours, theirs, key=len)
        name, tensor = longer[min(len(ours), len(theirs))]
        raise ValueError(
            f"{len(theirs)} tensors in the source, {len(ours)} in the target;"
            f" {name} {tuple(tensor.shape)} is left over"
        )
    with torch.no_grad():
        for (_, tensor), (_, other) in zip(ours, theirs):
            tensor.copy_(other.reshape(tensor.shape))
    return len(ours)


def calibrate(model: nn.Module, input_size, seed=0):
    """Give a network random weights with which its logits depend on its input.

    With default weights and untouched batch-norm statistics a deep network's signal
    dies on the way, and two different networks agree. So convolutions and linear layers
    get He's initialisation, norms random scales and shifts, and running statistics are
    those of one pass of noise. Biases and parameters of other modules become random
    too: where they start at 0, a network that forgets them would agree as well.

    Raises:
        ValueError: the network does not accept this input size.
    """
    size = check_input_size(input_size)
    generator = torch.Generator().manual_seed(seed)
    like = next(model.parameters())
    with torch.no_grad():
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                parameter.copy_(_random(module, name, parameter, generator))
        _set_running_statistics(
            model, torch.randn(8, *size, generator=generator).to(like)
        )
    return model


def _random(module, name, parameter, generator):
    """New values for one parameter, drawn on the CPU: the same on every device."""
    values = parameter.detach().cpu().contiguous().clone()
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)):
        if name == "weight":
            return nn.init.kaiming_normal_(values, generator=generator)
        return values.uniform_(-0.2, 0.2, generator=generator)
    if isinstance(module, NORMS):
        low, high = (0.5, 1.5) if name == "weight" else (-0.2, 0.2)
        return values.uniform_(low, high, generator=generator)
    return values + 0.1 * torch.randn(values.shape, generator=generator)


def _set_running_statistics(model, images):
    """Make the batch norms' running statistics those of one pass of `images`."""
    norms = [m for m in model.modules() if isinstance(m, BATCH_NORMS)]
    momenta = [norm.momentum for norm in norms]
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    try:
        model(images)
    except RuntimeError as error:
        raise ValueError(
            f"{type(model).__name__} does not accept input of size"
            f" {tuple(images.shape[1:])}: {error}"
        ) from error
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
        for module, mode in modes:
            module.training = mode


@dataclass(frozen=True)
class Comparison:
    """What `compare` found; all values are in units of the logits.

    Attributes:
        tensors: number of weight tensors copied.
        difference: largest difference between the two networks' logits.
        spread: standard deviation of the reference's logits (least of several heads).
        input_control: how far noise of 0.001 on the images moves the logits.
        weight_control: how far 1 % more or less of each weight of one middle layer
            moves them; more for all of them would vanish in a norm that follows.
    """

    tensors: int
    difference: float
    spread: float
    input_control: float
    weight_control: float

    @property
    def alive(self):
        """Whether the logits react to input and weights far above the tolerance."""
        weaker = min(self.input_control, self.weight_control)
        return weaker > 1e3 * TOLERANCE * self.spread

    @property
    def equal(self):
        """Whether the networks agree, and agreement means something."""
        return self.alive and self.difference <= TOLERANCE * self.spread

    def __str__(self):
        if self.spread == 0:
            return f"NOT ALIVE: {self.tensors} tensors copied, all logits are the same"
        verdict = "equal" if self.equal else "DIFFERENT" if self.alive else "NOT ALIVE"
        share = self.difference / self.spread
        largest = f"less than {TOLERANCE:g}" if self.equal else f"{share:.2g}"
        return (
            f"{verdict}: {self.tensors} tensors copied, logits differ by {largest} of"
            f" their spread\n  (noise moves them by {self.input_control / self.spread:.1g}"
            f" of it, 1 % of one layer by {self.weight_control / self.spread:.1g})"
        )


@torch.no_grad()
def compare(model, reference, input_size, seed=0, training=False) -> Comparison:
    """Give `model` the weights of a calibrated `reference` and compare logits, float64.

    Args:
        model, reference: networks with the same tensors in the same order; copies of
            them are used, so neither is changed.
        input_size: (channels, height, width).
        training: compare in training mode, where norms use the batch's statistics and
            auxiliary heads speak, main logits first and then from the input upwards;
            dropout and stochastic depth are switched off in both.

    Raises:
        ValueError: the tensors do not pair up (see `copy_weights`), or the outputs do
            not have the same shapes.
    """
    reference = calibrate(copy.deepcopy(reference).cpu(), input_size, seed).double()
    model = copy.deepcopy(model).cpu().double()  # not every GPU computes in float64
    tensors = copy_weights(reference, model)
    for network in (model, reference):
        network.train(training)
        for module in network.modules():
            drops = isinstance(module, nn.modules.dropout._DropoutNd)
            if drops or type(module).__name__ == "StochasticDepth":
                module.p = 0.0
    generator = torch.Generator().manual_seed(seed + 1)
    images = torch.randn(4, *check_input_size(input_size), generator=generator).double()
    noise = torch.randn(images.shape, generator=generator).double()

    expected = _outputs(reference, images)
    found = _outputs(model, images)
    if [o.shape for o in found] != [o.shape for o in expected]:
        raise ValueError(
            f"outputs of shapes {[tuple(o.shape) for o in found]},"
            f" the reference gives {[tuple(o.shape) for o in expected]}"
        )
    moved = _outputs(reference, images + 1e-3 * noise)
    weights = [p for p in reference.parameters() if p.ndim > 1]
    middle = weights[len(weights) // 2]
    middle.mul_(1 + 0.01 * torch.randn(middle.shape, generator=generator).sign())
    changed = _outputs(reference, images)
    return Comparison(
        tensors=tensors,
        difference=max(_distances(found, expected)),
        spread=min(logits.std().item() for logits in expected),
        input_control=min(_distances(moved, expected)),
        weight_control=_distances(changed, expected)[0],
    )


def _tensors(model):
    """Names and tensors of a network, in order, without batch norms' step counters."""
    items = model.state_dict().items()
    return [(n, t) for n, t in items if not n.endswith("num_batches_tracked")]


def _core_shape(tensor):
    """The shape without trailing ones: (10, 64, 1, 1) counts as (10, 64)."""
    shape = list(tensor.shape)
    while len(shape) > 1 and shape[-1] == 1:
        shape.pop()
    return shape


def _outputs(model, images):
    """All logits of a network as a list: the main ones first, then auxiliary heads.

    torchvision's named tuples are put in the order of the heads' names, because
    GoogLeNet's has aux_logits2 before aux_logits1.
    """
    outputs = model(images)
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    main, *heads = getattr(outputs, "_fields", range(len(outputs)))
    named = dict(zip((main, *heads), outputs))
    return [named[main], *(named[head] for head in sorted(heads))]


def _distances(first, second):
    """The largest difference of each head's logits."""
    return [(a - b).abs().max().item() for a, b in zip(first, second)]
