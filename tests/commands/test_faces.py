import numpy as np
import pytest
from skimage import data

from companion.data.faces import load_portraits
from companion.data.images import read_image, write_image
from companion.tasks.gallery import Gallery


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Two people with three portraits each, one folder a person, and a fourth of the first."""
    root, portraits = tmp_path_factory.mktemp("people"), load_portraits()
    names = [str(name) for name in np.unique(portraits.people)[:2]]
    for name in names:
        rows = np.flatnonzero(portraits.people == name)
        for row in rows[:3]:
            write_image(portraits.images[row], root / "known" / name / f"{row}.png")
        write_image(portraits.images[rows[3]], root / "new" / f"{name}.png")
    return root, names


@pytest.fixture
def gallery(companion, people, tmp_path):
    root, names = people
    file = tmp_path / "people.gallery"
    answer = companion("faces", "enroll", "--gallery", file, root / "known", "--device", "cpu")
    assert answer.status == 0, answer.errors
    assert answer.lines == [{"name": name, "pictures": 3} for name in names]
    return file


def test_new_portraits_get_the_name_of_who_was_enrolled(companion, people, gallery, tmp_path):
    root, names = people
    answer = companion(
        "faces", "identify", "--gallery", gallery, root / "new", "--pictures", tmp_path / "out"
    )
    assert answer.status == 0
    assert [line["faces"][0]["name"] for line in answer.lines] == names
    assert all(0 < line["faces"][0]["distance"] <= 0.5 for line in answer.lines)
    for name in names:
        drawn = read_image(tmp_path / "out" / f"{name}.png.png")
        assert (drawn != read_image(root / "new" / f"{name}.png")).any()


def test_a_strict_threshold_knows_nobody(companion, people, gallery):
    root, _ = people
    answer = companion(
        "faces", "identify", "--gallery", gallery, root / "new", "--threshold", "0.01"
    )
    assert [line["faces"][0]["name"] for line in answer.lines] == [None, None]
    assert all(0.01 < line["faces"][0]["distance"] < 0.5 for line in answer.lines)  # the nearest
    refused = companion("faces", "identify", "--gallery", gallery, root, "--threshold", "-1")
    assert refused.status == 1
    assert "--threshold is a distance of 0 or more, got -1.0" in refused.errors


def test_who_is_forgotten_is_gone(companion, people, gallery):
    _, (first, second) = people
    assert companion("faces", "forget", "--gallery", gallery, first).status == 0
    listed = companion("faces", "people", "--gallery", gallery).lines
    assert listed == [{"name": second, "pictures": 3}]
    again = companion("faces", "forget", "--gallery", gallery, second, first)
    assert again.status == 1
    assert first in again.errors
    assert companion("faces", "people", "--gallery", gallery).lines == listed  # not one was deleted


def test_nobody_is_enrolled_when_a_picture_is_of_no_use(companion, people, tmp_path):
    root, names = people
    write_image(np.zeros((200, 200, 3), np.uint8), tmp_path / "dark.png")
    file = tmp_path / "people.gallery"
    paths = (root / "known" / names[0], tmp_path / "dark.png")
    answer = companion("faces", "enroll", "--gallery", file, "--name", "Ada", *paths)
    assert answer.status == 1
    assert "dark.png" in answer.errors
    assert "shows 0 faces" in answer.errors
    assert not file.exists()


def test_known_people_are_added_to_only_when_told(companion, people, gallery, monkeypatch):
    root, names = people
    new = (
        "faces",
        "enroll",
        "--gallery",
        gallery,
        "--name",
        names[0],
        root / "new" / f"{names[0]}.png",
    )
    with monkeypatch.context() as patch:  # the refusal comes before the first picture is read
        patch.setattr("companion.tasks.faces.detect", None)
        refused = companion(*new)
    assert refused.status == 1
    assert names[0] in refused.errors
    assert "--add stores further pictures" in refused.errors
    assert companion(*new, "--add").status == 0
    with Gallery(gallery) as opened:
        assert opened.people()[names[0]] == 4


def test_a_gallery_that_is_not_there_is_said_with_the_cure(companion, tmp_path):
    for verb in (("people",), ("forget", "Ada"), ("identify", tmp_path)):
        answer = companion("faces", verb[0], "--gallery", tmp_path / "none.gallery", *verb[1:])
        assert answer.status == 1
        assert "`faces enroll` makes one" in answer.errors
    assert list(tmp_path.iterdir()) == []


def test_whose_face_it_is_must_be_said(companion, people, tmp_path):
    root, names = people
    answer = companion("faces", "enroll", "--gallery", tmp_path / "g", root / "known" / names[0])
    assert answer.status == 1
    assert "--name" in answer.errors


def test_identify_makes_no_gallery(companion, people, tmp_path):
    root, _ = people
    answer = companion("faces", "identify", "--gallery", tmp_path / "none.gallery", root / "new")
    assert answer.status == 1
    assert "none.gallery" in answer.errors
    assert not (tmp_path / "none.gallery").exists()


def test_faces_are_found_where_they_are(companion, tmp_path):
    write_image(data.astronaut(), tmp_path / "astronaut.png")
    answer = companion("faces", "detect", tmp_path / "astronaut.png", "--method", "hog")
    (face,) = answer.lines[0]["faces"]
    x1, y1, x2, y2 = face["box"]
    assert x1 < 225 < x2  # her nose
    assert y1 < 130 < y2
