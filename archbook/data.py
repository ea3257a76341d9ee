"""Images as tensors: data sets, fixed splits, batches, augmentation.

A data set of this book fits in memory, so there is no DataLoader: images stay bytes
(uint8) until a batch of them is needed, and a batch is a slice of a tensor that
already lies on the device.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F

ASSETS = Path(__file__).parent / "assets"
CACHE = Path.home() / ".cache" / "archbook"
VALIDATION_SIZE = 5_000

FASHION_MNIST_SHA256 = (
    "ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f"
)
FASHION_MNIST_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)


@dataclass(frozen=True)
class Split:
    """Images of one purpose: training, validation or test.

    Attributes:
        images: uint8 tensor (N, C, H, W), values 0 to 255.
        labels: int64 tensor (N,), class indices.
        mean, std: float tensors (1, C, 1, 1), of the training images as 0 to 1.
    """

    images: torch.Tensor
    labels: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        """The images at `index` (a slice or index tensor), as a smaller split."""
        return replace(self, images=self.images[index], labels=self.labels[index])

    def to(self, device):
        """The same split on another device."""
        fields = (self.images, self.labels, self.mean, self.std)
        return Split(*(tensor.to(device) for tensor in fields))

    def normalised(self):
        """All images as float32 with mean 0 and standard deviation 1, (N, C, H, W)."""
        return (self.images / 255).sub_(self.mean).div_(self.std)


@dataclass(frozen=True)
class Dataset:
    """Three disjoint splits of one data set, and the names of its classes."""

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple

    def map(self, function):
        """The same data set with its images changed, such as put on a larger canvas.

        Mean and standard deviation are those of the new training images.

        Args:
            function: (uint8 images (N, C, H, W), seed) → uint8 images; the seed is
                another one for each split.
        """
        splits = (self.train, self.validation, self.test)
        images = [function(split.images, seed) for seed, split in enumerate(splits)]
        mean, std = _mean_and_std(images[0])
        parts = (Split(i, s.labels, mean, std) for i, s in zip(images, splits))
        return Dataset(self.name, *parts, self.class_names)


def load_images(name="fashion_mnist", train_size=None, pad=0) -> Dataset:
    """Load a data set as uint8 tensors, split the same way every time.

    The validation split is the last 500 training images of each class, the training
    split the rest; `train_size` takes the first images of each class, equally many.
    No random numbers are involved, so every reader has the same images.

    Args:
        name: "fashion_mnist" ships with the book (1×28×28, Xiao et al. 2017);
            "cifar10" (3×32×32) is downloaded by torchvision on first use.
        train_size: number of training images, a multiple of the number of classes;
            None for all.
        pad: black pixels added on each side; 2 makes 32×32 of 28×28.

    Raises:
        ValueError: unknown name, impossible train_size or pad, damaged data file.
        ConnectionError: "cifar10" is not here yet and cannot be downloaded.
    """
    if name not in _READERS:
        known = ", ".join(sorted(_READERS))
        raise ValueError(f"unknown data set {name!r}; expected one of: {known}")
    if not isinstance(pad, int) or pad < 0:
        raise ValueError(f"pad is {pad!r}; expected a number of pixels, 0 or more")
    images, labels, test_images, test_labels, class_names = _READERS[name]()
    rest, validation = _last_of_each_class(labels, VALIDATION_SIZE)
    training = _first_of_each_class(labels, rest, train_size)
    images, test_images = (F.pad(x, [pad] * 4) for x in (images, test_images))
    mean, std = _mean_and_std(images[training])
    return Dataset(
        name,
        train=Split(images[training], labels[training], mean, std),
        validation=Split(images[validation], labels[validation], mean, std),
        test=Split(test_images, test_labels, mean, std),
        class_names=class_names,
    )


def training_batches(split, batch_size, generator, augment=False):
    """Yield (images, labels) of `split` once, in random order.

    Images are normalised floats (batch_size, C, H, W). A last, smaller batch is left
    out: its batch-norm statistics would be those of a handful of images.
    `generator` is a CPU torch.Generator; it draws order, flips and shifts.
    """
    if not 0 < batch_size <= len(split):
        raise ValueError(
            f"batch_size is {batch_size}; expected 1 to {len(split)}, the split's size"
        )
    order = torch.randperm(len(split), generator=generator)
    order = order.to(split.labels.device)
    for index in order.split(batch_size)[: len(split) // batch_size]:
        images = split.images.index_select(0, index)  # faster than images[index]
        if augment:
            images = flip_and_shift(images, generator)
        batch = replace(split, images=images, labels=split.labels[index])
        yield batch.normalised(), batch.labels


def ordered_batches(split, batch_size=500):
    """Yield (images, labels) of the whole split in order, images normalised floats."""
    for start in range(0, len(split), batch_size):
        batch = split[start : start + batch_size]
        yield batch.normalised(), batch.labels


def flip_and_shift(images, generator, pixels=2):
    """Mirror each image with probability 1/2 and move it up to `pixels` each way.

    Every image gets a draw of its own; what leaves the frame is lost, black comes in.

    Args:
        images: tensor (N, C, H, W) on any device.
        generator: a CPU torch.Generator.
    """
    count, _, height, width = images.shape
    device = images.device
    mirrored = (torch.rand(count, generator=generator) < 0.5).long().to(device)
    shift = torch.randint(2 * pixels + 1, (2, count), generator=generator).to(device)
    padded = F.pad(images, [pixels] * 4)
    pair = torch.stack([padded, padded.flip(-1)])
    # A view of every position: (2, N, C, 2·pixels + 1, 2·pixels + 1, H, W).
    windows = pair.unfold(3, height, 1).unfold(4, width, 1)
    each = torch.arange(count, device=device)
    return windows[mirrored, each, :, shift[0], shift[1]]


def _read_fashion_mnist():
    """Training images and labels, test images and labels, class names."""
    path = ASSETS / "fashion_mnist.npz"
    keys = ("train_images", "train_labels", "test_images", "test_labels")
    arrays = _read_npz(path, keys)
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array)
    if digest.hexdigest() != FASHION_MNIST_SHA256:
        raise ValueError(
            f"{path} is not Fashion-MNIST: the SHA-256 of its arrays is"
            f" {digest.hexdigest()}, expected {FASHION_MNIST_SHA256};"
            " reinstall archbook, or rebuild it with tools/make_fashion_mnist.py"
        )
    images, labels, test_images, test_labels = map(torch.from_numpy, arrays)
    return (
        images[:, None], labels.long(), test_images[:, None], test_labels.long(),
        FASHION_MNIST_CLASSES,
    )


def _read_npz(path, keys):
    import numpy as np

    try:
        with np.load(path) as archive:
            return [archive[key] for key in keys]
    except Exception as error:  # damage may surface in zip, deflate or NumPy's header
        raise ValueError(
            f"{path} cannot be read ({error});"
            " reinstall archbook, or rebuild it with tools/make_fashion_mnist.py"
        ) from error


def _read_cifar10():
    from torchvision.datasets import CIFAR10

    try:
        train, test = (CIFAR10(CACHE, train=t, download=True) for t in (True, False))
    except (OSError, RuntimeError) as error:
        raise ConnectionError(
            f"CIFAR-10 is not in {CACHE} and cannot be downloaded ({error});"
            ' connect once, or use "fashion_mnist", which needs no network'
        ) from error
    arrays = []
    for part in (train, test):
        arrays += [torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous()]
        arrays += [torch.tensor(part.targets)]
    return (*arrays, tuple(train.classes))


_READERS = {"fashion_mnist": _read_fashion_mnist, "cifar10": _read_cifar10}


def _last_of_each_class(labels, size):
    """Split indices into (all others, the last size/classes of each class), sorted."""
    classes = int(labels.max()) + 1
    positions = [(labels == c).nonzero()[:, 0] for c in range(classes)]
    last = torch.cat([p[-size // classes :] for p in positions]).sort().values
    others = torch.ones(len(labels), dtype=torch.bool)
    others[last] = False
    return others.nonzero()[:, 0], last


def _first_of_each_class(labels, indices, size):
    """The first `size` of `indices`, equally many of each class, in their order."""
    if size is None:
        return indices
    classes = int(labels.max()) + 1
    available = len(indices)
    if not isinstance(size, int) or not 0 < size <= available or size % classes:
        raise ValueError(
            f"train_size is {size!r}; expected a multiple of {classes} (as many images"
            f" of each class), at most {available}, or None for all"
        )
    own = labels[indices]
    chosen = [indices[own == c][: size // classes] for c in range(classes)]
    return torch.cat(chosen).sort().values


def _mean_and_std(images):
    """Mean and standard deviation per channel of uint8 images taken as 0 to 1."""
    values = torch.arange(256) / 255
    moments = []
    for channel in images.transpose(0, 1):
        share = torch.bincount(channel.flatten(), minlength=256) / channel.numel()
        mean = (share * values).sum()
        moments.append((mean, (share * (values - mean) ** 2).sum().sqrt()))
    return (torch.stack(m).view(1, -1, 1, 1) for m in zip(*moments))
