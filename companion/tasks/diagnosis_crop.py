"""Cut out the part of a picture that a diagnosis is about, given where it was found.

Boxes come from masks, as a segmentation network gives them, and the cut is torchvision's RoIAlign
(He et al., 2017, arXiv:1703.06870), which brings every box to one size in one call.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torchvision.ops import masks_to_boxes, roi_align


@dataclass(frozen=True, eq=False)
class Regions:
    """Where the part of interest lies in each picture.

    Attributes:
        boxes: N x 4 float32, x1, y1, x2, y2 in pixels, inside the picture; the whole picture where
            nothing was found.
        found: N bool.
    """

    boxes: torch.Tensor
    found: torch.Tensor

    def __len__(self) -> int:
        return len(self.boxes)


def find_regions(
    masks: torch.Tensor,
    *,
    margin: float = 0.05,
    square: bool = False,
    smallest: float = 0.02,
    pieces: int = 2,
) -> Regions:
    """Boxes around masks.

    Of each mask the largest connected pieces are kept, so that a stray spot far away does not pull
    the box out.

    Args:
        masks: N x 1 x H x W, bool.
        margin: added on each side, as a share of the box's width or height.
        square: lengthen the shorter side to the longer one, so that a square crop keeps the
            proportions; at an edge the box is moved into the picture, and it is never longer than
            the picture's shorter side.
        smallest: area of the kept pieces below which nothing counts as found, as a share of the
            picture, in [0, 1].
        pieces: how many pieces are kept; two for a pair of lungs.

    Returns:
        One region for each mask.

    Raises:
        TypeError: the masks are not bool.
        ValueError: another shape, a negative margin, `smallest` outside [0, 1] or `pieces` below 1.

    Example:
        >>> masks = torch.zeros(2, 1, 10, 20, dtype=torch.bool)
        >>> masks[0, 0, 2:8, 5:15] = True
        >>> regions = find_regions(masks, margin=0)
        >>> regions.boxes.tolist(), regions.found.tolist()
        ([[5.0, 2.0, 15.0, 8.0], [0.0, 0.0, 20.0, 10.0]], [True, False])
    """
    if masks.dtype != torch.bool:
        raise TypeError(f"masks are bool, got {masks.dtype}; compare, as in probs > 0.5")
    if masks.ndim != 4 or masks.shape[1] != 1:
        raise ValueError(f"masks are N x 1 x H x W, got {tuple(masks.shape)}")
    if margin < 0 or not 0 <= smallest <= 1 or pieces < 1:
        raise ValueError(
            "margin starts at 0, smallest lies in [0, 1] and pieces start at 1, got "
            f"{margin}, {smallest}, {pieces}"
        )
    height, width = masks.shape[-2:]
    largest = _largest_pieces(masks[:, 0].cpu().numpy(), pieces)
    kept = torch.from_numpy(largest).to(masks.device)
    area = kept.float().mean((1, 2))
    found = (area >= smallest) & (area > 0)
    boxes = torch.tensor([0.0, 0.0, width, height], device=masks.device).repeat(len(masks), 1)
    if found.any():
        tight = masks_to_boxes(kept[found])
        tight[:, 2:] += 1  # from the last pixel inside to the edge behind it
        reach = margin * (tight[:, 2:] - tight[:, :2])
        tight = torch.cat([tight[:, :2] - reach, tight[:, 2:] + reach], dim=1)
        if square:
            tight = _squares(tight, height, width)
        boxes[found] = tight.clamp(min=0).minimum(boxes[found][:, [2, 3, 2, 3]])
    return Regions(boxes, found)


def crop(images: torch.Tensor, boxes: torch.Tensor, *, size: int) -> torch.Tensor:
    """Cut one box out of each image and bring it to size x size.

    Args:
        images: N x C x H x W, uint8 or floating point.
        boxes: N x 4, x1, y1, x2, y2 in pixels.
        size: height and width of the result, in pixels; sides are stretched to it each by itself.

    Returns:
        N x C x size x size, of the images' type; uint8 is rounded.

    Raises:
        ValueError: shapes that do not fit, a box without area, or `size` below 1.
    """
    if images.ndim != 4 or boxes.shape != (len(images), 4):
        raise ValueError(
            "images are N x C x H x W and boxes N x 4, got "
            f"{tuple(images.shape)} and {tuple(boxes.shape)}"
        )
    if size < 1:
        raise ValueError(f"size starts at 1, got {size}")
    if not (boxes[:, :2] < boxes[:, 2:]).all():
        bad = boxes[~(boxes[:, :2] < boxes[:, 2:]).all(1)][0]
        raise ValueError(f"a box needs x1 < x2 and y1 < y2, got {bad.tolist()}")
    pixels = images if images.is_floating_point() else images.float()
    rois = list(boxes.to(pixels.dtype).unsqueeze(1))  # one box for each image
    cut = (
        roi_align(pixels, rois, size, aligned=True)
        if len(images)
        else pixels.new_empty(0, images.shape[1], size, size)
    )
    return cut if images.is_floating_point() else cut.round().to(images.dtype)


def _squares(boxes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Squares around the same centres, as far as the picture allows."""
    sides = (boxes[:, 2:] - boxes[:, :2]).max(dim=1, keepdim=True).values  # (N, 1)
    sides = sides.clamp(max=min(height, width))
    corners = (boxes[:, :2] + boxes[:, 2:] - sides) / 2
    room = torch.tensor([width, height], device=boxes.device) - sides  # (N, 2)
    corners = corners.clamp(min=0).minimum(room)
    return torch.cat([corners, corners + sides], dim=1)


def _largest_pieces(masks: np.ndarray, pieces: int) -> np.ndarray:
    """N x H x W bool with only the largest connected pieces of each mask.

    One labelling for the whole stack: pieces are joined within a picture and never across.
    """
    within = np.zeros((3, 3, 3), bool)
    within[1] = True
    labels, count = ndimage.label(masks, within)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    owner = np.zeros(count + 1, int)
    first = np.unique(labels, return_index=True)
    owner[first[0]] = first[1] // max(masks[:1].size, 1)
    order = np.lexsort((-sizes[1:], owner[1:])) + 1  # by picture, the largest first
    place = np.arange(count) - np.searchsorted(owner[order], owner[order])
    keep = np.zeros(count + 1, bool)
    keep[order[place < pieces]] = True
    return keep[labels]
