import argparse
from pathlib import Path

import numpy as np
import pytest

from companion.commands import pictures
from companion.commands.pictures import Place
from companion.data.images import read_image, write_image

GREY = np.full((40, 60, 3), 128, np.uint8)


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.JPG", "deep/c.png"):
        write_image(GREY, tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    return tmp_path / "in"


def test_folders_are_searched_in_order_and_files_are_taken_as_named(folder):
    found = pictures.places([folder, folder / "notes.txt"])
    assert [str(place.name) for place in found] == ["a.JPG", "b.png", "deep/c.png", "notes.txt"]
    assert all(place.file.is_file() for place in found)


@pytest.mark.parametrize("missing", ["nothing.png", "empty"])
def test_what_is_not_there_is_an_error_that_names_it(tmp_path, missing):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=missing):
        pictures.places([tmp_path / missing])


def test_a_bad_picture_is_reported_and_the_rest_goes_on(folder, capsys):
    (folder / "b.png").write_bytes(b"no picture at all")
    todo = pictures.places([folder])
    status = pictures.for_each(todo, lambda picture, place: {"height": len(picture)})
    said = capsys.readouterr()
    assert status == 1
    assert said.out.count('"height": 40') == 2
    assert "b.png" in said.err
    assert "1 of 3 pictures" in said.err


def test_a_fault_of_the_program_is_not_taken_for_a_bad_picture(folder):
    def broken(picture, place):
        raise RuntimeError("a fault")

    with pytest.raises(RuntimeError, match="a fault"):
        pictures.for_each(pictures.places([folder]), broken)


def test_pictures_of_one_name_keep_apart(tmp_path):
    for name in ("a.jpg", "a.png", "deep/a.jpg"):
        pictures.save(GREY, tmp_path, Place(Path("elsewhere") / name, Path(name)))
    written = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.png"))
    assert written == ["a.jpg.png", "a.png.png", "deep/a.jpg.png"]
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg.png"), GREY)


def test_frames_are_drawn_where_the_boxes_are(tmp_path):
    drawn = pictures.with_boxes(GREY, np.array([[10.0, 5, 30, 25], [-9, -9, 99, 99]]), ["a", "b"])
    assert drawn.shape == GREY.shape
    changed = (drawn != GREY).any(axis=2)
    assert changed[15, 10]  # an edge of the first box
    assert changed[39, 20]  # an edge of the second, cut off at the picture's
    assert not changed[20, 20]  # inside of both
    np.testing.assert_array_equal(pictures.with_boxes(GREY, np.empty((0, 4)), []), GREY)


def test_every_verb_over_pictures_takes_a_device():
    parser = argparse.ArgumentParser()
    pictures.add_arguments(parser, pictures="x")
    assert parser.parse_args(["a.png", "--device", "cpu"]).device == "cpu"
