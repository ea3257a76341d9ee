"""How much of a bare training loop's speed `train` keeps: python -m benchmarks.training

Bare loop: forward, backward and step over batches that lie ready. A round runs bare, `train`,
`train`, bare on the same model in one process and thread, so that a machine which slows down
or speeds up meanwhile favours neither side, and gives the ratio of their processor seconds.
What counts is the median over the rounds, with a confidence interval.
"""

import statistics
import time
from dataclasses import replace

import torch
import torch.nn.functional as F

from archbook.data import load_images, training_batches
from archbook.networks.lenet import LeNet5Simplified
from archbook.networks.resnet import CifarResNet
from archbook.training import make_optimizer, train

ROUNDS, TRAIN_SIZE, BATCH = 13, 20_000, 128
LOW, HIGH = 2, 10  # between these of 13 sorted ratios lies the true median, with 97.8 %


def bare_seconds(model, data):
    """Processor seconds of one bare epoch over ready batches."""
    generator = torch.Generator().manual_seed(0)
    batches = [
        (images.contiguous(memory_format=torch.channels_last), labels)
        for images, labels in training_batches(data.train, BATCH, generator)
    ]
    optimizer = make_optimizer(model, 0.01)
    model.train()
    start = time.process_time()
    for images, labels in batches:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.process_time() - start


def train_seconds(model, data, augment):
    """Processor seconds of one epoch of `train`, all it does but the validation images."""
    start = time.process_time()
    train(model, data, 1, lr=0.01, batch_size=BATCH, augment=augment, progress=True)
    return time.process_time() - start


def main():
    torch.set_num_threads(1)
    for name, build, pad in [
        ("LeNet-5, simplified", LeNet5Simplified, 2),
        ("ResNet-20, width 8", lambda: CifarResNet(20, 10, 1, 8, stem_stride=2), 0),
    ]:
        data = load_images(train_size=TRAIN_SIZE, pad=pad)
        data = replace(data, validation=data.validation[:1])
        torch.manual_seed(0)
        model = build().to(memory_format=torch.channels_last)
        for augment in (False, True):
            ratios, seconds = [], []
            for _ in range(ROUNDS):
                first = bare_seconds(model, data)
                ours = [train_seconds(model, data, augment) for _ in range(2)]
                ratios.append((first + bare_seconds(model, data)) / sum(ours))
                seconds += ours
            ratios.sort()
            rate = TRAIN_SIZE // BATCH * BATCH / statistics.median(seconds)
            images = "mirrored and shifted" if augment else "as they are"
            print(
                f"{name}, images {images}: {rate:,.0f} images/s,"
                f" {statistics.median(ratios):.3f} of the bare loop"
                f" ({ratios[LOW]:.3f} to {ratios[HIGH]:.3f})"
            )


if __name__ == "__main__":
    main()
