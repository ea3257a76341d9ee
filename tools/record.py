"""Run the book's recorded experiments: `make results`, or python -m tools.record NAME.

Each experiment is a list of configurations, run once per seed. Runs go two at a time,
one thread each; a run that is in results/NAME.json already is not repeated, and each
finished run is saved at once, so a stopped recording goes on where it was.
To repeat an experiment from the start, delete its file.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one core for each process

import functools
import json
import multiprocessing
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch
import torchvision
from tqdm import tqdm

from archbook.data import load_images
from archbook.training import evaluate, train
from tools.experiments import EXPERIMENTS

RESULTS = Path(__file__).parent.parent / "results"


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
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
        },
        "processor": processor(),
    }


@functools.cache  # short runs would spend much of their time on reading it again
def data_of(name):
    """The data set that an experiment trains on."""
    experiment = EXPERIMENTS[name]
    data = load_images("fashion_mnist", **experiment.data)
    return experiment.prepare(data) if experiment.prepare else data


def processor():
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()


def record(name):
    """Run what is missing of one experiment, two runs at a time."""
    path = RESULTS / f"{name}.json"
    done = json.loads(path.read_text()) if path.exists() else []
    keys = {key(r["config"], r["seed"]) for r in done}
    # All arms of one seed first: a stopped recording is complete for some seeds.
    experiment = EXPERIMENTS[name]
    wanted = [(c, s) for s in experiment.seeds for c in experiment.configurations]
    missing = [(c, s) for c, s in wanted if key(c, s) not in keys]
    context = multiprocessing.get_context("spawn")
    bar = tqdm(total=len(wanted), initial=len(done), desc=name, unit="run")
    with bar, ProcessPoolExecutor(2, mp_context=context) as pool:
        jobs = [pool.submit(run, name, config, seed) for config, seed in missing]
        try:
            for job in as_completed(jobs):
                done.append(job.result())
                save(path, done)
                bar.update()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise SystemExit(f"stopped; {len(done)} of {len(wanted)} runs are saved")


def key(config, seed):
    """What tells one run of an experiment from another."""
    return json.dumps([config, seed], sort_keys=True)


def save(path, runs):
    """Write all runs, ordered, so that an interruption never leaves half a file."""
    runs = sorted(runs, key=lambda r: key(r["config"], r["seed"]))
    part = path.with_suffix(".part")
    part.write_text("[\n" + ",\n".join(json.dumps(r) for r in runs) + "\n]\n")
    part.replace(path)


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(EXPERIMENTS)
    if unknown:
        raise SystemExit(
            f"unknown experiments {sorted(unknown)}; expected: {', '.join(EXPERIMENTS)}"
        )
    for experiment in sys.argv[1:] or EXPERIMENTS:
        record(experiment)
