"""The reader for Penn-Fudan: a folder made here, and the real set where there is one."""

import os

import numpy as np
import pytest
from PIL import Image

from companion.data.penn_fudan import load_penn_fudan

ANNOTATION = """# Compatible with PASCAL Annotation Version 1.00
Objects with ground truth : 2 {{ "PASpersonWalking" "PASpersonStanding" }}
Bounding box for object 1 "PASpersonWalking" (Xmin, Ymin) - (Xmax, Ymax) : (1, 3) - (10, 20)
Bounding box for object 2 "PASpersonStanding" (Xmin, Ymin) - (Xmax, Ymax) : ({box}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    root = tmp_path / "PennFudanPed"
    for name in ("PNGImages", "Annotation"):
        (root / name).mkdir(parents=True)
    Image.fromarray(np.full((30, 40, 3), 7, np.uint8)).save(root / "PNGImages" / "B.png")
    (root / "Annotation" / "B.txt").write_text(ANNOTATION.format(box="12, 4) - (40, 30)"))
    return root


def test_photographs_and_boxes(folder):
    people = load_penn_fudan()
    assert people.names == ("B",)
    assert people.images[0].shape == (30, 40, 3)
    assert people.boxes[0].tolist() == [[0, 2, 10, 20], [11, 3, 40, 30]]  # counted from 0
    inner = folder / "PennFudanPed"
    inner.mkdir()
    for name in ("PNGImages", "Annotation"):
        (folder / name).rename(inner / name)
    assert len(load_penn_fudan()) == 1


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ("12, 4) - (41, 30)", "no area or leaves the 40 x 30 pixels"),
        ("12, 4) - (11, 30)", "no area or leaves"),
        ("12, x) - (11, 30)", "names 2 people and gives 1 boxes"),
    ],
)
def test_annotation_that_contradicts(folder, box, message):
    (folder / "Annotation" / "B.txt").write_text(ANNOTATION.format(box=box))
    with pytest.raises(ValueError, match=message):
        load_penn_fudan()


def test_missing_parts(folder, monkeypatch):
    (folder / "Annotation" / "B.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"B\.txt: there is no such file"):
        load_penn_fudan()
    (folder / "PNGImages" / "B.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match="not a picture"):
        load_penn_fudan()
    (folder / "PNGImages" / "B.png").unlink()
    with pytest.raises(ValueError, match="holds no photographs"):
        load_penn_fudan()
    monkeypatch.delenv("COMPANION_DATA")
    with pytest.raises(FileNotFoundError, match="COMPANION_DATA"):
        load_penn_fudan()


@pytest.mark.skipif("COMPANION_DATA" not in os.environ, reason="$COMPANION_DATA is not set")
def test_yolov4_tiny_finds_the_people_of_the_real_set():
    from companion.data.weights import yolov4_tiny
    from companion.models.darknet import Darknet
    from companion.tasks.detection import detect_all
    from companion.tasks.detection_scores import Truth, average_precision

    people = load_penn_fudan()
    truths = [Truth(boxes, [0] * len(boxes)) for boxes in people.boxes]
    assert sum(map(len, truths)) >= len(people)
    network = Darknet(*yolov4_tiny()[:2])
    found = detect_all(people.images, network, threshold={0: 0.01})
    assert average_precision(found, truths).map_50 >= 0.9
