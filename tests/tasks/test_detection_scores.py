"""Matching, precision and recall, and average precision: by hand and against each other."""

import numpy as np
import pytest
import torch

from companion.tasks.detection import Detections
from companion.tasks.detection_scores import Truth, average_precision, match, precision_recall

SQUARE = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
NOTHING = Truth([], [])


def found_of(boxes, labels, probs):
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    labels, probs = torch.tensor(labels, dtype=torch.int64), torch.tensor(probs)
    return Detections(boxes, labels, probs)


def random_case(seed, images=40, classes=3, ignored=0.0):
    """Things, and detections of which many are near one, some are not, and some are double."""
    generator = np.random.default_rng(seed)
    found, truths = [], []
    for _ in range(images):
        count = generator.integers(0, 6)
        corner = generator.uniform(0, 80, (count, 2))
        boxes = np.hstack([corner, corner + generator.uniform(3, 60, (count, 2))])
        labels = generator.integers(0, classes, count)
        truths.append(Truth(boxes, labels, generator.random(count) < ignored))
        picked = generator.integers(0, count, 2 * count) if count else np.zeros(0, int)
        near = boxes[picked] + generator.normal(0, 3, (len(picked), 4))
        near = np.hstack([np.minimum(near[:, :2], near[:, 2:] - 1), near[:, 2:]])
        labels = np.where(generator.random(len(picked)) < 0.8, labels[picked], 0)
        found.append(found_of(near, labels, generator.permutation(len(picked)) / 20))
    return found, truths


def test_the_surest_box_takes_the_thing():
    boxes = [[0, 0, 10, 8], [0, 0, 10, 10], [50, 50, 60, 60], [0, 0, 10, 10]]
    found = found_of(boxes, [1, 1, 1, 0], [0.9, 0.8, 0.7, 0.95])
    truth = Truth(torch.cat([SQUARE, SQUARE + 100]), [1, 1])
    assert match(found, truth).tolist() == [0, -1, -1, -1]
    assert match(found, truth, iou=0.9).tolist() == [-1, 0, -1, -1]
    assert match(found, NOTHING).tolist() == [-1] * 4
    assert match(found.take([]), truth).tolist() == []


def test_on_an_ignored_thing_a_detection_does_not_count():
    boxes = [[0, 0, 10, 10], [1, 1, 5, 5], [1, 1, 5, 5], [6, 6, 20, 20]]
    found = found_of(boxes, [1, 1, 0, 1], [0.9, 0.8, 0.7, 0.6])
    ignored = Truth(SQUARE, [1], [True])
    assert match(found, ignored).tolist() == [-2, -2, -1, -1]
    both = Truth(torch.cat([SQUARE, SQUARE]), [1, 1], [True, False])  # a real thing comes first
    assert match(found, both).tolist() == [1, -2, -1, -1]
    assert (len(ignored), len(both)) == (0, 1)
    curve = precision_recall([found], [both])
    assert curve.precision.tolist() == pytest.approx([1, 1 / 2, 1 / 3])


@pytest.mark.parametrize("ignored", [0, 0.4])
def test_average_precision_agrees_with_the_curve(ignored):
    found, truths = random_case(0, ignored=ignored)
    scores = average_precision(found, truths)
    for label, value in scores.classes.items():
        curve = precision_recall(found, truths, labels=[label])
        rising = np.maximum.accumulate(curve.precision[::-1])[::-1]  # best at this recall or more
        steps = np.searchsorted(curve.recall, np.linspace(0, 1, 101))
        by_hand = np.append(rising, 0)[steps].mean()
        assert value == pytest.approx(by_hand, abs=1e-3)
    assert scores.map_50 == pytest.approx(np.mean(list(scores.classes.values())))
    assert 0.15 < scores.map < scores.map_50 < 0.9


def test_precision_and_recall_at_a_threshold():
    found, truths = random_case(1)
    curve = precision_recall(found, truths)
    for threshold in (0.0, 0.1, 0.15, 0.25):
        kept = [each.above(threshold) for each in found]
        right = sum(int((match(f, t) >= 0).sum()) for f, t in zip(kept, truths, strict=True))
        precision, recall = curve.at(threshold)
        assert precision == pytest.approx(right / sum(map(len, kept)))
        assert recall == pytest.approx(right / sum(map(len, truths)))
    precision, recall = curve.at(0.99)
    assert np.isnan(precision)
    assert recall == 0


def test_perfect_detections_score_one_and_sizes_are_kept_apart():
    sides = torch.tensor([4.0, 12.0, 50.0])
    truth = Truth(torch.stack([0 * sides, 0 * sides, sides, sides], 1), [0, 0, 0])
    perfect = Detections(truth.boxes, truth.labels, torch.tensor([0.9, 0.8, 0.7]))
    scores = average_precision([perfect], [truth], small=8)
    assert [scores.map, scores.small, scores.medium, scores.large] == pytest.approx([1] * 4)
    scores = average_precision([perfect.take([1, 2])], [truth], small=8)
    assert [scores.small, scores.medium, scores.large] == pytest.approx([0, 1, 1])
    assert np.isnan(average_precision([perfect], [truth], small=100).large)


def test_images_without_things_or_detections():
    nothing = found_of([], [], [])
    one = Truth(SQUARE, [2])
    hit = found_of([[0, 0, 10, 10]], [2], [0.9])
    assert average_precision([nothing], [one]).map_50 == 0
    assert average_precision([hit, nothing], [one, NOTHING]).map_50 == pytest.approx(1)
    assert average_precision([hit, hit], [NOTHING, one]).map_50 == pytest.approx(0.5)
    for found in (nothing, hit):
        scores = average_precision([found], [NOTHING])
        assert np.isnan([scores.map, scores.map_50, scores.small]).all()
    assert precision_recall([nothing], [one]).recall.tolist() == []
    with pytest.raises(ValueError, match="nothing to be found"):
        precision_recall([hit], [NOTHING])
    with pytest.raises(ValueError, match="nothing to be found"):
        precision_recall([hit], [one], labels=[0])


@pytest.mark.parametrize(
    ("boxes", "labels", "message"),
    [
        ([[5, 5, 5, 9]], [0], r"box 0 has no area: \[5.0, 5.0, 5.0, 9.0\]"),
        ([[0, 0, 1, 1], [9, 9, 4, 12]], [0, 0], "box 1 has no area"),
        ([[0, 0, float("nan"), 1]], [0], "box 0"),
        ([[0, 0, 1, 1]], [0, 1], r"labels and ignored \(M,\), got \[\(1, 4\), \(2,\), \(2,\)\]"),
        ([[0, 0, 1]], [0], r"\(M, 4\)"),
    ],
)
def test_bad_truth(boxes, labels, message):
    with pytest.raises(ValueError, match=message):
        Truth(torch.tensor(boxes), labels)


def test_bad_arguments():
    one, hit = Truth(SQUARE, [2]), found_of([[0, 0, 10, 10]], [2], [0.9])
    for score in (average_precision, precision_recall):
        with pytest.raises(ValueError, match="detections for 1 and truths for 2"):
            score([hit], [one, one])
        with pytest.raises(ValueError, match="at least one"):
            score([], [])
    with pytest.raises(ValueError, match="above 0, got 0"):
        average_precision([hit], [one], small=0)
