import os
from dataclasses import astuple
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from companion.data.mot import read_mot
from companion.data.scenes import draw_sequence
from companion.tasks.track_filter import (
    MEASURED,
    MEASUREMENT_NOISE,
    MOTION,
    MOTION_NOISE,
    TrackFilter,
    to_measurement,
)
from companion.tasks.tracking import Sort, Tracks, match, score, track


def random_boxes(generator, count):
    corner = generator.uniform(0, 80, (count, 2))
    return np.concatenate([corner, corner + generator.uniform(5, 40, (count, 2))], axis=1)


def test_the_batch_of_filters_is_each_filter_by_the_textbook():
    generator = np.random.default_rng(0)
    first, second = random_boxes(generator, 5), random_boxes(generator, 5)
    batch = TrackFilter.start(first).predict().update(second)
    for row in range(5):
        one = TrackFilter.start(first[row : row + 1])
        mean, covariance = one.mean[0], one.covariance[0]
        mean, covariance = MOTION @ mean, MOTION @ covariance @ MOTION.T + MOTION_NOISE
        innovation = MEASURED @ covariance @ MEASURED.T + MEASUREMENT_NOISE
        gain = covariance @ MEASURED.T @ np.linalg.inv(innovation)
        mean = mean + gain @ (to_measurement(second[row : row + 1])[0] - MEASURED @ mean)
        covariance = (np.eye(7) - gain @ MEASURED) @ covariance
        np.testing.assert_allclose(batch.mean[row], mean, rtol=1e-9)
        np.testing.assert_allclose(batch.covariance[row], covariance, rtol=1e-6, atol=1e-8)


def test_boxes_survive_the_filter_and_an_area_never_vanishes():
    boxes = random_boxes(np.random.default_rng(1), 7)
    np.testing.assert_allclose(TrackFilter.start(boxes).boxes(), boxes)
    shrinking = TrackFilter.start(np.array([[0.0, 0, 40, 40]]))
    for side in (30, 18, 6):
        shrinking = shrinking.predict().update(np.array([[0.0, 0, side, side]]))
    for _ in range(20):
        shrinking = shrinking.predict()
        x1, y1, x2, y2 = shrinking.boxes()[0]
        assert x2 > x1
        assert y2 > y1


def test_the_pairing_has_the_largest_total_overlap_of_all_pairings():
    generator = np.random.default_rng(2)
    for _ in range(20):
        first, second = random_boxes(generator, 4), random_boxes(generator, 4)
        size = np.maximum(
            np.minimum(first[:, None, 2:], second[None, :, 2:])
            - np.maximum(first[:, None, :2], second[None, :, :2]), 0,
        )  # fmt: skip
        inter = size.prod(axis=2)
        areas = [(b[:, 2:] - b[:, :2]).prod(axis=1) for b in (first, second)]
        iou = inter / (areas[0][:, None] + areas[1] - inter)
        best = max(iou[range(4), order].sum() for order in permutations(range(4)))
        rows, columns = match(first, second, overlap=1e-9)
        assert iou[rows, columns].sum() == pytest.approx(best)


def test_identities_stay_through_a_crossing_and_a_short_absence():
    pictures = []
    for time in range(30):
        boxes = [[4 * time, 40, 4 * time + 24, 64], [116 - 4 * time, 52, 140 - 4 * time, 76]]
        pictures.append(boxes[:1] if time in (20, 21) else boxes)
    tracks = track(pictures, keep=3)
    assert set(np.concatenate([t.identities for t in tracks])) == {1, 2}
    left = tracks[-1].boxes[tracks[-1].identities == 1][0]
    np.testing.assert_allclose(left, pictures[-1][0], atol=1.5)
    forgetful = track(pictures, keep=1)
    assert 3 in forgetful[-1].identities


def test_a_single_false_alarm_is_not_reported():
    tracker = Sort()
    steady = [10, 10, 30, 30]
    for _ in range(4):
        tracker.update([steady])
    assert tracker.update([steady, [60, 60, 80, 80]]).identities.tolist() == [1]
    assert tracker.update([steady]).identities.tolist() == [1]


def test_empty_pictures_and_boxes_without_area_are_defined():
    tracker = Sort()
    assert len(tracker.update([])) == 0
    assert len(tracker.update(np.zeros((0, 4)))) == 0
    assert len(tracker.update([[5, 5, 5, 9], [5, 5, 5, 5]])) == 0
    assert tracker.update([[5, 5, 15, 15]]).boxes.shape in ((0, 4), (1, 4))
    assert track([]) == []


