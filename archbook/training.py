"""Training and evaluation: one loop for every network of the book."""

import time
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from archbook.data import Dataset, Split, ordered_batches, training_batches


class Metrics(NamedTuple):
    """Mean cross-entropy and the shares of images whose class is among the first k."""

    loss: float
    top1: float
    top5: float


@dataclass
class History:
    """What `train` recorded: one entry an epoch in each list.

    Training loss and accuracy are running means over the epoch, in training mode and
    with label smoothing where it is on; validation is measured after the epoch.
    """

    train_loss: list = field(default_factory=list)
    train_accuracy: list = field(default_factory=list)
    validation_loss: list = field(default_factory=list)
    validation_accuracy: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    interrupted: bool = False

    def to_dict(self):
        """The history as plain lists and numbers, for JSON."""
        return asdict(self)


def pick_device():
    """The fastest device here: "cuda", "mps" (Apple) or "cpu"."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def train(
    model: nn.Module,
    data: Dataset,
    epochs: int,
    *,
    lr=0.1,
    batch_size=128,
    momentum=0.9,
    weight_decay=5e-4,
    label_smoothing=0.0,
    aux_weight=0.3,
    augment=False,
    seed=0,
    device=None,
    progress=True,
) -> History:
    """Train `model` in place: SGD with Nesterov momentum, one-cycle learning rate.

    The learning rate climbs to `lr` in the first fifth of the steps and falls to zero
    as a cosine. Weight decay spares biases and norms. The seed fixes the order of the
    images, augmentation and dropout (it seeds torch's global generator, too); initial
    weights are the caller's: seed before building the model. Interrupting (the stop
    button) returns the history so far and leaves a usable model.

    Args:
        model: gives logits (N, classes), or in training mode a tuple of logits of which
            all but the first come from auxiliary heads, weighted by `aux_weight`.
        data: what `load_images` returns; the test split is not touched.
        epochs: passes over the training split, at least 1.
        lr: the highest learning rate of the schedule.
        augment: mirror and shift each image at random.
        device: where to train; None picks a GPU if there is one.

    Raises:
        ValueError: no epochs, or a batch larger than the training split.
        FloatingPointError: the loss became infinite or NaN.
    """
    if not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs is {epochs!r}; expected a whole number, at least 1")
    device = torch.device(device) if device else pick_device()
    model.to(device, memory_format=torch.channels_last)
    training, validation = data.train.to(device), data.validation.to(device)
    steps = len(training) // batch_size

    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    optimizer = make_optimizer(model, lr, momentum, weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, epochs * max(steps, 1), pct_start=0.2, cycle_momentum=False
    )
    scaler = torch.amp.GradScaler(
        device.type, enabled=mixed_precision(device) is torch.float16
    )
    history = History()
    bar = tqdm(total=epochs * steps, unit="step", leave=False, disable=not progress)
    try:
        for epoch in range(epochs):
            start = time.perf_counter()
            losses, hits = [], []
            model.train()
            for images, labels in training_batches(
                training, batch_size, generator, augment
            ):
                loss, hit = train_step(
                    model, images, labels, optimizer, scaler, label_smoothing, aux_weight
                )
                schedule.step()
                losses.append(loss)
                hits.append(hit)
                bar.update()
            _record(history, losses, hits, epoch, lr)
            metrics = evaluate(model, validation)
            history.validation_loss.append(metrics.loss)
            history.validation_accuracy.append(metrics.top1)
            history.seconds.append(time.perf_counter() - start)
            bar.set_postfix_str(f"validation accuracy {metrics.top1:.3f}")
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        bar.close()
        model.eval()
    return history


def train_step(
    model, images, labels, optimizer, scaler, label_smoothing=0.0, aux_weight=0.3
):
    """One step of gradient descent on one batch.

    Args:
        images: normalised floats (N, C, H, W) on the model's device.
        labels: int64 (N,) on the same device.
        scaler: a torch.amp.GradScaler, disabled but for half precision.

    Returns:
        The loss and the share of correctly classified images, as tensors on the
        device: asking for their values here would make a GPU wait.
    """
    images = images.contiguous(memory_format=torch.channels_last)
    precision = mixed_precision(images.device)
    with torch.autocast("cuda", precision, enabled=precision is not None):
        outputs = model(images)
    logits, *auxiliary = outputs if isinstance(outputs, tuple) else (outputs,)
    loss = F.cross_entropy(logits.float(), labels, label_smoothing=label_smoothing)
    for head in auxiliary:
        loss = loss + aux_weight * F.cross_entropy(
            head.float(), labels, label_smoothing=label_smoothing
        )
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return loss.detach(), (logits.detach().argmax(1) == labels).float().mean()


@torch.no_grad()
def evaluate(model: nn.Module, split: Split) -> Metrics:
    """Cross-entropy, top-1 and top-5 accuracy of `model` on all images of `split`.

    The model is put into evaluation mode; the images go to the model's device.

    Raises:
        ValueError: the split is empty.
    """
    if not len(split):
        raise ValueError("the split has 0 images; expected at least 1")
    model.eval()
    split = split.to(next(model.parameters()).device)
    loss, first, fifth = 0.0, 0, 0
    for images, labels in ordered_batches(split):
        logits = model(images.contiguous(memory_format=torch.channels_last))
        loss = loss + F.cross_entropy(logits, labels, reduction="sum")
        best = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
        first = first + best[:, 0].sum()
        fifth = fifth + best.sum()
    return Metrics(*(float(total) / len(split) for total in (loss, first, fifth)))


def make_optimizer(model, lr, momentum=0.9, weight_decay=5e-4):
    """SGD with Nesterov momentum; weight decay only on tensors of two or more axes."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr, momentum, nesterov=True)


def mixed_precision(device):
    """bfloat16 on a CUDA card that has it, float16 on an older one, else None."""
    if device.type != "cuda":
        return None
    # Older cards, such as Colab's T4, emulate bfloat16 but have units for float16.
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if native else torch.float16


def _record(history, losses, hits, epoch, lr):
    """Append an epoch's means to the history, or raise if a loss was not finite."""
    losses = torch.stack(losses).cpu()
    bad = (~losses.isfinite()).nonzero()
    if len(bad):
        step = epoch * len(losses) + int(bad[0]) + 1
        raise FloatingPointError(
            f"the loss became {losses[bad[0]].item()} at step {step}"
            f" (epoch {epoch + 1}) with learning rate {lr};"
            f" train a freshly built model with a lower one, such as {lr / 3:.2g}"
        )
    history.train_loss.append(losses.mean().item())
    history.train_accuracy.append(torch.stack(hits).mean().item())
