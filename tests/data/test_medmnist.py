"""The reader of MedMNIST: on drawn files of its layout, and on PneumoniaMNIST where it is."""

import os
import sys
import types

import numpy as np
import pytest
import torch

from companion.data.medmnist import KINDS, load_medmnist
from companion.data.public import VARIABLE


def draw(kind, size=28, count=6):
    """Arrays as the authors name them, with every label once."""
    generator = np.random.default_rng(0)
    shape = (count, size, size) if kind.channels == 1 else (count, size, size, kind.channels)
    arrays = {}
    for part in ("train", "val", "test"):
        arrays[f"{part}_images"] = generator.integers(0, 256, shape, np.uint8)
        labels = np.arange(count) % len(kind.classes)
        arrays[f"{part}_labels"] = labels[:, None].astype(np.uint8)
    return arrays


@pytest.mark.parametrize("name", list(KINDS))
@pytest.mark.parametrize("size", [28, 64])
def test_pictures_and_labels_are_those_of_the_file(tmp_path, monkeypatch, name, size):
    kind = KINDS[name]
    (tmp_path / name).mkdir()
    arrays = draw(kind, size)
    np.savez(tmp_path / name / kind.file(size), **arrays)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    found = load_medmnist(name, size=size)
    assert found.kind is kind
    for part in ("train", "val", "test"):
        images, labels = getattr(found, part)
        assert images.shape == (6, kind.channels, size, size)
        assert labels.dtype == torch.int64
        assert labels.tolist() == arrays[f"{part}_labels"][:, 0].tolist()
        picture = images[3, 0] if kind.channels == 1 else images[3].permute(1, 2, 0)
        assert (picture.numpy() == arrays[f"{part}_images"][3]).all()


@pytest.mark.skipif(
    not os.path.isdir(os.path.join(os.environ.get(VARIABLE, ""), "PneumoniaMNIST")),
    reason=f"${VARIABLE} names no folder with PneumoniaMNIST",
)
def test_the_set_itself_has_the_published_counts():
    found = load_medmnist("PneumoniaMNIST")
    counts = [getattr(found, part).labels.bincount().tolist() for part in ("train", "val", "test")]
    assert counts == [[1214, 3494], [135, 389], [234, 390]]
    means = [found.train.images[found.train.labels == label].float().mean() for label in (0, 1)]
    assert 80 < min(means) < max(means) < 180


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda a: a.pop("val_labels"), "val_labels"),
        (lambda a: a.update(test_images=a["test_images"][:, :20]), r"test_images must be uint8"),
        (lambda a: a.update(train_images=a["train_images"] / 255), r"got float64 of shape"),
        (lambda a: a.update(train_labels=a["train_labels"][:4]), r"must be 6 x 1 integers"),
        (lambda a: a.update(val_labels=a["val_labels"] + 1), r"must lie between 0 and 1"),
        (lambda a: a.update(test_labels=a["test_labels"].astype(object)), r"allow_pickle=False"),
    ],
)
def test_a_file_of_another_layout_says_what_is_wrong(tmp_path, harm, reason):
    arrays = draw(KINDS["BreastMNIST"])
    harm(arrays)
    np.savez(tmp_path / "breastmnist.npz", **arrays)
    with pytest.raises(ValueError, match=rf"(?s)does not hold BreastMNIST at 28 pixels.*{reason}"):
        load_medmnist("BreastMNIST", tmp_path)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04cut off"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "retinamnist.npz").write_bytes(content)
    with pytest.raises(ValueError, match="does not hold RetinaMNIST"):
        load_medmnist("RetinaMNIST", tmp_path)


def test_bad_input_says_what_is_needed(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"the sets are PneumoniaMNIST, .*, got 'ChestMNIST'"):
        load_medmnist("ChestMNIST")
    with pytest.raises(ValueError, match="got 32"):
        load_medmnist("BreastMNIST", size=32)
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(FileNotFoundError, match=rf"{VARIABLE} names, which is not set"):
        load_medmnist("DermaMNIST")
    with pytest.raises(FileNotFoundError, match=r"dermamnist_64\.npz: there is no such file"):
        load_medmnist("DermaMNIST", tmp_path, size=64)
    with pytest.raises(ValueError, match="say which folder to download to"):
        load_medmnist("DermaMNIST", download=True)


def test_download_without_the_package_names_the_cure(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "medmnist", None)
    with pytest.raises(ModuleNotFoundError, match="`pip install medmnist`"):
        load_medmnist("BreastMNIST", tmp_path, download=True)


def test_download_asks_the_package_for_the_file_and_reads_it(tmp_path, monkeypatch):
    asked = []

    def fetch(**arguments):
        asked.append(arguments)
        np.savez(tmp_path / "new" / "breastmnist_64.npz", **draw(KINDS["BreastMNIST"], 64))

    monkeypatch.setitem(sys.modules, "medmnist", types.SimpleNamespace(BreastMNIST=fetch))
    found = load_medmnist("BreastMNIST", tmp_path / "new", size=64, download=True)
    assert found.test.images.shape == (6, 1, 64, 64)
    wanted = {"split": "train", "download": True, "root": str(tmp_path / "new"), "size": 64}
    assert asked == [wanted]
