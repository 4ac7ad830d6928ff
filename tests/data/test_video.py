import threading

import cv2
import numpy as np
import pytest

from companion.data.video import READ_AHEAD, frame_count, read_video, stream_video

COUNT = 24


@pytest.fixture
def film(tmp_path):
    """A red square that moves 4 pixels from picture to picture, in a file of 24 pictures."""
    file = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 12.0, (128, 96))
    for number in range(COUNT):
        picture = np.zeros((96, 128, 3), np.uint8)
        picture[40:60, 4 * number : 4 * number + 20, 2] = 255  # OpenCV's order is BGR
        writer.write(picture)
    writer.release()
    return file


def left_edge(picture):
    return np.flatnonzero(picture[50, :, 0] > 128)[0]


def test_gives_all_pictures_in_order_as_rgb(film):
    video = read_video(film)
    assert video.frames.shape == (COUNT, 96, 128, 3)
    assert video.rate == 12
    edges = [left_edge(picture) for picture in video.frames]
    np.testing.assert_allclose(edges, 4 * np.arange(COUNT), atol=1)


def test_takes_a_part(film):
    video = read_video(film, first=3, count=4, every=5)
    np.testing.assert_allclose(
        [left_edge(p) for p in video.frames], 4 * np.array([3, 8, 13, 18]), atol=1
    )


def test_grey_is_the_brightness_of_the_colours(film):
    colours, grey = read_video(film), read_video(film, grey=True)
    assert grey.frames.shape == (COUNT, 96, 128)
    assert grey.rate == colours.rate
    brightness = colours.frames @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey.frames, brightness, atol=1)


def test_a_video_that_ends_early_is_named_or_taken_as_it_is(film):
    content = film.read_bytes()
    film.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="allow_short=True"):
        read_video(film, count=COUNT)
    short = read_video(film, count=COUNT, allow_short=True)
    assert 3 <= len(short.frames) < COUNT
    assert left_edge(short.frames[2]) == pytest.approx(8, abs=1)


def test_asking_beyond_the_end_is_an_error(film):
    with pytest.raises(ValueError, match="ends after 24 pictures where 30"):
        read_video(film, count=30)
    with pytest.raises(ValueError, match="ends after 24"):
        read_video(film, first=40, count=1, allow_short=True)


@pytest.mark.parametrize("content", [b"", b"this is no video" * 100])
def test_a_file_that_is_no_video_is_named(tmp_path, content):
    file = tmp_path / "film.mp4"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="no video"):
        read_video(file)


def test_a_missing_file_and_bad_numbers_are_named(tmp_path, film):
    with pytest.raises(FileNotFoundError, match="no such video"):
        read_video(tmp_path / "nothing.mp4")
    for wrong in ({"first": -1}, {"count": 0}, {"every": 0}):
        with pytest.raises(ValueError, match="at least"):
            read_video(film, **wrong)


def test_a_stream_gives_the_same_pictures_one_by_one(film):
    assert COUNT % READ_AHEAD == 0  # an empty last part
    for grey in (False, True):
        streamed = list(stream_video(film, grey=grey))
        np.testing.assert_array_equal(streamed, read_video(film, grey=grey).frames)


def test_a_stream_can_be_left_and_its_thread_ends(film):
    before = threading.active_count()
    stream = stream_video(film)
    next(stream)
    assert threading.active_count() > before
    stream.close()
    assert threading.active_count() == before


def test_a_stream_names_what_is_wrong_with_the_file(tmp_path, film):
    with pytest.raises(FileNotFoundError, match="no such video"):
        next(stream_video(tmp_path / "nothing.avi"))
    content = film.read_bytes()
    film.write_bytes(content[: len(content) // 2])
    seen = []
    with pytest.raises(ValueError, match=f"header promises {COUNT}"):
        seen.extend(stream_video(film))
    film.write_bytes(b"this is no video" * 100)
    with pytest.raises(ValueError, match="no video"):
        next(stream_video(film))


def test_the_header_tells_how_many_pictures(film, tmp_path):
    assert frame_count(film) == COUNT
    with pytest.raises(FileNotFoundError, match="nothing"):
        frame_count(tmp_path / "nothing.avi")
