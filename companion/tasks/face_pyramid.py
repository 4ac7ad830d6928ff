"""A photograph at all sizes in one picture, as dlib lays it out, and the faces found in it.

The detector knows faces of one size, so the photograph is shown to it at many, all
in one picture, so that one pass scores them. As the network sees a good deal of what surrounds a
window, the sizes lie exactly where dlib puts them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from companion.models.dlib_file import MEAN, RANGE
from companion.models.face_detector import FIRST, STEP, WINDOW, FaceDetector

RATIO = 5 / 6
"""Side of a level over that of the level before."""

GAP, BORDER = 10, 11
"""Pixels between two levels, and around them all."""

MIN_HEIGHT = 5
"""No level is lower than this."""

SUPPRESSED = 0.338
"""Of two boxes that overlap more than this (see `_overlap`), the surer one stays."""

_SHIFT = 0.3  # dlib's correction of half-pixels from level to level
_UP_SHIFT = np.array([1.25, 0.75])  # and the one for a picture whose size was doubled


@dataclass(frozen=True)
class Layout:
    """Where the levels lie.

    Attributes:
        height, width: size of the picture that holds them.
        boxes: (levels, 4) int64, left, top, right, bottom, each the first or last pixel inside;
            the photograph itself first.
    """

    height: int
    width: int
    boxes: np.ndarray


def layout(height: int, width: int) -> Layout:
    """Lay out the levels of a photograph: one column, and what fits beside it from below.

    Args:
        height: of the photograph, in pixels.
        width: likewise.

    Returns:
        The layout.

    Example:
        >>> plan = layout(240, 200)
        >>> plan.height, plan.width, len(plan.boxes)
        (921, 222, 20)
    """
    sizes = [(height, width)]
    while True:
        level = int(RATIO * sizes[-1][0]), int(RATIO * sizes[-1][1])
        if level[0] < MIN_HEIGHT or level[1] == 0:
            break
        sizes.append(level)
    total = sum(high + GAP for high, _ in sizes) - 2 * GAP
    column, before = -GAP, 0
    for high, wide in sizes:
        # The column ends when the next level fits beside the last one and half of the rest is done.
        if wide <= width - before - GAP and 2 * (column + GAP - height) >= total - height:
            break
        column, before = column + high + GAP, wide
    boxes, top = [], BORDER
    for high, wide in sizes:
        if top >= column + BORDER:
            break
        boxes.append((BORDER, top, BORDER + wide - 1, top + high - 1))
        top += high + GAP
    right, bottom = BORDER + width - 1, top - GAP - 1
    for high, wide in sizes[len(boxes) :]:
        if bottom - high + 1 <= boxes[0][3]:  # it would touch the photograph
            break
        boxes.append((right - wide + 1, bottom - high + 1, right, bottom))
        bottom -= high + GAP
    return Layout(column + 2 * BORDER, width + 2 * BORDER, np.array(boxes))


def tile(photograph: torch.Tensor, plan: Layout) -> torch.Tensor:
    """Lay the levels into one picture; what no level covers is the mean colour.

    Args:
        photograph: (3, height, width) float32, from 0 to 255, of the size that the plan is for.
        plan: where the levels lie.

    Returns:
        (1, 3, plan.height, plan.width) float32, on the device of the photograph.

    Raises:
        ValueError: the photograph has another size.
    """
    left, top, right, bottom = plan.boxes[0].tolist()
    if tuple(photograph.shape) != (3, bottom - top + 1, right - left + 1):
        raise ValueError(
            f"the plan is for a photograph (3, {bottom - top + 1}, {right - left + 1}), got "
            f"{tuple(photograph.shape)}; make one with layout(height, width)"
        )
    mean = torch.tensor(MEAN, device=photograph.device).view(3, 1, 1)
    level = ((photograph - mean) / RANGE)[None]
    picture = level.new_zeros(1, 3, plan.height, plan.width)
    for left, top, right, bottom in plan.boxes.tolist():
        size = bottom - top + 1, right - left + 1
        if size != tuple(level.shape[2:]):
            level = _resized(level, size)
        picture[:, :, top : bottom + 1, left : right + 1] = level
    return picture


def search(
    network: FaceDetector, image: np.ndarray, upsample: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Find faces with the convolutional detector.

    Args:
        network: the detector, on the device that shall compute.
        image: (height, width, 3) uint8, RGB.
        upsample: how often the photograph's size is doubled first.

    Returns:
        Boxes (N, 4) float64, x1, y1, x2, y2 in whole pixels of the photograph, and their scores
        (N,) float64, the surest first.
    """
    device = next(network.parameters()).device
    photograph = torch.tensor(image, device=device).permute(2, 0, 1).float()
    for _ in range(upsample):
        height, width = photograph.shape[1:]
        photograph = _resized(photograph[None], (2 * height + 1, 2 * width + 2))[0].floor()
    plan = layout(*photograph.shape[1:])
    picture = tile(photograph, plan).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        scores = network(picture)[0, 0]
        rows, columns = torch.nonzero(scores > 0, as_tuple=True)
        sure = scores[rows, columns].cpu().numpy().astype(np.float64)
    places = FIRST + STEP * torch.stack([columns, rows], dim=1).cpu().numpy()
    order = np.argsort(-sure, kind="stable")
    boxes, sure = _boxes(places[order], plan), sure[order]
    keep = _suppress(boxes)
    boxes = boxes[keep]
    for _ in range(upsample):
        boxes = boxes / 2 - np.tile(_UP_SHIFT, 2)
    return _whole(boxes), sure[keep]


def _resized(pictures: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear, corner pixel on corner pixel, as dlib does it."""
    return functional.interpolate(pictures, size, mode="bilinear", align_corners=True)


def _boxes(places: np.ndarray, plan: Layout) -> np.ndarray:
    """Centres of windows in the picture (N, 2) to boxes in the photograph (N, 4), whole pixels."""
    corners = np.stack([plan.boxes[:, :2], plan.boxes[:, 2:]])  # (2, levels, 2)
    inside = np.clip(places[:, None], *corners)  # the point of each level that is nearest
    nearest = np.linalg.norm(places[:, None] - inside, axis=2).argmin(axis=1)
    half = (WINDOW - 1) / 2
    boxes = np.hstack([places - half, places + half]) - np.tile(corners[0, nearest], 2)
    for level in range(nearest.max(initial=0)):  # step by step: exact ties must round as in dlib
        below = nearest > level
        boxes[below] = boxes[below] * (1 / RATIO) + _SHIFT
    return _whole(boxes)


def _suppress(boxes: np.ndarray) -> list[int]:
    """Indices of the boxes that no surer box, nearer to the front, overlaps too much."""
    keep, left = [], np.arange(len(boxes))
    while len(left):
        first, left = left[0], left[1:]
        keep.append(int(first))
        left = left[_overlap(boxes[first], boxes[left]) <= SUPPRESSED]
    return keep


def _overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Common area over that of the smallest box around both; dlib's measure, below the IoU."""
    common = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]) + 1
    around = np.maximum(box[2:], others[:, 2:]) - np.minimum(box[:2], others[:, :2]) + 1
    return common.clip(min=0).prod(axis=1) / around.prod(axis=1)


def _whole(boxes: np.ndarray) -> np.ndarray:
    """To whole pixels; halves go away from zero."""
    return np.copysign(np.floor(np.abs(boxes) + 0.5), boxes)
