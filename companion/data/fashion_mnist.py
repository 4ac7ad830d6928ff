"""Fashion-MNIST (Xiao et al., 2017, arXiv:1708.07747): 70,000 small pictures of clothes.

Grey, 28 x 28 pixels, ten classes, 60,000 to learn from and 10,000 to test on. The four files are
read as they are published, packed, and each is held to the authors' MD5 sum.
"""

import gzip
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torchvision.datasets import FashionMNIST
from torchvision.datasets.utils import check_integrity

from companion.data.public import public_folder

CLASSES = tuple(FashionMNIST.classes)
"""What the labels 0 to 9 mean."""


class Part(NamedTuple):
    """One part of the set.

    Attributes:
        images: N x 1 x 28 x 28, uint8.
        labels: N, int64.
    """

    images: torch.Tensor
    labels: torch.Tensor


def load_fashion_mnist(folder: str | os.PathLike | None = None) -> tuple[Part, Part]:
    """Read the set.

    Args:
        folder: holds the four packed files, in itself or in its folder `raw`; by default the folder
            FashionMNIST below $COMPANION_DATA, as `torchvision.datasets.FashionMNIST` lays it out.

    Returns:
        The 60,000 pictures to learn from and the 10,000 to test on.

    Raises:
        FileNotFoundError: there is no such folder or file.
        ValueError: a file is not the published one.

    Example:
        >>> CLASSES[7]
        'Sneaker'
    """
    source = "torchvision.datasets.FashionMNIST(FOLDER, download=True)"
    root = public_folder("FashionMNIST", source=source) if folder is None else Path(folder)
    if (root / "raw").is_dir():
        root = root / "raw"
    sums = dict(FashionMNIST.resources)
    parts = []
    for stem in ("train", "t10k"):
        images = _values(root / f"{stem}-images-idx3-ubyte.gz", sums, source, header=16)
        labels = _values(root / f"{stem}-labels-idx1-ubyte.gz", sums, source, header=8)
        parts.append(Part(images.view(-1, 1, 28, 28), labels.long()))
    train, test = parts
    return train, test


def _values(file: Path, sums: dict[str, str], source: str, *, header: int) -> torch.Tensor:
    """The bytes of one file behind its header, flat."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: there is no such file; get it by {source}")
    if not check_integrity(file, sums[file.name]):
        raise ValueError(
            f"{file}: its MD5 sum is not the published one, so it is damaged or another file; "
            f"get it anew by {source}"
        )
    return torch.from_numpy(
        np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, -1, header).copy()
    )
