"""Section 24's comparison: every network of the book with the same recipe and budgets.

Three steps, each resumable: what an image costs each network (`ruler_costs`), which
learning rate suits it (`ruler_rates`), and the runs (`ruler`). From its cost follows how
many epochs a network gets for a budget, so the runs are the same on every processor
once the costs are recorded.
"""

import functools
import math
import time

from tools.recording import complete, conditions, key  # sets the threads: before torch

import torch

from archbook.accounting import count_macs, count_parameters, depth
from archbook.data import load_images
from archbook.networks.ruler import VARIANTS
from archbook.training import evaluate, make_optimizer, train, train_step

BUDGETS = (20, 60, 240)  # seconds of one processor core, for training
SEEDS = range(5)
RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
RATE_BUDGET, RATE_SEED = 60, 100  # no run of the comparison has this seed
BATCH, WARM_UP, BATCHES = 128, 10, 100
IMAGES = 55_000  # of the training split


def record():
    """Make all that is missing of the three files."""
    costs = complete("ruler_costs", cost, {key(n): (n,) for n in VARIANTS}, network_key)
    costs = {r["network"]: r["s_per_image"] for r in costs}

    wanted = {
        key(network, lr): (network, costs[network], RATE_BUDGET, lr, RATE_SEED)
        for network in VARIANTS for lr in RATES
    }
    rates = complete(
        "ruler_rates", rate, wanted, lambda r: key(r["network"], r["lr"]),
        lambda *args: args[2], unit="s",
    )
    best = {network: best_rate(rates, network) for network in VARIANTS}

    # All networks of one seed first: a stopped recording is complete for some seeds.
    wanted = {
        key(network, budget, seed): (network, costs[network], budget, best[network], seed)
        for seed in SEEDS for budget in BUDGETS for network in VARIANTS
    }
    complete(
        "ruler", run, wanted, lambda r: key(r["network"], r["budget_cpu_s"], r["seed"]),
        lambda *args: args[2], unit="s",
    )


def network_key(record):
    return key(record["network"])


def cost(network):
    """Seconds of one core that a training step takes for one image."""
    torch.set_num_threads(1)
    variant = VARIANTS[network]
    images = data_of(variant.pad).train.images[:BATCH].float() / 255
    labels = data_of(variant.pad).train.labels[:BATCH]
    torch.manual_seed(0)
    model = variant.build().to(memory_format=torch.channels_last).train()
    optimizer, scaler = make_optimizer(model, 0.01), torch.amp.GradScaler(enabled=False)
    for step in range(WARM_UP + BATCHES):
        if step == WARM_UP:
            start = time.process_time()
        train_step(model, images, labels, optimizer, scaler)
    seconds = (time.process_time() - start) / (BATCHES * BATCH)
    return {"network": network, "s_per_image": float(f"{seconds:.3g}"), **conditions()}


def schedule(budget, s_per_image):
    """Epochs and training images that a budget pays for: whole epochs, equal classes.

    Args:
        budget: seconds; s_per_image: seconds for one image in training.
    """
    images = budget / s_per_image
    epochs = math.ceil(images / IMAGES)
    return epochs, int(images / epochs) // 10 * 10


def fit(network, s_per_image, budget, lr, seed):
    """Train one network for its budget. → model, data and the fields of a record.

    The history is None if the loss diverged.
    """
    torch.set_num_threads(1)
    variant = VARIANTS[network]
    epochs, train_size = schedule(budget, s_per_image)
    data = data_of(variant.pad, train_size)
    torch.manual_seed(seed)
    model = variant.build()
    start = time.process_time()
    try:
        history = train(
            model, data, epochs, lr=lr, seed=seed, device="cpu", progress=False
        )
    except FloatingPointError:
        history = None
    fields = {
        "network": network,
        "budget_cpu_s": budget,
        "cpu_s": round(time.process_time() - start, 2),
        "train_size": train_size,
        "epochs": epochs,
        "seed": seed,
        "lr": lr,
        "val_accuracy": history and history.validation_accuracy[-1],
        "curve": history and history.validation_accuracy,
        **conditions(),
    }
    return model, data, fields


def rate(*args):
    """One trial of a learning rate: the test images stay out of it."""
    _, _, fields = fit(*args)
    return fields


def run(*args):
    """One run of the comparison, with the network's size and its test accuracy."""
    model, data, fields = fit(*args)
    size = tuple(data.train.images.shape[1:])
    return fields | {
        "parameters": count_parameters(model),
        "macs": count_macs(model, size),
        "depth": depth(model, size),
        "batch_norm": any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules()),
        "test_accuracy": evaluate(model, data.test).top1 if fields["curve"] else None,
    }


def best_rate(rates, network):
    """The learning rate with the best validation accuracy; diverged ones count as 0."""
    trials = [r for r in rates if r["network"] == network]
    return max(trials, key=lambda r: r["val_accuracy"] or 0)["lr"]


@functools.lru_cache(maxsize=2)  # neighbouring runs often share their images
def data_of(pad, train_size=None):
    """Fashion-MNIST with a border of `pad` pixels."""
    return load_images("fashion_mnist", train_size=train_size, pad=pad)
