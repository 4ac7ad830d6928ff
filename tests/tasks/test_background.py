import cv2
import numpy as np
import pytest

from companion.data.video import read_video
from companion.tasks.background import RunningMedian, shadow_like


def noisy_road(count, generator, size=(24, 32)):
    return np.clip(generator.normal(120, 3, (count, *size)), 0, 255).astype(np.uint8)


def test_it_starts_from_the_median_and_a_multiple_of_the_usual_difference():
    pictures = noisy_road(31, np.random.default_rng(0))
    model = RunningMedian(pictures, factor=3.0, least=4)
    median = np.median(pictures, axis=0)
    np.testing.assert_array_equal(model.median, median)
    usual = np.median(np.abs(pictures - median), axis=0)
    np.testing.assert_array_equal(model.limit, np.clip(3 * usual, 4, 255))


def test_what_is_there_for_less_than_half_of_the_time_leaves_no_trace():
    pictures = noisy_road(21, np.random.default_rng(1))
    pictures[:10, 5:9, 5:9] = 250
    model = RunningMedian(pictures)
    assert abs(model.median[5:9, 5:9].astype(int) - 120).max() < 10
    mask = model.changed(pictures[0])
    assert mask[5:9, 5:9].all()
    assert mask.sum() == 16


def test_each_step_is_the_one_of_the_papers():
    generator = np.random.default_rng(2)
    pictures = generator.integers(0, 256, (60, 6, 7), dtype=np.uint8)
    model = RunningMedian(pictures[:5], factor=2.5, least=3)
    median, limit = model.median.astype(int), model.limit.astype(int)
    for picture in pictures:
        median = median + np.sign(picture.astype(int) - median)
        wanted = np.minimum(np.rint(2.5 * np.abs(picture.astype(int) - median)), 255)
        limit = np.maximum(limit + np.sign(wanted - limit), 3)
        model.update(picture)
        np.testing.assert_array_equal(model.median, median)
        np.testing.assert_array_equal(model.limit, limit)


def test_the_running_median_runs_to_the_median():
    generator = np.random.default_rng(3)
    model = RunningMedian(np.zeros((1, 4, 4), np.uint8))
    values = generator.choice([60, 90, 200], p=[0.25, 0.5, 0.25], size=(600, 4, 4)).astype(np.uint8)
    for picture in values:
        model.update(picture)
    assert abs(model.median.astype(int) - 90).max() <= 3


def test_a_car_that_stands_becomes_background_one_grey_level_at_a_time():
    model = RunningMedian(np.full((3, 4, 4), 100, np.uint8), least=16)
    parked = np.full((4, 4), 150, np.uint8)
    for _ in range(33):
        model.update(parked)
    assert model.median[0, 0] == 133
    for _ in range(17):
        model.update(parked)
    assert not model.changed(parked).any()


def test_shadow_is_a_share_of_the_light():
    ground = np.tile(np.array([[40, 100, 200]], np.uint8), (2, 1))
    shaded = np.rint(0.6 * ground).astype(np.uint8)
    assert shadow_like(shaded, ground).all()
    assert not shadow_like(ground, ground).any()
    assert not shadow_like(np.full_like(ground, 5), ground).any()
    assert not shadow_like(np.full_like(ground, 250), ground).any()


@pytest.mark.parametrize(
    ("pictures", "message"),
    [(np.zeros((0, 4, 5), np.uint8), "is the film empty"), (np.zeros((4, 5), np.uint8), "grey"),
     (np.zeros((2, 4, 5), float), "uint8"), (np.zeros((2, 4, 5, 3), np.uint8), "grey")],
)  # fmt: skip
def test_no_pictures_and_pictures_of_another_kind_are_named(pictures, message):
    with pytest.raises(ValueError, match=message):
        RunningMedian(pictures)


def test_a_film_without_pictures_is_named_before_a_background_is_made_of_it(tmp_path):
    file = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 12.0, (64, 48))
    assert writer.isOpened()
    writer.release()
    assert file.stat().st_size > 0
    with pytest.raises(ValueError, match="no video"):
        read_video(file)


def test_other_bad_input_is_named():
    model = RunningMedian(np.zeros((1, 4, 5), np.uint8))
    for wrong in (np.zeros((5, 4), np.uint8), np.zeros((4, 5))):
        with pytest.raises(ValueError, match="as the background is"):
            model.changed(wrong)
        with pytest.raises(ValueError, match="as the background is"):
            model.update(wrong)
    for wrong in ({"factor": 0}, {"least": 0}, {"least": 256}):
        with pytest.raises(ValueError, match="factor is above 0"):
            RunningMedian(np.zeros((1, 4, 5), np.uint8), **wrong)
    with pytest.raises(ValueError, match="of one size"):
        shadow_like(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match="darkest < lightest"):
        shadow_like(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), darkest=0.95)
