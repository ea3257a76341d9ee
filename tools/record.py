"""Run the book's recorded experiments: `make results`, or python -m tools.record NAME.

Each experiment is a list of configurations, run once per seed; `ruler` is section 24's
comparison of all networks. A run that is in results/NAME.json already is not repeated,
and each finished run is saved at once, so a stopped recording goes on where it was.
To repeat an experiment from the start, delete its file.
"""

import functools
import sys
import time

from tools.recording import complete, conditions, key  # sets the threads: before torch

import torch

from archbook.data import load_images
from archbook.training import evaluate, train
from tools import ruler
from tools.experiments import EXPERIMENTS


def run(name, config, seed):
    """Train one configuration with one seed and return its record."""
    torch.set_num_threads(1)
    experiment = EXPERIMENTS[name]
    start, cpu_start = time.perf_counter(), time.process_time()
    data = data_of(name)
    torch.manual_seed(seed)
    model = experiment.build(config)
    try:
        history = train(
            model, data, lr=config["lr"], seed=seed, device="cpu", progress=False,
            **experiment.training,
        ).to_dict()
        test = evaluate(model, data.test)._asdict()
        test |= experiment.measure(model, data) if experiment.measure else {}
    except FloatingPointError:
        history = test = None
    return {
        "config": config,
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "data": {"name": data.name, **experiment.data},
        "training": experiment.training,
        "history": history,
        "test": test,
        "seconds": round(time.perf_counter() - start, 2),
        "cpu_seconds": round(time.process_time() - cpu_start, 2),
        **conditions(),
    }


@functools.cache  # short runs would spend much of their time on reading it again
def data_of(name):
    """The data set that an experiment trains on."""
    experiment = EXPERIMENTS[name]
    data = load_images("fashion_mnist", **experiment.data)
    return experiment.prepare(data) if experiment.prepare else data


def record(name):
    """Run what is missing of one experiment, two runs at a time."""
    experiment = EXPERIMENTS[name]
    # All arms of one seed first: a stopped recording is complete for some seeds.
    wanted = {
        key(config, seed): (name, config, seed)
        for seed in experiment.seeds for config in experiment.configurations
    }
    complete(name, run, wanted, lambda r: key(r["config"], r["seed"]))


if __name__ == "__main__":
    known = [*EXPERIMENTS, "ruler"]
    unknown = set(sys.argv[1:]) - set(known)
    if unknown:
        raise SystemExit(
            f"unknown experiments {sorted(unknown)}; expected: {', '.join(known)}"
        )
    for name in sys.argv[1:] or known:
        ruler.record() if name == "ruler" else record(name)
