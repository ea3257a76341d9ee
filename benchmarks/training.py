"""How much of a bare training loop's speed `train` keeps: python -m benchmarks.training

Bare loop: forward, backward and step over batches that lie ready. Both sides run in turn on
the same model in one process and thread, several rounds. What counts is the median ratio of
their processor seconds, which other work on the machine disturbs little.
"""

import statistics
import time

import torch
import torch.nn.functional as F

from archbook.data import load_images, training_batches
from archbook.networks.lenet import LeNet5Simplified
from archbook.networks.resnet import CifarResNet
from archbook.training import make_optimizer, train

ROUNDS, TRAIN_SIZE, BATCH = 9, 10_000, 128


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
        object.__setattr__(data, "validation", data.validation[:1])
        torch.manual_seed(0)
        model = build().to(memory_format=torch.channels_last)
        for augment in (False, True):
            ratios = []
            for _ in range(ROUNDS):
                bare = bare_seconds(model, data)
                ratios.append(bare / train_seconds(model, data, augment))
            images = "mirrored and shifted" if augment else "as they are"
            print(
                f"{name}, images {images}: {statistics.median(ratios):.3f} of the bare loop"
                f" ({min(ratios):.3f} to {max(ratios):.3f})"
            )


if __name__ == "__main__":
    main()
