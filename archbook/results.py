"""Recorded training runs: the numbers that the book's claims rest on."""

import json
from importlib import resources


def load_results(name) -> list:
    """The recorded runs of one experiment, as `make results` wrote them.

    Returns:
        A list of dictionaries, one a run, with "config", "seed", "parameters",
        "history" (see `History`; None if the loss diverged), "test" (loss, top1, top5),
        "seconds", "cpu_seconds", "versions" and "processor".

    Raises:
        ValueError: no such experiment.
    """
    folder = resources.files("archbook.recorded")
    file = folder / f"{name}.json"
    if not file.is_file():
        known = sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".json"))
        raise ValueError(f"no recorded runs {name!r}; expected one of: {', '.join(known)}")
    return json.loads(file.read_text())


def select(runs, **config) -> list:
    """The runs whose configuration has all the given values, in order of their seeds."""
    chosen = [r for r in runs if config.items() <= r["config"].items()]
    return sorted(chosen, key=lambda run: run["seed"])


def mean_validation_accuracy(runs):
    """Mean over runs of the last validation accuracy; a diverged run counts as 0."""
    last = [r["history"]["validation_accuracy"][-1] if r["history"] else 0 for r in runs]
    return sum(last) / len(last)


def best_lr(runs, **config) -> float:
    """The learning rate whose runs reach the best mean validation accuracy."""
    chosen = select(runs, **config)
    if not chosen:
        raise ValueError(f"no recorded run has the configuration {config}")
    rates = sorted({run["config"]["lr"] for run in chosen})
    return max(rates, key=lambda lr: mean_validation_accuracy(select(chosen, lr=lr)))
