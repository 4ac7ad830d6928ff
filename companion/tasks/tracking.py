"""Multiple-object tracking with SORT (Bewley et al., 2016, arXiv:1602.00763).

Each picture's boxes are matched to the tracks so far: a Kalman filter says where each track should
be by now, the Hungarian method finds the pairing with the largest total overlap. What a thing looks
like plays no part.

    tracks = track(boxes_by_picture)        # one Tracks per picture
    result = score(truth, tracks)           # IDF1, MOTA, switches
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from torchvision.ops import box_iou

from companion.tasks.track_filter import TrackFilter

__all__ = ["Sort", "TrackingScores", "Tracks", "match", "score", "track"]


@dataclass(frozen=True)
class Tracks:
    """What is tracked in one picture.

    Attributes:
        boxes: (m, 4) float64, x1, y1, x2, y2 in pixels.
        identities: (m,) int64, from 1 on; one number is one thing, in all pictures.
    """

    boxes: np.ndarray
    identities: np.ndarray

    def __len__(self) -> int:
        return len(self.identities)


class Sort:
    """A tracker that is fed picture by picture.

    Args:
        keep: for how many pictures a track that is not seen is remembered.
        confirm: in how many pictures in a row a new track must be seen before it is reported,
            except at the very start.
        overlap: smallest intersection over union of a box with a track's expected place.

    Raises:
        ValueError: `keep` or `confirm` below 1, or `overlap` outside (0, 1].

    Example:
        >>> tracker = Sort()
        >>> for shift in (0, 4, 8):
        ...     tracks = tracker.update([[shift, 0, shift + 20, 20], [100, 50, 140, 80]])
        >>> tracks.identities.tolist(), tracks.boxes[0].round().tolist()
        ([1, 2], [8.0, 0.0, 28.0, 20.0])
    """

    def __init__(self, *, keep: int = 1, confirm: int = 3, overlap: float = 0.3):
        if keep < 1 or confirm < 1 or not 0 < overlap <= 1:
            raise ValueError(
                "keep and confirm are at least 1 and overlap lies in (0, 1], got "
                f"{keep}, {confirm} and {overlap}"
            )
        self.keep, self.confirm, self.overlap = keep, confirm, overlap
        self._filter = TrackFilter.start(np.zeros((0, 4)))
        self._identities = np.zeros(0, np.int64)
        self._seen = np.zeros(0, np.int64)  # pictures in a row
        self._missing = np.zeros(0, np.int64)  # pictures since the last sight
        self._pictures = self._given = 0

    def update(self, boxes: ArrayLike) -> Tracks:
        """Take the next picture's boxes.

        Args:
            boxes: (n, 4) x1, y1, x2, y2 in pixels; n may be 0, and must be given even then. Boxes
                without an area are left out.

        Returns:
            The tracks that were seen in this picture and are confirmed.

        Raises:
            ValueError: boxes of another shape, not finite, or with x1 > x2 or y1 > y2.
        """
        boxes = checked_boxes(boxes)
        boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)]
        self._pictures += 1
        self._seen[self._missing > 0] = 0
        self._missing += 1
        self._filter = self._filter.predict()

        rows, columns = match(self._filter.boxes(), boxes, overlap=self.overlap)
        updated = self._filter.take(rows).update(boxes[columns])
        new = np.setdiff1d(np.arange(len(boxes)), columns)
        self._filter = TrackFilter.join(
            self._filter.replaced(rows, updated), TrackFilter.start(boxes[new])
        )
        self._seen[rows] += 1
        self._missing[rows] = 0
        self._identities = np.append(
            self._identities, np.arange(self._given + 1, self._given + 1 + len(new))
        )
        self._given += len(new)
        self._seen = np.append(self._seen, np.ones(len(new), np.int64))
        self._missing = np.append(self._missing, np.zeros(len(new), np.int64))
        self._forget()
        shown = (self._missing == 0) & (
            (self._seen >= self.confirm) | (self._pictures <= self.confirm)
        )
        return Tracks(self._filter.boxes()[shown], self._identities[shown])

    def _forget(self) -> None:
        kept = self._missing <= self.keep
        self._filter = self._filter.take(np.flatnonzero(kept))
        self._identities, self._seen = self._identities[kept], self._seen[kept]
        self._missing = self._missing[kept]


def track(
    boxes: Iterable[ArrayLike], *, keep: int = 1, confirm: int = 3, overlap: float = 0.3
) -> list[Tracks]:
    """Track through a whole sequence.

    Args:
        boxes: for each picture (n, 4) x1, y1, x2, y2 in pixels; n may be 0.
        keep: as for `Sort`.
        confirm: as for `Sort`.
        overlap: as for `Sort`.

    Returns:
        One entry per picture.

    Raises:
        ValueError: as for `Sort`.
    """
    tracker = Sort(keep=keep, confirm=confirm, overlap=overlap)
    return [tracker.update(picture) for picture in boxes]


def match(
    first: ArrayLike, second: ArrayLike, *, overlap: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """Pair boxes so that the total intersection over union is largest.

    Args:
        first: (a, 4) boxes.
        second: (b, 4) boxes.
        overlap: pairs with less are taken apart again.

    Returns:
        Rows of `first` and rows of `second` that belong together, ascending in the first.

    Example:
        >>> match([[0, 0, 4, 4], [2, 0, 6, 4]], [[3, 0, 7, 4], [1, 0, 5, 4]])
        (array([0, 1]), array([1, 0]))
    """
    ious = _ious(first, second)
    rows, columns = linear_sum_assignment(ious, maximize=True)
    good = ious[rows, columns] >= overlap
    return rows[good], columns[good]


@dataclass(frozen=True)
class TrackingScores:
    """How well tracks follow the truth, at an overlap of at least one half.

    Attributes:
        idf1: share of boxes that bear the right identity all along, 0 to 1 (Ristani et al., 2016).
        mota: 1 less misses, false alarms and switches per true box, at most 1 (Bernardin and
            Stiefelhagen, 2008).
        motp: mean of 1 - intersection over union of the pairs; 0 is perfect.
        switches: how often a thing's identity changes.
        misses: true boxes without a track.
        false_alarms: tracks' boxes without a true one.
        boxes: true boxes.
    """

    idf1: float
    mota: float
    motp: float
    switches: int
    misses: int
    false_alarms: int
    boxes: int


def score(
    truth: Sequence[Tracks], tracks: Sequence[Tracks], *, overlap: float = 0.5
) -> TrackingScores:
    """Compare tracks with the truth, by py-motmetrics.

    Args:
        truth: for each picture the true boxes and identities.
        tracks: likewise, from a tracker.
        overlap: smallest intersection over union of a pair.

    Returns:
        The scores of the whole sequence; NaN where there is nothing to divide by.

    Raises:
        ValueError: sequences of different length, or an identity that stands twice in a picture.
    """
    import motmetrics

    if len(truth) != len(tracks):
        raise ValueError(
            f"the truth has {len(truth)} pictures and the tracks {len(tracks)}; give one entry for "
            "each picture, an empty one where there is nothing"
        )
    events = motmetrics.MOTAccumulator(auto_id=True)
    for number, (true, found) in enumerate(zip(truth, tracks, strict=True)):
        for name, entry in (("truth", true), ("tracks", found)):
            if len(np.unique(entry.identities)) != len(entry.identities):
                raise ValueError(f"{name}, picture {number}: an identity stands there twice")
        distances = 1 - _ious(true.boxes, found.boxes)
        distances[distances > 1 - overlap] = np.nan  # no pair
        events.update(true.identities, found.identities, distances)
    counts = ("switches", "misses", "false_positives", "objects")
    names = ["idf1", "mota", "motp", *(f"num_{count}" for count in counts)]
    row = motmetrics.metrics.create().compute(events, metrics=names).iloc[0]
    return TrackingScores(
        idf1=float(row["idf1"]),
        mota=float(row["mota"]),
        motp=float(row["motp"]),
        switches=int(row["num_switches"]),
        misses=int(row["num_misses"]),
        false_alarms=int(row["num_false_positives"]),
        boxes=int(row["num_objects"]),
    )


def checked_boxes(boxes: ArrayLike) -> np.ndarray:
    """Boxes as (n, 4) float64, after a look at them."""
    boxes = np.asarray(boxes, float)
    if boxes.size == 0:
        return np.zeros((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be (n, 4) x1, y1, x2, y2, got shape {boxes.shape}")
    if not np.isfinite(boxes).all():
        raise ValueError("boxes must be finite, got NaN or infinity; leave such boxes out")
    if (boxes[:, :2] > boxes[:, 2:]).any():
        bad = boxes[(boxes[:, :2] > boxes[:, 2:]).any(axis=1)][0]
        raise ValueError(
            f"a box needs x1 <= x2 and y1 <= y2, got {bad.tolist()}; is it x, y, width, height?"
        )
    return boxes


def _ious(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Intersection over union of all pairs, (a, b); 0 where both have no area."""
    first, second = (torch.from_numpy(checked_boxes(boxes)) for boxes in (first, second))
    return box_iou(first, second).nan_to_num(0.0).numpy()
