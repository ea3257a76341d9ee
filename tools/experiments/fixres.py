"""Section 23: accuracy by test resolution, and what tuning the last layers changes."""

import copy
from dataclasses import replace

from archbook.networks.fixres import CROPS, LastLayers, pooled, scenes, twin
from archbook.training import evaluate, train
from tools.experiments import Experiment, grid

CURVE = (24, 28, 32, 36, 40, 48, 56)
CURED = (28, 36, 40, 48)
RATES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)  # 0: only the batch norm's statistics change


def build(config):
    return twin(config["crops"])


def on_scenes(data):
    return data.map(scenes)


def accuracies(model, data):
    """Top-1 accuracy on some validation and test images, at the model's test size."""
    splits = (data.validation[:2500], data.test[:5000])
    return [round(evaluate(model, split).top1, 4) for split in splits]


def curve(model, data):
    """[test size, validation accuracy, test accuracy] of the trained network."""
    rows = []
    for size in CURVE:
        model.test_size = size
        rows.append([size, *accuracies(model, data)])
    return {"curve": rows}


def tuned(model, data, size, rate):
    """A copy whose last layers are trained for one epoch at a test size."""
    views = copy.deepcopy(model)
    views.test_size = size
    train(
        LastLayers(views), replace(data, validation=data.validation[:10]), 1, lr=rate,
        device="cpu", progress=False,
    )
    return views


def statistics(views, data):
    """Share of zeros, mean and standard deviation of what the classifier gets."""
    values = pooled(views, data.validation[:2500].normalised())
    shares = ((values == 0).float().mean(), values.mean(), values.std())
    return [round(value.item(), 5) for value in shares]


def cure(model, data):
    """Before the cure, after it, and after as much training at the old size.

    Rows are [tuned at (0: not tuned), rate, tested at, validation, test accuracy,
    share of zeros, mean, standard deviation].
    """
    rows = []
    for size in CURED:
        model.test_size = size
        rows.append([0, 0.0, size, *accuracies(model, data), *statistics(model, data)])
    for rate in RATES:
        for tuned_at in CURED:
            views = tuned(model, data, tuned_at, rate)
            for size in {28: CURED}.get(tuned_at, (tuned_at,)):
                views.test_size = size
                found = accuracies(views, data) + statistics(views, data)
                rows.append([tuned_at, rate, size, *found])
    return {"cure": rows}


common = dict(build=build, data={"train_size": 10_000}, prepare=on_scenes)
EXPERIMENTS = {
    "fixres_resolution": Experiment(
        grid(lr=[0.3, 1.0, 3.0], crops=list(CROPS)), measure=curve,
        training={"epochs": 8}, **common,
    ),
    # The best rate of the first experiment for these crops, by validation accuracy.
    "fixres_cure": Experiment(
        grid(lr=[1.0], crops=["8 to 100 %"]), measure=cure,
        training={"epochs": 8}, **common,
    ),
}
