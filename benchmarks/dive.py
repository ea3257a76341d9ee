"""How long *Dive into Deep Learning*'s seven networks take: python -m benchmarks.dive

Networks with the layers that the book's chapters 7 and 8 state (Zhang et al. 2023), timed for a few
training steps of 128 images at the resolutions it trains them with, and this book's variants
beside them; section 24 extrapolates from these. One thread, float32, SGD. The results stand in
results/dive.json; networks that are there already are not timed again. Let nothing else run
meanwhile.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import statistics
import time

import torch
import torchvision
from torch import nn
from tqdm import tqdm

from tools.recording import conditions, recorded, save
from tools.ruler import cost

BATCH, WARM_UP, STEPS = 128, 1, 3


def conv(inputs, outputs, kernel_size, **options):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel_size, **options), nn.ReLU())


def pool(padding=0):
    return nn.MaxPool2d(3, 2, padding)


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10),
    )


def classifier(features):
    layers = [nn.Flatten()]
    for inputs in (features, 4096):
        layers += [nn.Linear(inputs, 4096), nn.ReLU(), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Linear(4096, 10))


def alexnet():
    return nn.Sequential(
        conv(1, 96, 11, stride=4, padding=1), pool(), conv(96, 256, 5, padding=2), pool(),
        conv(256, 384, 3, padding=1), conv(384, 384, 3, padding=1), conv(384, 256, 3, padding=1),
        pool(), classifier(256 * 5 * 5),
    )


def vgg():
    layers, channels = [], 1
    for count, outputs in ((1, 16), (1, 32), (2, 64), (2, 128), (2, 128)):
        for _ in range(count):
            layers.append(conv(channels, outputs, 3, padding=1))
            channels = outputs
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, classifier(128 * 7 * 7))


def nin():
    def block(inputs, outputs, kernel_size, **options):
        first = conv(inputs, outputs, kernel_size, **options)
        return nn.Sequential(first, conv(outputs, outputs, 1), conv(outputs, outputs, 1))

    return nn.Sequential(
        block(1, 96, 11, stride=4), pool(), block(96, 256, 5, padding=2), pool(),
        block(256, 384, 3, padding=1), pool(), nn.Dropout(0.5), block(384, 10, 3, padding=1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )


class Inception(nn.Module):
    """Four branches side by side: 1×1; 1×1, 3×3; 1×1, 5×5; pooling, 1×1."""

    def __init__(self, inputs, c1, c2, c3, c4):
        super().__init__()
        self.branches = nn.ModuleList([
            conv(inputs, c1, 1),
            nn.Sequential(conv(inputs, c2[0], 1), conv(*c2, 3, padding=1)),
            nn.Sequential(conv(inputs, c3[0], 1), conv(*c3, 5, padding=2)),
            nn.Sequential(nn.MaxPool2d(3, 1, padding=1), conv(inputs, c4, 1)),
        ])

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


def googlenet():
    return nn.Sequential(
        conv(1, 64, 7, stride=2, padding=3), pool(1),
        conv(64, 64, 1), conv(64, 192, 3, padding=1), pool(1),
        Inception(192, 64, (96, 128), (16, 32), 32),
        Inception(256, 128, (128, 192), (32, 96), 64), pool(1),
        Inception(480, 192, (96, 208), (16, 48), 64),
        Inception(512, 160, (112, 224), (24, 64), 64),
        Inception(512, 128, (128, 256), (24, 64), 64),
        Inception(512, 112, (144, 288), (32, 64), 64),
        Inception(528, 256, (160, 320), (32, 128), 128), pool(1),
        Inception(832, 256, (160, 320), (32, 128), 128),
        Inception(832, 384, (192, 384), (48, 128), 128),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 10),
    )


def resnet18():
    net = torchvision.models.resnet18(num_classes=10)
    net.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3)
    return net


class Dense(nn.Module):
    """Norm, ReLU, 3×3 convolution; its 32 maps are appended to its input."""

    def __init__(self, inputs):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, 32, 3, padding=1)
        )

    def forward(self, x):
        return torch.cat([x, self.layers(x)], 1)


def densenet():
    layers = [nn.Conv2d(1, 64, 7, stride=2, padding=3), nn.BatchNorm2d(64), nn.ReLU(),
              nn.MaxPool2d(3, 2, padding=1)]
    channels = 64
    for number in range(4):
        for _ in range(4):
            layers.append(Dense(channels))
            channels += 32
        layers += [nn.BatchNorm2d(channels), nn.ReLU()]
        if number < 3:
            layers += [nn.Conv2d(channels, channels // 2, 1), nn.AvgPool2d(2)]
            channels //= 2
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


NETWORKS = {  # name → builder, pixels, the variant of section 24 that stands beside it
    "LeNet": (lenet, 28, "LeNet-5"), "AlexNet": (alexnet, 224, "AlexNet"),
    "VGG-11, narrow": (vgg, 224, "VGG"), "NiN": (nin, 224, "NiN"),
    "GoogLeNet": (googlenet, 96, "Inception v1"), "ResNet-18": (resnet18, 96, "ResNet-14"),
    "DenseNet": (densenet, 96, "DenseNet"),
}


def seconds_of_step(net, pixels):
    """The median of a few training steps."""
    images, labels = torch.rand(BATCH, 1, pixels, pixels), torch.randint(10, (BATCH,))
    optimizer, seconds = torch.optim.SGD(net.parameters(), lr=0.01), []
    for _ in range(WARM_UP + STEPS):
        start = time.process_time()
        loss = nn.functional.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds[WARM_UP:])


def main():
    torch.set_num_threads(1)
    done = recorded("dive")
    for name, (build, pixels, ours) in tqdm(NETWORKS.items()):
        if name not in [record["network"] for record in done]:
            seconds = seconds_of_step(build(), pixels) / BATCH
            done.append({
                "network": name, "pixels": pixels, "s_per_image": float(f"{seconds:.3g}"),
                "ours": ours, "s_per_image_ours": cost(ours)["s_per_image"], **conditions(),
            })
            save("dive", done)


if __name__ == "__main__":
    main()
