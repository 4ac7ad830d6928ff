"""The reader of CHASE_DB1: on drawn files of its layout, and on the set itself where it is."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from companion.data.chase import load_chase
from companion.data.public import VARIABLE, public_folder


@pytest.fixture
def folder(tmp_path):
    """Both eyes of one child and one of another, 12 x 10 pixels."""
    root = tmp_path / "CHASEDB1"
    root.mkdir()
    generator = np.random.default_rng(0)
    for name in ("Image_02R", "Image_01L", "Image_01R"):
        picture = Image.fromarray(generator.integers(0, 256, (10, 12, 3), np.uint8))
        picture.save(root / f"{name}.jpg")
        for grader, bar in (("1stHO", 3), ("2ndHO", 4)):
            drawn = np.zeros((10, 12), bool)
            drawn[:, :bar] = True
            Image.fromarray(drawn).save(root / f"{name}_{grader}.png")
    (root / "SOURCE.txt").write_text("from somewhere")
    return root


def test_photographs_drawings_and_children_belong_together(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(folder.parent))
    vessels = load_chase()
    assert vessels.children.tolist() == ["01", "01", "02"]
    assert vessels.images.shape == (3, 3, 10, 12)
    assert vessels.images.dtype == torch.uint8
    assert vessels.first.shape == vessels.second.shape == (3, 1, 10, 12)
    assert vessels.first.sum(dim=3).unique().tolist() == [3]
    assert vessels.second.sum(dim=3).unique().tolist() == [4]
    pixels = np.asarray(Image.open(folder / "Image_02R.jpg"))
    assert (vessels.images[2].permute(1, 2, 0).numpy() == pixels).all()


def test_a_missing_variable_names_the_cure(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(
        FileNotFoundError, match=r"CHASEDB1 is read from .*COMPANION_DATA.*Kingston"
    ):
        load_chase()


def test_a_missing_set_names_where_it_should_be(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"Elsewhere.*get Elsewhere from a friend"):
        public_folder("Elsewhere", source="a friend")


def test_what_is_missing_or_damaged_is_named(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_chase(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no photograph"):
        load_chase(tmp_path)
    (folder / "Image_01R_2ndHO.png").rename(folder / "kept.png")
    with pytest.raises(FileNotFoundError, match=r"Image_01R_2ndHO\.png: this drawing"):
        load_chase(folder)
    (folder / "Image_01R_2ndHO.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"Image_01R_2ndHO\.png: cannot be used"):
        load_chase(folder)
    Image.fromarray(np.zeros((10, 11), bool)).save(folder / "Image_01R_2ndHO.png")
    with pytest.raises(ValueError, match="of one size"):
        load_chase(folder)


@pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"${VARIABLE} names no folder of sets")
def test_the_set_itself_is_complete_and_both_people_draw_much_the_same():
    vessels = load_chase()
    assert vessels.images.shape == (28, 3, 960, 999)
    assert len(set(vessels.children)) == 14
    both = (vessels.first & vessels.second).sum(dim=(1, 2, 3))
    dice = 2 * both / (vessels.first.sum(dim=(1, 2, 3)) + vessels.second.sum(dim=(1, 2, 3)))
    assert dice.min() > 0.65
    assert 0.7 < dice.mean() < 0.85
