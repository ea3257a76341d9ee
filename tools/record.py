"""Run the book's recorded experiments: `make results`, or python -m tools.record NAME.

Each experiment is a list of configurations, run once per seed. Runs go two at a time,
one thread each; a run that is in results/NAME.json already is not repeated, and each
finished run is saved at once, so a stopped recording goes on where it was.
To repeat an experiment from the start, delete its file.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one core for each process

import itertools
import json
import multiprocessing
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torchvision.transforms.functional import ten_crop
from tqdm import tqdm

from archbook.data import load_images
from archbook.networks.lenet import LeNet5, LeNet5Simplified
from archbook.networks.resnet import CifarResNet
from archbook.training import evaluate, train

RESULTS = Path(__file__).parent.parent / "results"
SEEDS = range(5)


def grid(**choices):
    """All combinations of the given lists, as dictionaries."""
    keys, values = choices.keys(), itertools.product(*choices.values())
    return [dict(zip(keys, combination)) for combination in values]


def build_lenet(config):
    if config["network"] == "lenet5":
        return LeNet5()
    activation = getattr(nn, config["activation"])
    return LeNet5Simplified(10, activation, getattr(nn, config["pooling"]))


def build_resnet(config):
    return CifarResNet(
        config["depth"], in_channels=1, width=8, stem_stride=2,
        residual=config["residual"],
    )


def ten_crop_accuracy(model, data):
    """Test accuracy with logits averaged over ten crops of the image with a border."""
    images = F.pad(data.test.images, [2] * 4).float() / 255
    images = (images - data.test.mean) / data.test.std
    with torch.no_grad():
        logits = sum(model(crop) for crop in ten_crop(images, data.test.images.shape[2]))
    return {"ten_crop": (logits.argmax(1) == data.test.labels).float().mean().item()}


# name: (configurations, model builder, data, training, further test measurements)
EXPERIMENTS = {
    "resnet_degradation": (
        grid(lr=[0.1, 0.03, 0.3], depth=[20, 56], residual=[True, False]),
        build_resnet,
        {"train_size": 10_000},
        {"epochs": 5, "augment": True},
        None,
    ),
    "resnet_ten_crop": (
        grid(lr=[0.1], depth=[20], residual=[True]),
        build_resnet,
        {"train_size": 10_000},
        {"epochs": 5, "augment": True},
        ten_crop_accuracy,
    ),
    "lenet5_activation": (
        grid(
            network=["lenet5_simplified"],
            activation=["Sigmoid", "Tanh", "ReLU"],
            pooling=["AvgPool2d", "MaxPool2d"],
            lr=[0.01, 0.03, 0.1, 0.3, 1.0],
        ),
        build_lenet,
        {"train_size": 10_000, "pad": 2},
        {"epochs": 3},
        None,
    ),
    "lenet5_1998": (
        grid(network=["lenet5"], lr=[0.0003, 0.001, 0.003, 0.01, 0.03]),
        build_lenet,
        {"train_size": 10_000, "pad": 2},
        {"epochs": 3},
        None,
    ),
}


def run(name, config, seed):
    """Train one configuration with one seed and return its record."""
    torch.set_num_threads(1)
    _, build, data_options, training_options, measure = EXPERIMENTS[name]
    start, cpu_start = time.perf_counter(), time.process_time()
    data = load_images("fashion_mnist", **data_options)
    torch.manual_seed(seed)
    model = build(config)
    try:
        history = train(
            model, data, lr=config["lr"], seed=seed, device="cpu", progress=False,
            **training_options,
        ).to_dict()
        test = evaluate(model, data.test)._asdict()
        test |= measure(model, data) if measure else {}
    except FloatingPointError:
        history = test = None
    return {
        "config": config,
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "data": {"name": data.name, **data_options},
        "training": training_options,
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
    wanted = [(c, s) for s in SEEDS for c in EXPERIMENTS[name][0]]
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
