"""The reader of Fashion-MNIST: on small files of its layout, and on the set itself where it is."""

import gzip
import hashlib
import os

import numpy as np
import pytest
import torch
from torchvision.datasets import FashionMNIST

from companion.data.fashion_mnist import CLASSES, load_fashion_mnist
from companion.data.public import VARIABLE


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """A small set, its sums taken for the published ones; with its images and labels."""
    generator = np.random.default_rng(0)
    raw, sums, values = tmp_path / "FashionMNIST" / "raw", [], {}
    raw.mkdir(parents=True)
    for stem, count in (("train", 6), ("t10k", 4)):
        for kind, shape in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            values[stem, kind] = generator.integers(0, 10, shape, np.uint8)
            sizes = np.array([0, *shape], ">i4").tobytes()  # a word of kind, then the sizes
            packed = gzip.compress(sizes + values[stem, kind].tobytes())
            name = f"{stem}-{kind}-ubyte.gz"
            (raw / name).write_bytes(packed)
            sums.append((name, hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(FashionMNIST, "resources", sums)
    return tmp_path, values


def test_pictures_and_labels_are_those_of_the_files(drawn, monkeypatch):
    home, values = drawn
    monkeypatch.setenv(VARIABLE, str(home))
    for folder in (None, home / "FashionMNIST", home / "FashionMNIST" / "raw"):
        for stem, part in zip(("train", "t10k"), load_fashion_mnist(folder), strict=True):
            assert (part.images[:, 0].numpy() == values[stem, "images-idx3"]).all()
            assert part.labels.tolist() == values[stem, "labels-idx1"].tolist()
            assert part.labels.dtype == torch.int64


def test_a_damaged_or_missing_file_is_named_with_the_cure(drawn):
    raw = drawn[0] / "FashionMNIST" / "raw"
    file = raw / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"t10k-images.*MD5.*download=True"):
        load_fashion_mnist(raw)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"t10k-images.*download=True"):
        load_fashion_mnist(raw)


@pytest.mark.skipif(
    not os.path.isdir(os.path.join(os.environ.get(VARIABLE, ""), "FashionMNIST")),
    reason=f"${VARIABLE} names no folder with FashionMNIST",
)
def test_the_set_itself_has_the_published_counts():
    train, test = load_fashion_mnist()
    assert train.labels.bincount().tolist() == [6000] * 10
    assert test.labels.bincount().tolist() == [1000] * 10
    assert train.images.shape == (60_000, 1, 28, 28)
    lit = (test.images > 0).double().mean(dim=(1, 2, 3))
    by_class = {name: lit[test.labels == label].mean() for label, name in enumerate(CLASSES)}
    assert min(by_class, key=by_class.get) == "Sandal"  # the barest of the ten
