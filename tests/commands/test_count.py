import cv2
import numpy as np
import pytest

LINE = ("--line", "gate", "64", "90", "64", "10")


@pytest.fixture
def film(tmp_path):
    """Two bright squares on grey: one goes right over x = 64, a later one goes left over it."""
    file = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 12.0, (128, 96))
    for number in range(80):
        picture = np.full((96, 128, 3), 100, np.uint8)
        for start, sign, top in ((5, 1, 20), (40, -1, 60)):
            x = 3 * (number - start) if sign > 0 else 128 - 3 * (number - start)
            if start <= number < start + 40:
                picture[top : top + 14, max(x - 14, 0) : max(x, 0)] = 240
        writer.write(picture)
    writer.release()
    return file


def test_each_direction_is_counted(companion, film):
    answer = companion("count", film, *LINE)
    assert answer.status == 0
    assert answer.lines == [{"line": "gate", "forward": 1, "backward": 1}]


def test_every_crossing_in_its_picture(companion, film):
    first, second = companion("count", film, *LINE, "--each").lines
    assert first["forward"]
    assert not second["forward"]
    assert abs(first["picture"] - 28) <= 2  # the middle of the square is at 3 (n - 5) - 7 = 64
    assert abs(second["picture"] - 59) <= 2  # and here at 128 - 3 (n - 40) - 7 = 64


def test_a_line_beside_the_road_counts_nobody(companion, film):
    answer = companion("count", film, "--line", "beside", "64", "96", "64", "90")
    assert answer.lines == [{"line": "beside", "forward": 0, "backward": 0}]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--line", "gate", "a", "1", "2", "3"), "four numbers"),
        ((*LINE, *LINE), "twice"),
        (("--line", "gate", "1", "1", "1", "1"), "gate"),
    ],
)
def test_lines_that_are_none_are_refused(companion, film, words, said):
    answer = companion("count", film, *words)
    assert answer.status == 1
    assert said in answer.errors


def test_a_file_that_is_no_film(companion, tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"no film")
    answer = companion("count", tmp_path / "film.mp4", *LINE)
    assert answer.status == 1
    assert "film.mp4" in answer.errors
