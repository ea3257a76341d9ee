"""Fashion-MNIST whole and undamaged, splits fixed, batches and augmentation right."""

import gzip
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from archbook import data as data_module
from archbook.data import flip_and_shift, load_images, ordered_batches, training_batches
from tools.make_fashion_mnist import FILES, read_idx


@pytest.fixture(scope="module")
def data():
    return load_images()


def test_splits_have_the_promised_sizes_and_are_balanced(data):
    for split, size in ((data.train, 55_000), (data.validation, 5_000), (data.test, 10_000)):
        assert split.images.shape == (size, 1, 28, 28) and split.images.dtype == torch.uint8
        assert split.labels.bincount().tolist() == [size // 10] * 10
    assert len(data.class_names) == 10


def test_training_and_validation_together_are_the_training_file(data):
    with np.load(data_module.ASSETS / "fashion_mnist.npz") as arrays:
        expected = sorted(image.tobytes() for image in arrays["train_images"])
    found = torch.cat([data.train.images, data.validation.images])[:, 0].numpy()
    assert sorted(image.tobytes() for image in found) == expected


def test_subsets_are_balanced_and_always_the_same():
    first, again = (load_images(train_size=500) for _ in range(2))
    assert torch.equal(first.train.images, again.train.images)
    assert first.train.labels.bincount().tolist() == [50] * 10
    assert len(first.validation) == 5_000


@pytest.mark.parametrize("damage", ["truncate", "flip", "other", "missing"])
def test_a_damaged_file_is_refused(damage, tmp_path, monkeypatch):
    file = tmp_path / "fashion_mnist.npz"
    shutil.copy(data_module.ASSETS / file.name, file)
    if damage == "truncate":
        file.write_bytes(file.read_bytes()[:10_000])
    elif damage == "flip":
        content = bytearray(file.read_bytes())
        content[5_000_000] ^= 255
        file.write_bytes(content)
    elif damage == "other":
        with np.load(file) as arrays:
            changed = dict(arrays)
        changed["test_labels"] = changed["test_labels"][::-1]
        np.savez(file, **changed)
    else:
        file.unlink()
    monkeypatch.setattr(data_module, "ASSETS", tmp_path)
    with pytest.raises(ValueError, match=r"fashion_mnist\.npz .*reinstall archbook"):
        load_images()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "mnist"}, "unknown data set 'mnist'.*fashion_mnist"),
        ({"train_size": 15}, "train_size is 15.*multiple of 10"),
        ({"train_size": 0}, "train_size is 0"),
        ({"train_size": 60_000}, "at most 55000"),
        ({"pad": -1}, "pad is -1"),
    ],
)
def test_bad_requests_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        load_images(**options)


def test_normalisation_uses_the_training_images_alone():
    small = load_images(train_size=1_000, pad=2)
    values = small.train.images.double() / 255
    assert small.train.images.shape == (1_000, 1, 32, 32)
    assert small.test.mean.item() == pytest.approx(values.mean().item(), abs=1e-5)
    assert small.test.std.item() == pytest.approx(values.std().item(), abs=1e-4)
    assert small.train.normalised().mean().abs() < 1e-4


def test_batches_cover_the_split_once_and_leave_out_the_rest():
    split = load_images(train_size=300).train
    seen = [labels for _, labels in training_batches(split, 64, torch.Generator())]
    assert [len(labels) for labels in seen] == [64] * 4
    ordered = list(ordered_batches(split, 128))
    assert torch.equal(torch.cat([labels for _, labels in ordered]), split.labels)
    assert torch.equal(torch.cat([x for x, _ in ordered]), split.normalised())
    with pytest.raises(ValueError, match="batch_size is 301"):
        next(training_batches(split, 301, torch.Generator()))


@pytest.mark.parametrize("channels", [1, 3])
def test_augmentation_moves_each_image_by_its_own_draw(channels):
    torch.manual_seed(0)
    images = torch.randint(256, (40, channels, 9, 7), dtype=torch.uint8)
    moved = flip_and_shift(images, torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(1)
    flips = torch.rand(40, generator=generator) < 0.5
    shifts = torch.randint(5, (2, 40), generator=generator)
    for i, image in enumerate(images):
        image = image.flip(-1) if flips[i] else image
        padded = torch.nn.functional.pad(image, [2] * 4)
        y, x = shifts[:, i]
        assert torch.equal(moved[i], padded[:, y : y + 9, x : x + 7])
    assert 5 < flips.sum() < 35 and len(shifts.unique(dim=1).T) > 10


def test_idx_files_are_read_packed_and_unpacked(tmp_path):
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    content = bytes([0, 0, 8, 3]) + np.array([2, 3, 4], ">i4").tobytes() + pixels.tobytes()
    (tmp_path / "plain").write_bytes(content)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(content))
    for name in ("plain", "packed"):
        assert np.array_equal(read_idx(tmp_path / name, (2, 3, 4)), pixels)
    assert [name for name, _ in FILES.values()][0] == "train-images-idx3-ubyte"


def fake_cifar(root, train, download):
    count = 6_000 if train else 100
    pixels = np.zeros((count, 32, 32, 3), np.uint8)
    return SimpleNamespace(
        data=pixels, targets=[i % 10 for i in range(count)], classes=list("abcdefghij")
    )


def test_cifar10_comes_through_torchvision(monkeypatch):
    monkeypatch.setattr("torchvision.datasets.CIFAR10", fake_cifar)
    cifar = load_images("cifar10")
    assert cifar.train.images.shape == (1_000, 3, 32, 32)
    assert cifar.validation.labels.bincount().tolist() == [500] * 10


def test_cifar10_without_a_network_says_so(monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr("torchvision.datasets.CIFAR10", unreachable)
    with pytest.raises(ConnectionError, match="cannot be downloaded.*fashion_mnist"):
        load_images("cifar10")


def test_normalising_leaves_the_images_as_they_are():
    split = load_images().test[:3]
    split = replace(split, images=split.images.float())  # would be its own float copy
    before = split.images.clone()
    split.normalised()
    assert torch.equal(split.images, before)


def test_mapping_changes_images_and_their_statistics_only():
    data = load_images(train_size=100)
    seeds = []

    def brighter(images, seed):
        seeds.append(seed)
        return F.pad(images // 2 + 50, [1] * 4)

    mapped = data.map(brighter)
    assert seeds == [0, 1, 2] and mapped.class_names == data.class_names
    for name in ("train", "validation", "test"):
        before, after = getattr(data, name), getattr(mapped, name)
        assert after.images.shape[2:] == (30, 30) and after.images.dtype == torch.uint8
        assert after.labels.equal(before.labels)
        assert after.mean.equal(mapped.train.mean) and after.std.equal(mapped.train.std)
    pixels = mapped.train.images.double() / 255
    assert mapped.train.mean.item() == pytest.approx(pixels.mean().item(), rel=1e-4)
    assert mapped.train.std.item() == pytest.approx(pixels.std().item(), rel=1e-4)
