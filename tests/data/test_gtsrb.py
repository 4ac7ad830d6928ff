"""The reader for GTSRB: a folder made here, and the real set where there is one."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from companion.data.gtsrb import load_gtsrb


def picture(file, grey):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((9, 12, 3), grey, np.uint8)).save(file)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    root = tmp_path / "gtsrb"
    for number, name in enumerate(("00000/00000_00001", "00000/00000_00002", "00014/00000_00029")):
        picture(root / "GTSRB" / "Training" / f"{name}.ppm", 50 * number)
    picture(root / "GTSRB" / "Final_Test" / "Images" / "00007.ppm", 200)
    (root / "GT-final_test.csv").write_text("Filename;Width;Height;ClassId\n00007.ppm;12;9;42\n")
    return root


def test_both_parts(folder):
    signs = load_gtsrb("train", size=8)
    assert signs.images.shape == (3, 3, 8, 8)
    assert signs.images[:, 0, 0, 0].tolist() == [0, 50, 100]
    assert signs.labels.tolist() == [0, 0, 14]
    assert signs.tracks.tolist() == ["00000/00000", "00000/00000", "00014/00000"]
    test = load_gtsrb("test")
    assert (test.labels.tolist(), len(test)) == ([42], 1)
    assert torch.equal(test.images, torch.full((1, 3, 32, 32), 200, dtype=torch.uint8))


def test_bad_folders(folder):
    picture(folder / "GTSRB" / "Training" / "00014" / "sign.ppm", 1)
    with pytest.raises(ValueError, match="needs a name like"):
        load_gtsrb("train")
    (folder / "GTSRB" / "Training" / "00014" / "sign.ppm").unlink()
    picture(folder / "GTSRB" / "Training" / "00043" / "00000_00000.ppm", 1)
    with pytest.raises(ValueError, match="between 0 and 42, got 43"):
        load_gtsrb("train")
    (folder / "GTSRB" / "Final_Test" / "Images" / "00007.ppm").unlink()
    with pytest.raises(FileNotFoundError, match=r"00007\.ppm"):
        load_gtsrb("test")
    (folder / "GT-final_test.csv").write_text("name;class\na;1\n")
    with pytest.raises(ValueError, match="needs the columns"):
        load_gtsrb("test")
    (folder / "GT-final_test.csv").write_text("Filename;ClassId\n")
    with pytest.raises(ValueError, match="no pictures of the part 'test'"):
        load_gtsrb("test")
    (folder / "GT-final_test.csv").unlink()
    with pytest.raises(FileNotFoundError, match="labels of the test"):
        load_gtsrb("test")


def test_bad_arguments(folder):
    with pytest.raises(ValueError, match='"train" or "test"'):
        load_gtsrb("valid")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        load_gtsrb("train", size=0)


@pytest.mark.skipif("COMPANION_DATA" not in os.environ, reason="$COMPANION_DATA is not set")
def test_the_real_set():
    signs, test = load_gtsrb("train", size=16), load_gtsrb("test", size=16)
    assert set(signs.labels.tolist()) == set(test.labels.tolist()) == set(range(43))
    assert len(set(signs.tracks)) < len(signs)
