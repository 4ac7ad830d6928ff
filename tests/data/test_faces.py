import re
import shutil

import numpy as np
import pytest

from companion.data import carriers
from companion.data.faces import load_portraits


@pytest.fixture(scope="module")
def portraits():
    return load_portraits()


def test_every_portrait_and_person(portraits):
    people, counts = np.unique(portraits.people, return_counts=True)
    assert len(portraits) == len(portraits.images) == len(portraits.files) == 173
    assert len(people) == 30
    assert (counts.min(), counts.max()) == (4, 10)
    assert portraits.files == sorted(portraits.files)
    for file, person in zip(portraits.files, portraits.people, strict=True):
        assert file.startswith(person)


def test_gender_is_one_per_person(portraits):
    values, counts = np.unique(portraits.genders, return_counts=True)
    assert dict(zip(values, counts, strict=True)) == {"F": 73, "M": 100}
    pairs = set(zip(portraits.people, portraits.genders, strict=True))
    assert len(pairs) == 30


def test_images_are_grey_rgb(portraits):
    for image in portraits.images:
        assert image.dtype == np.uint8
        assert image.shape[1:] == (200, 3)
        assert (image == image[..., :1]).all()


def test_eyes_lie_in_the_picture_left_one_first_and_level(portraits):
    assert portraits.eyes.shape == (173, 2, 2)
    left, right = portraits.eyes[:, 0], portraits.eyes[:, 1]
    across = (right - left)[:, 0]
    assert (across > 30).all()
    assert (np.abs((right - left)[:, 1]) < across / 2).all()
    for image, eyes in zip(portraits.images, portraits.eyes, strict=True):
        assert (eyes >= 0).all()
        assert (eyes < [image.shape[1], image.shape[0]]).all()


def test_marks_lie_on_the_dark_of_the_eyes(portraits):
    """An eye is darker than the cheek half an eye distance below it; x and y swapped are not."""

    def is_darker(eyes):
        dark = []
        for image, points in zip(portraits.images, eyes, strict=True):
            drop = np.linalg.norm(points[1] - points[0]) / 2
            for x, y in points:
                spots = []
                for row in (y, y + drop):
                    row, column = round(min(row, image.shape[0] - 4)), round(min(x, 196))
                    spots.append(image[row - 3 : row + 4, column - 3 : column + 4, 0].mean())
                dark.append(spots[0] < spots[1])
        return np.mean(dark)

    assert is_darker(portraits.eyes) > 0.9
    assert is_darker(portraits.eyes[..., ::-1]) < 0.8


@pytest.fixture
def copied(monkeypatch, tmp_path):
    """The carrier's portraits in a folder that a test may damage."""
    inside = "pyvision/data/csuScrapShots"
    source = carriers.path("portraits") / inside
    home = tmp_path / "home"
    monkeypatch.setenv("COMPANION_DATA_HOME", str(home))
    target = carriers.folder(carriers.get("portraits")) / inside
    shutil.copytree(source, target)
    return target


def test_eyes_given_in_the_other_order_are_put_right(copied, portraits):
    table = copied / "coords.txt"
    rows = [line.split() for line in table.read_text().splitlines()]
    table.write_text("".join(f"{n} {c} {d} {a} {b}\n" for n, a, b, c, d in rows))
    assert np.array_equal(load_portraits().eyes, portraits.eyes)


def test_tables_and_folder_must_agree(copied):
    (copied / "00001aa.pgm").unlink()
    with pytest.raises(ValueError, match="verify portraits"):
        load_portraits()


@pytest.mark.parametrize(
    ("table", "end", "reason"),
    [
        ("gender.txt", "\n00031aa.pgm\n", "needs 2 words a line, got '00031aa.pgm'"),
        ("gender.txt", "x\n", "needs F or M, got 'Fx'"),
        ("coords.txt", "\n00031aa 1 2 3 ?\n", "00031aa needs four numbers"),
        ("coords.txt", "\n00031aa 1 2 3 4\n", "does not name the same portraits"),
    ],
)
def test_damaged_table_is_named(copied, table, end, reason):
    file = copied / table
    file.write_text(file.read_text().rstrip() + end)
    with pytest.raises(ValueError, match=re.escape(f"{file}: ") + ".*" + re.escape(reason)):
        load_portraits()


def test_missing_carrier_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_DATA_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="install portraits"):
        load_portraits()
