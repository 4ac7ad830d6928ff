"""Scores against slow references, torchmetrics and what is plain from a picture."""

import math

import pytest
import torch
from torchmetrics.functional.segmentation import hausdorff_distance

from companion.tasks.segmentation_scores import score


def blobs(count, height, width, seed):
    noise = torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.avg_pool2d(noise, 5, 1, 2) > 0.45


def slow(found, drawn, spacing=(1.0, 1.0)):
    """Everything by loops over pixels, from the definitions."""

    def edge(mask):
        inside = set(map(tuple, mask.nonzero().tolist()))
        around = ((-1, 0), (1, 0), (0, -1), (0, 1))
        return [p for p in inside if any((p[0] + y, p[1] + x) not in inside for y, x in around)]

    def gaps(one, other):
        return [
            min(math.hypot((y - v) * spacing[0], (x - u) * spacing[1]) for v, u in other)
            for y, x in one
        ]

    both, either = int((found & drawn).sum()), int((found | drawn).sum())
    one, other = edge(found), edge(drawn)
    distances = sorted(gaps(one, other) + gaps(other, one))
    return (
        2 * both / int(found.sum() + drawn.sum()),
        both / either,
        sum(distances) / len(distances),
        distances[math.ceil(0.95 * (len(distances) - 1))],
        distances[-1],
    )


@pytest.mark.parametrize(("size", "spacing"), [((14, 14), 1.0), ((11, 19), (2.0, 0.5))])
def test_agrees_with_the_definitions(size, spacing):
    found, drawn = blobs(4, *size, seed=0), blobs(4, *size, seed=1)
    scores = score(found, drawn, spacing=spacing)
    steps = spacing if isinstance(spacing, tuple) else (spacing, spacing)
    expected = [slow(*pair, steps) for pair in zip(found[:, 0], drawn[:, 0], strict=True)]
    columns = torch.tensor(expected, dtype=torch.float64).T
    given = (scores.dice, scores.iou, scores.surface, scores.hausdorff95, scores.hausdorff)
    for one, other in zip(given, columns, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_agrees_with_torchmetrics_where_that_is_right():
    """On squares; torchmetrics' own engine misplaces the pixels of oblong pictures."""
    found, drawn = blobs(5, 20, 20, seed=2), blobs(5, 20, 20, seed=3)
    theirs = hausdorff_distance(found.int(), drawn.int(), 1, include_background=True)
    torch.testing.assert_close(score(found, drawn).hausdorff.float(), theirs[:, 0])


def test_dice_and_iou_are_tied():
    scores = score(blobs(6, 9, 23, seed=4), blobs(6, 9, 23, seed=5))
    torch.testing.assert_close(scores.dice, 2 * scores.iou / (1 + scores.iou), rtol=1e-6, atol=0)


def test_order_and_mirror_do_not_matter():
    found, drawn = blobs(3, 12, 30, seed=6), blobs(3, 12, 30, seed=7)
    one = score(found, drawn)
    for other in (
        score(drawn, found),
        score(found.flip(3), drawn.flip(3)),
        score(found.mT, drawn.mT),
    ):
        for name in ("dice", "iou", "surface", "hausdorff95", "hausdorff"):
            torch.testing.assert_close(getattr(other, name), getattr(one, name))


def test_empty_masks_have_defined_scores():
    full = torch.zeros(3, 1, 8, 10, dtype=torch.bool)
    full[0, 0, 2:4, 2:4] = True  # only found
    found, drawn = full, torch.zeros_like(full)
    drawn[1, 0, 2:4, 2:4] = True  # only drawn; the last pair is empty on both sides
    scores = score(found, drawn)
    assert scores.dice.tolist() == scores.iou.tolist() == [0, 0, 1]
    for distances in (scores.surface, scores.hausdorff95, scores.hausdorff):
        assert distances.tolist() == [math.inf, math.inf, 0]
    assert len(scores) == 3


@pytest.mark.parametrize(
    ("found", "drawn", "spacing", "message"),
    [
        (torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8) > 0, 1, "bool.*float32.*probs >= 0.5"),
        (torch.zeros(1, 8, 8) > 0, torch.zeros(1, 8, 8) > 0, 1, "N x 1 x H x W"),
        (torch.zeros(1, 1, 8, 9) > 0, torch.zeros(1, 1, 8, 8) > 0, 1, "of one size"),
        (torch.zeros(1, 1, 8, 8) > 0, torch.zeros(1, 1, 8, 8) > 0, 0, "spacing"),
    ],
)
def test_what_cannot_be_compared_is_refused(found, drawn, spacing, message):
    with pytest.raises(ValueError, match=message):
        score(found, drawn, spacing=spacing)
