"""What a `Detector` is trained with: which cell is to find which thing, and the three losses."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch.nn import functional
from torchvision.ops import box_area, generalized_box_iou_loss, sigmoid_focal_loss

from companion.models.detector import STRIDE, CellMaps, cell_middles

CORE = 0.25
"""Cells up to this share of a box's sides from its middle are to find the thing, too."""


class Assignment(NamedTuple):
    """Which cells are to find a thing.

    Attributes:
        image: (P,) number of the image.
        cell: (P,) number of the cell.
        boxes: (P, 4) of the thing.
        labels: (P,) of the thing.
        weights: (P,) one by the number of cells that the thing has got, so that a lorry close by
            weighs as much as a person far away.
    """

    image: torch.Tensor
    cell: torch.Tensor
    boxes: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor


def assign(
    boxes: Sequence[torch.Tensor],
    labels: Sequence[torch.Tensor],
    *,
    size: tuple[int, int],
    classes: int,
) -> Assignment:
    """Say which cells are to find which thing.

    A thing belongs to the cells around the middle of its box, as far as a quarter of its sides, and
    always to the one that holds its middle. A cell that several things want gets the smallest.

    Args:
        boxes: for each of N images (n, 4), x1, y1, x2, y2 in pixels; n may be 0. A box may reach
            beyond the image.
        labels: for each image (n,).
        size: (height, width) of the images in pixels.
        classes: number of classes.

    Raises:
        ValueError: lengths differ, a box has no area or lies outside of the image, or a label is
            out of range.
    """
    counts = [len(each) for each in boxes]
    if [len(each) for each in labels] != counts:
        raise ValueError(
            f"every box needs a label, got {counts} boxes and {[len(e) for e in labels]} labels"
        )
    things = torch.cat([each.reshape(-1, 4) for each in boxes]).float()
    kinds, device = torch.cat(list(labels)).long(), things.device
    _check(things, kinds, size, classes)
    cells = cell_middles(*size, device=device)
    middle, sides = (things[:, :2] + things[:, 2:]) / 2, things[:, 2:] - things[:, :2]
    core = ((cells - middle[:, None]).abs() <= CORE * sides[:, None]).all(2)  # (things, cells)
    columns, rows = size[1] // STRIDE, size[0] // STRIDE
    x, y = (middle / STRIDE).long().unbind(1)
    holder = y.clamp(0, rows - 1) * columns + x.clamp(0, columns - 1)
    core[torch.arange(len(things), device=device), holder] = True
    thing, cell = core.nonzero(as_tuple=True)
    order = sides.prod(1)[thing].argsort(descending=True, stable=True)
    thing, cell = thing[order], cell[order]
    image = torch.repeat_interleave(torch.tensor(counts, device=device))[thing]
    last = torch.full((len(counts) * len(cells),), -1, device=device)
    place = torch.arange(len(thing), device=device)
    last.scatter_reduce_(0, image * len(cells) + cell, place, "amax")  # the smallest stands last
    keep = last[last >= 0]
    thing = thing[keep]
    weights = 1 / torch.bincount(thing, minlength=1)[thing]
    return Assignment(image[keep], cell[keep], things[thing], kinds[thing], weights)


def detector_loss(maps: CellMaps, targets: Mapping[str, Sequence[torch.Tensor]]) -> torch.Tensor:
    """Focal loss of the classes, GIoU loss of the boxes, and cross-entropy of their quality.

    Focal loss: Lin et al., 2017, arXiv:1708.02002, without their weight of the classes. GIoU:
    Rezatofighi et al., 2019, arXiv:1902.09630. The cells of a thing share one vote among them; the
    sums are divided by the number of things.

    Args:
        maps: what the network gives.
        targets: "boxes" and "labels", as for `assign`.

    Returns:
        Focal loss + 2 x GIoU loss + cross-entropy / 2, one number; a batch without things is only
        asked to find nothing.

    Raises:
        ValueError: as for `assign`.
    """
    found = assign(
        targets["boxes"], targets["labels"], size=maps.size, classes=maps.logits.shape[2]
    )
    where = found.image, found.cell
    wanted, votes = torch.zeros_like(maps.logits), torch.ones_like(maps.logits)
    wanted[(*where, found.labels)] = 1
    votes[(*where, found.labels)] = found.weights
    focal = (votes * sigmoid_focal_loss(maps.logits, wanted, alpha=-1)).sum()
    boxes = maps.boxes[where]
    giou = found.weights @ generalized_box_iou_loss(boxes, found.boxes)
    overlap = _paired_iou(boxes.detach(), found.boxes)
    quality = found.weights @ functional.binary_cross_entropy_with_logits(
        maps.quality[where], overlap, reduction="none"
    )
    return (focal + 2 * giou + quality / 2) / found.weights.sum().clamp(min=1)


def _paired_iou(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Intersection over union of row i with row i: (P,)."""
    sides = torch.minimum(boxes[:, 2:], others[:, 2:]) - torch.maximum(boxes[:, :2], others[:, :2])
    shared = sides.clamp(min=0).prod(1)
    return shared / (box_area(boxes) + box_area(others) - shared)


def _check(boxes: torch.Tensor, labels: torch.Tensor, size: tuple[int, int], classes: int) -> None:
    limit = boxes.new_tensor([size[1], size[0]])
    area = (boxes[:, 2:] > boxes[:, :2]).all(1) & boxes.isfinite().all(1)
    inside = (boxes[:, 2:] > 0).all(1) & (boxes[:, :2] < limit).all(1)
    for good, fault in ((area, "has no area"), (inside, "lies outside of the image")):
        if not good.all():
            raise ValueError(
                f"the box {boxes[~good][0].tolist()} {fault} of {size[0]} x {size[1]} pixels; "
                "leave out what is not in the picture"
            )
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"labels lie between 0 and {classes - 1}, got {labels.min()} to {labels.max()}"
        )
