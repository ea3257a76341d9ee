"""Seconds that each network of archbook/imagenet.csv takes for one image here.

usage: python -m benchmarks.latency

Untrained weights (time does not depend on them), batch of one, one thread, float32,
evaluation mode. Each network is measured in several rounds over all of them, so that a
disturbance of a few seconds does not count: the median of all passes is what is reported.
The results stand in results/latency.json; a stopped run goes on where it was. Let nothing
else run meanwhile.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import statistics
import time

import timm
import torch
import torchvision
from tqdm import tqdm

from archbook.published import imagenet_models
from tools.recording import conditions, key, recorded, save

ROUNDS, WARM_UP, PASSES = 3, 1, 3


def build(library, network):
    """The network with random weights, without auxiliary heads."""
    if library == "timm":
        return timm.create_model(network).eval()
    heads = {"googlenet": {"aux_logits": False}, "inception_v3": {"aux_logits": False}}
    if network in heads:
        heads[network]["init_weights"] = False  # slow, and of no use here
    return torchvision.models.get_model(network, **heads.get(network, {})).eval()


@torch.inference_mode()
def passes(model, resolution):
    """Seconds of each of the passes."""
    image, seconds = torch.zeros(1, 3, resolution, resolution), []
    for _ in range(WARM_UP + PASSES):
        start = time.perf_counter()
        model(image)
        seconds.append(time.perf_counter() - start)
    return seconds[WARM_UP:]


def main():
    torch.set_num_threads(1)
    rows = imagenet_models()[["library", "network", "resolution"]].drop_duplicates()
    rows = rows.to_dict("records")
    done = {identity(record): record for record in recorded("latency")}
    todo = [row for number in range(ROUNDS) for row in rows
            if len(done.get(identity(row), {}).get("passes", [])) <= number * PASSES]
    for row in tqdm(todo):
        before = done.get(identity(row), {}).get("passes", [])
        new = passes(build(row["library"], row["network"]), row["resolution"])
        seconds = before + [float(f"{s:.3g}") for s in new]
        done[identity(row)] = row | {
            "s_per_image": float(f"{statistics.median(seconds):.3g}"),
            "passes": seconds,
            "timm": timm.__version__,
            **conditions(),
        }
        save("latency", [done[name] for name in sorted(done)])


def identity(record):
    return key(*(record[field] for field in ("library", "network", "resolution")))


if __name__ == "__main__":
    main()
