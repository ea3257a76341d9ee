"""Rebuild archbook/assets/fashion_mnist.npz from the original files.

usage: python -m tools.make_fashion_mnist FOLDER

FOLDER holds the four IDX files, packed (.gz) or not: Debian's package
`dataset-fashion-mnist` puts them in /usr/share/datasets/fashion-mnist, and
torchvision's download in <root>/FashionMNIST/raw. Both give the same bytes.
"""

import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

from archbook.data import ASSETS, FASHION_MNIST_SHA256

FILES = {
    "train_images": ("train-images-idx3-ubyte", (60_000, 28, 28)),
    "train_labels": ("train-labels-idx1-ubyte", (60_000,)),
    "test_images": ("t10k-images-idx3-ubyte", (10_000, 28, 28)),
    "test_labels": ("t10k-labels-idx1-ubyte", (10_000,)),
}


def read_idx(path, shape):
    """Read one IDX file of unsigned bytes; the header is 4 bytes and 4 per dimension."""
    packed = path.with_name(path.name + ".gz")
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def write_npz(path, arrays):
    """Write an .npz whose bytes depend on the arrays alone: fixed dates, fixed order."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(2017, 8, 25, 0, 0, 0))
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(entry, buffer.getvalue(), zipfile.ZIP_DEFLATED, 9)


def main(folder):
    arrays = {key: read_idx(Path(folder) / name, s) for key, (name, s) in FILES.items()}
    digest = hashlib.sha256(b"".join(array.tobytes() for array in arrays.values()))
    if digest.hexdigest() != FASHION_MNIST_SHA256:
        raise SystemExit(
            f"{folder} does not hold Fashion-MNIST: the SHA-256 of its arrays is"
            f" {digest.hexdigest()}, expected {FASHION_MNIST_SHA256}"
        )
    target = ASSETS / "fashion_mnist.npz"
    write_npz(target, arrays)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