@pytest.mark.parametrize(
    ("boxes", "message"),
    [([[5, 5, 2, 9]], "x1 <= x2"), ([[0, 0, np.nan, 1]], "finite"), ([1, 2, 3, 4], "shape"),
     ([[1, 2, 3]], "shape")],
)  # fmt: skip
def test_bad_boxes_are_named(boxes, message):
    with pytest.raises(ValueError, match=message):
        Sort().update(boxes)


def test_bad_settings_are_named():
    for wrong in ({"keep": 0}, {"confirm": 0}, {"overlap": 0.0}, {"overlap": 1.5}):
        with pytest.raises(ValueError, match="at least 1"):
            Sort(**wrong)


def truth_of(sequence):
    return [
        Tracks(boxes.numpy().astype(float), identities.numpy())
        for boxes, identities in zip(sequence.boxes, sequence.identities, strict=True)
    ]


def test_truth_scores_full_marks_and_planted_faults_are_counted():
    truth = truth_of(draw_sequence(20, seed=6))
    perfect = score(truth, truth)
    assert (perfect.idf1, perfect.mota, perfect.motp) == (1, 1, 0)
    swapped = [
        Tracks(t.boxes, t.identities if i < 10 else t.identities + 1000)
        for i, t in enumerate(truth)
    ]
    faulty = score(truth, swapped)
    both = np.intersect1d(truth[9].identities, truth[10].identities)
    assert faulty.switches >= len(both) > 0
    assert faulty.idf1 < 0.75
    missed = [Tracks(t.boxes[1:], t.identities[1:]) for t in truth]
    counted = score(truth, missed)
    assert counted.misses == sum(len(t) > 0 for t in truth)
    assert counted.mota == pytest.approx(1 - counted.misses / counted.boxes)


def test_scores_need_the_same_pictures_and_single_identities():
    one = Tracks(np.array([[0.0, 0, 4, 4]]), np.array([1]))
    twice = Tracks(np.array([[0.0, 0, 4, 4], [5, 5, 9, 9]]), np.array([1, 1]))
    with pytest.raises(ValueError, match="1 pictures and the tracks 2"):
        score([one], [one, one])
    with pytest.raises(ValueError, match="picture 0: an identity"):
        score([one], [twice])
    nothing = Tracks(np.zeros((0, 4)), np.zeros(0, np.int64))
    empty = score([one, nothing], [nothing, nothing])
    assert (empty.misses, empty.boxes, empty.idf1) == (1, 1, 0)


def detections(truth, generator):
    """Boxes as a detector gives them: moved by 3 % of their size, 5 % missing, some false."""
    pictures = []
    for true in truth:
        kept = true.boxes[generator.random(len(true)) > 0.05]
        size = np.tile(kept[:, 2:] - kept[:, :2], 2)
        noisy = kept + generator.normal(0, 0.03, kept.shape) * size
        false = random_boxes(generator, generator.poisson(0.2))
        pictures.append(np.concatenate([noisy, false]))
    return pictures


def test_drawn_traffic_is_followed():
    generator = np.random.default_rng(0)
    found = []
    for seed in range(6):
        truth = truth_of(draw_sequence(50, size=192, seed=seed, weather="clear", light="day"))
        found.append(score(truth, track(detections(truth, generator), keep=4, confirm=2)))
    assert np.mean([scores.idf1 for scores in found]) >= 0.85


@pytest.mark.parametrize(
    ("name", "pictures", "published"),
    [
        ("TUD-Campus", 71, (0.558, 0.526, 0.277, 7, 150, 13)),
        ("TUD-Stadtmitte", 179, (0.645, 0.564, 0.346, 7, 452, 45)),
    ],
)
def test_scores_are_the_published_ones(name, pictures, published):
    """The table in py-motmetrics' readme, which equals that of the benchmark's own program."""
    if "COMPANION_DATA" not in os.environ:
        pytest.skip("$COMPANION_DATA does not name a folder with mot_gt")
    folder = Path(os.environ["COMPANION_DATA"]) / "mot_gt" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    truth, result = (
        [Tracks(*entry) for entry in zip(*read_mot(folder / file, pictures=pictures), strict=True)]
        for file in ("gt.txt", "test.txt")
    )
    scores = score(truth, result)
    np.testing.assert_allclose(astuple(scores)[:3], published[:3], atol=0.0006)
    assert astuple(scores)[3:6] == published[3:]
