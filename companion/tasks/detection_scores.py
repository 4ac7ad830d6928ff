"""How good detections are: which of them are right, precision, recall, average precision."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torchmetrics.detection import MeanAveragePrecision
from torchvision.ops import box_area, box_iou

from companion.tasks.detection import Detections

NONE_IGNORED = torch.zeros(0, dtype=torch.bool)
"""Stands for as many False as there are things, where `Truth` is not told which to ignore."""


@dataclass(frozen=True)
class Truth:
    """The things that are to be found in one image.

    Attributes:
        boxes: (M, 4) x1, y1, x2, y2 in pixels; M may be 0.
        labels: (M,) int64, number of the class.
        ignored: (M,) bool, things that need not be found, because they are tiny or hidden, say: a
            detection on one of them is neither right nor wrong. None by default.

    Raises:
        ValueError: a box without area, values that are not finite, or other shapes.

    Example:
        >>> len(Truth(torch.tensor([[0.0, 0.0, 4.0, 2.0]]), torch.tensor([1])))
        1
    """

    boxes: torch.Tensor
    labels: torch.Tensor
    ignored: torch.Tensor = NONE_IGNORED

    def __post_init__(self) -> None:
        boxes, labels = torch.as_tensor(self.boxes).float(), torch.as_tensor(self.labels).long()
        boxes = boxes.reshape(-1, 4) if not boxes.numel() else boxes
        ignored = torch.zeros(len(labels)) if self.ignored is NONE_IGNORED else self.ignored
        ignored = torch.as_tensor(ignored).bool()
        shapes = [tuple(each.shape) for each in (boxes, labels, ignored)]
        count = len(boxes)
        if shapes != [(count, 4), (count,), (count,)]:
            raise ValueError(f"boxes are (M, 4), labels and ignored (M,), got {shapes}")
        good = ((boxes[:, 2:] > boxes[:, :2]).all(dim=1)) & boxes.isfinite().all(dim=1)
        if not good.all():
            raise ValueError(
                f"box {int((~good).nonzero()[0])} has no area: {boxes[~good][0].tolist()}; a box "
                "needs x1 < x2 and y1 < y2, leave out what is not in the picture"
            )
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "ignored", ignored)

    def __len__(self) -> int:
        """How many are to be found."""
        return int((~self.ignored).sum())


WRONG, UNCOUNTED = -1, -2
"""What `match` says of a detection that has found nothing, and of one on an ignored thing."""


def match(found: Detections, truth: Truth, *, iou: float = 0.5) -> torch.Tensor:
    """Say of each detection which thing it has found.

    The surest detection chooses first. It takes the thing of its class with the largest
    intersection over union that is not taken yet, if that reaches `iou`: so of two boxes on one
    thing the second is wrong. What is left over and lies, by that share of its area, on an ignored
    thing of its class does not count. These are the rules of COCO (Lin et al., 2014,
    arXiv:1405.0312).

    Args:
        found: the detections in one image.
        truth: the things in it.
        iou: least intersection over union.

    Returns:
        (N,) int64: row of the thing, `WRONG` or `UNCOUNTED`.

    Example:
        >>> truth = Truth(torch.tensor([[0, 0, 10, 10]]), torch.tensor([2]))
        >>> boxes = torch.tensor([[0.0, 0.0, 10.0, 9.0], [0.0, 0.0, 10.0, 10.0]])
        >>> match(Detections(boxes, torch.tensor([2, 2]), torch.tensor([0.6, 0.9])), truth)
        tensor([-1,  0])
    """
    chosen = np.full(len(found), WRONG)
    if not len(truth.boxes):
        return torch.from_numpy(chosen)
    same = found.labels[:, None] == truth.labels
    overlaps = torch.where(same & ~truth.ignored, box_iou(found.boxes, truth.boxes), -1).numpy()
    corner = torch.maximum(found.boxes[:, None, :2], truth.boxes[:, :2])
    shared = (torch.minimum(found.boxes[:, None, 2:], truth.boxes[:, 2:]) - corner).clamp(min=0)
    share = shared.prod(2) / box_area(found.boxes)[:, None]
    near_ignored = ((share >= iou) & same & truth.ignored).any(1).numpy()
    for row in found.probs.argsort(descending=True, stable=True).tolist():
        best = overlaps[row].argmax()
        if overlaps[row, best] >= iou:
            chosen[row] = best
            overlaps[:, best] = -1
        elif near_ignored[row]:
            chosen[row] = UNCOUNTED
    return torch.from_numpy(chosen)


@dataclass(frozen=True)
class PrecisionRecall:
    """What each threshold gives, from the strictest to the mildest.

    Attributes:
        thresholds: (K,) falling.
        precision: (K,) share of the detections at or above the threshold that are right.
        recall: (K,) share of the things that are found.
    """

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def at(self, threshold: float) -> tuple[float, float]:
        """Precision and recall at one threshold; precision is NaN where nothing reaches it."""
        row = np.searchsorted(-self.thresholds, -threshold, side="right") - 1
        if row < 0:
            return float("nan"), 0.0
        return float(self.precision[row]), float(self.recall[row])


def precision_recall(
    found: Sequence[Detections],
    truths: Sequence[Truth],
    *,
    labels: Sequence[int] | None = None,
    iou: float = 0.5,
) -> PrecisionRecall:
    """Precision and recall over all thresholds, all classes counted together.

    Args:
        found: what was found in each of N images, with a threshold near 0.
        truths: what there is in each.
        labels: count only these classes; all by default.
        iou: least intersection over union of a right detection.

    Returns:
        One entry for each detection that counts.

    Raises:
        ValueError: lengths differ, or there is nothing to be found.
    """
    _check_lengths(found, truths)
    if labels is not None:
        found = [each.of(*labels) for each in found]
        wanted = torch.tensor(labels)
        truths = [
            Truth(each.boxes[keep], each.labels[keep], each.ignored[keep])
            for each in truths
            for keep in [torch.isin(each.labels, wanted)]
        ]
    total = sum(map(len, truths))
    if not total:
        raise ValueError("there is nothing to be found in these images, so recall has no value")
    chosen = torch.cat([match(f, truth, iou=iou) for f, truth in zip(found, truths, strict=True)])
    probs = torch.cat([each.probs for each in found])[chosen != UNCOUNTED]
    order = probs.argsort(descending=True, stable=True)
    hits = (chosen[chosen != UNCOUNTED][order] >= 0).cumsum(0).double()
    counts = torch.arange(1, len(order) + 1)
    return PrecisionRecall(probs[order].numpy(), (hits / counts).numpy(), (hits / total).numpy())


@dataclass(frozen=True)
class AveragePrecision:
    """COCO's scores, each in [0, 1]; NaN where there is nothing of that kind to be found.

    Attributes:
        map: mean over the classes and over least overlaps from .5 to .95.
        map_50: mean over the classes at a least overlap of .5, as all that follow.
        small: the same for small things only.
        medium: for things in between.
        large: for large things.
        classes: for each class by itself.
    """

    map: float
    map_50: float
    small: float
    medium: float
    large: float
    classes: dict[int, float]


def average_precision(
    found: Sequence[Detections], truths: Sequence[Truth], *, small: float = 32.0
) -> AveragePrecision:
    """COCO's scores (Lin et al., 2014), by torchmetrics and pycocotools.

    The average precision of a class is the area under its curve of precision over recall. Pass
    detections of all probabilities: a threshold cuts the curve off. Of each image the 100 surest
    count.

    Args:
        found: what was found in each of N images.
        truths: what there is in each.
        small: side in pixels: things with an area below its square are small, and large with more
            than nine times that. COCO's 32 suits photographs of some 600 pixels.

    Returns:
        The scores.

    Raises:
        ValueError: lengths differ, there are no images, or `small` is not positive.

    Example:
        >>> truth = Truth(torch.tensor([[0, 0, 10, 10], [20, 0, 30, 10]]), torch.tensor([2, 2]))
        >>> half = Detections(truth.boxes[:1], truth.labels[:1], torch.tensor([0.8]))
        >>> round(average_precision([half], [truth]).map_50, 2)
        0.5
    """
    _check_lengths(found, truths)
    if not small > 0:
        raise ValueError(f"small is a side in pixels above 0, got {small}")
    zoom = 32 / small  # intersection over union does not depend on the unit of length
    metric = MeanAveragePrecision(backend="pycocotools", extended_summary=True)
    metric.warn_on_many_detections = False
    metric.update(
        [{"boxes": f.boxes * zoom, "scores": f.probs, "labels": f.labels} for f in found],
        [{"boxes": t.boxes * zoom, "labels": t.labels, "iscrowd": t.ignored.int()} for t in truths],
    )
    scores = metric.compute()
    classes = scores["classes"].reshape(-1).tolist()
    if "precision" not in scores:  # nothing was to be found, or nothing found
        none = 0.0 if sum(map(len, truths)) else float("nan")
        return AveragePrecision(none, none, none, none, none, dict.fromkeys(classes, none))
    precision = scores["precision"][..., -1]  # (overlaps, 101 recalls, classes, 4 sizes)
    of_sizes = [_mean(precision[0, ..., size]) for size in range(4)]
    return AveragePrecision(
        map=_mean(precision[..., 0]),
        map_50=of_sizes[0],
        small=of_sizes[1],
        medium=of_sizes[2],
        large=of_sizes[3],
        classes={label: _mean(precision[0, :, row, 0]) for row, label in enumerate(classes)},
    )


def _mean(precision: torch.Tensor) -> float:
    """Mean of what pycocotools has filled in; it marks the rest with -1."""
    return float(precision[precision > -1].mean())


def _check_lengths(found: Sequence[Detections], truths: Sequence[Truth]) -> None:
    if len(found) != len(truths) or not truths:
        raise ValueError(
            f"needs the same images on both sides, at least one, got detections for {len(found)} "
            f"and truths for {len(truths)}"
        )
