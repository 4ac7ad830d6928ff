"""The reader for NEU-DET: a folder made here, and the real set where there is one."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from companion.data.neu_det import CLASSES, load_neu_det

OBJECT = """<object><name>{name}</name><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>
<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"""


def annotate(root, name, *objects):
    text = "".join(OBJECT.format(name=kind, box=box) for kind, box in objects)
    (root / "ANNOTATIONS" / f"{name}.xml").write_text(f"<annotation>{text}</annotation>")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    root = tmp_path / "NEU-DET"
    for name in ("IMAGES", "ANNOTATIONS"):
        (root / name).mkdir(parents=True)
    for number, name in enumerate(("rolled-in_scale_2", "crazing_1")):
        Image.new("L", (200, 200), 50 + number).convert("RGB").save(root / "IMAGES" / f"{name}.jpg")
    annotate(
        root, "rolled-in_scale_2", ("rolled-in_scale", (1, 11, 200, 20)), ("patches", (5, 5, 9, 9))
    )
    annotate(root, "crazing_1")
    (root / "train.txt").write_text("rolled-in_scale_2\ncrazing_1\n")
    return root


def test_photographs_labels_and_boxes(folder):
    steel = load_neu_det("train")
    assert steel.names == ("crazing_1", "rolled-in_scale_2")
    assert steel.images.shape == (2, 1, 200, 200)
    assert steel.images.dtype == torch.uint8
    assert steel.images[:, 0, 0, 0].tolist() == pytest.approx([51, 50], abs=1)
    assert [CLASSES[label] for label in steel.labels] == ["crazing", "rolled-in_scale"]
    assert steel.boxes[0].shape == (0, 4)
    assert steel.boxes[1].tolist() == [[0, 10, 200, 20], [4, 4, 9, 9]]  # counted from 0
    assert [CLASSES[label] for label in steel.box_labels[1]] == ["rolled-in_scale", "patches"]


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((0, 3, 10, 20), "no area or leaves the 200 x 200 pixels"),
        ((1, 3, 201, 20), "no area or leaves"),
        ((9, 3, 8, 20), "no area or leaves"),
        (("x", 3, 8, 20), "no Pascal VOC annotation"),
        (("nan", 3, 8, 20), "no area or leaves"),
    ],
)
def test_a_box_that_contradicts(folder, box, message):
    annotate(folder, "crazing_1", ("crazing", box))
    with pytest.raises(ValueError, match=message):
        load_neu_det("train")


def test_what_is_missing_or_damaged_is_named(folder, monkeypatch):
    with pytest.raises(ValueError, match="part must be"):
        load_neu_det("valid")
    with pytest.raises(FileNotFoundError, match=r"test\.txt: there is no such file"):
        load_neu_det("test")
    annotate(folder, "crazing_1", ("rust", (1, 1, 5, 5)))
    with pytest.raises(ValueError, match="'rust' is none of crazing, inclusion"):
        load_neu_det("train")
    for damaged in ("<annotation><object>", "<annotation><object></object></annotation>"):
        (folder / "ANNOTATIONS" / "crazing_1.xml").write_text(damaged)
        with pytest.raises(ValueError, match="no Pascal VOC annotation"):
            load_neu_det("train")
    (folder / "ANNOTATIONS" / "crazing_1.xml").unlink()
    with pytest.raises(FileNotFoundError, match="every photograph needs one"):
        load_neu_det("train")
    annotate(folder, "crazing_1")
    picture = folder / "IMAGES" / "crazing_1.jpg"
    Image.new("L", (100, 200)).save(picture)
    with pytest.raises(ValueError, match="needs 200 x 200 grey pixels, got 100 x 200"):
        load_neu_det("train")
    Image.fromarray(np.full((200, 200, 3), (250, 5, 5), np.uint8)).save(picture)
    with pytest.raises(ValueError, match="in colour"):
        load_neu_det("train")
    picture.unlink()
    with pytest.raises(FileNotFoundError, match=r"crazing_1\.jpg"):
        load_neu_det("train")
    (folder / "train.txt").write_text("rust_1\n")
    with pytest.raises(FileNotFoundError, match=r"rust_1\.xml"):
        load_neu_det("train")
    (folder / "train.txt").write_text("\n")
    with pytest.raises(ValueError, match="names no photographs"):
        load_neu_det("train")
    monkeypatch.delenv("COMPANION_DATA")
    with pytest.raises(FileNotFoundError, match="COMPANION_DATA"):
        load_neu_det("train")


@pytest.mark.skipif("COMPANION_DATA" not in os.environ, reason="$COMPANION_DATA is not set")
def test_the_set_itself_has_every_kind_and_a_box_of_its_kind_on_every_photograph():
    for part in ("train", "test"):
        steel = load_neu_det(part)
        counts = steel.labels.bincount(minlength=len(CLASSES))
        assert (counts == counts[0]).all()
        pairs = zip(steel.labels, steel.box_labels, strict=True)
        assert sum(bool((label == boxes).any()) for label, boxes in pairs) >= len(steel) - 2
