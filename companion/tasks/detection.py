"""Find things in photographs: letterbox, network, threshold, and one box for each thing.

    found = detection.detect(image, model)               # one photograph
    found = detection.detect_all(images, model)          # many, of any sizes, in batches
    detection_scores.average_precision(found, truths)     # how good that is

A model is a `DetectionNetwork`: `companion.models.darknet.Darknet`,
`companion.models.detector.Detector`, or any network with the same three attributes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torchvision.ops import batched_nms, clip_boxes_to_image
from torchvision.transforms.v2 import functional

from companion.device import mixed_precision
from companion.models.candidates import Candidates
from companion.training.evaluation import device_of, evaluation_mode

GREY = 128
"""The grey that fills up a letterbox, as in Darknet."""

_COMPARED = 4096
"""Candidates of one image that are compared with each other, the surest first."""


class DetectionNetwork(Protocol):
    """An `nn.Module` that looks for things."""

    @property
    def classes(self) -> int:
        """How many classes it knows."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images that it is meant for, in pixels."""

    def candidates(self, images: torch.Tensor) -> Candidates:
        """All that the network considers in float32 images in [0, 1], N x 3 x H x W."""


@dataclass(frozen=True)
class Detections:
    """The things found in one image, the surest first.

    Attributes:
        boxes: (N, 4) float32, x1, y1, x2, y2 in pixels of the image, inside of it, area above 0.
        labels: (N,) int64, number of the class.
        probs: (N,) float32 in [0, 1], how sure the model is.
    """

    boxes: torch.Tensor
    labels: torch.Tensor
    probs: torch.Tensor

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, rows: torch.Tensor | Sequence[int]) -> "Detections":
        """Some of them, by index or by a row of booleans."""
        rows = torch.as_tensor(rows)
        if not rows.numel():
            rows = rows.long()
        return Detections(self.boxes[rows], self.labels[rows], self.probs[rows])

    def of(self, *labels: int) -> "Detections":
        """Those of some classes."""
        return self.take(torch.isin(self.labels, torch.tensor(labels, dtype=torch.int64)))

    def above(self, threshold: float) -> "Detections":
        """Those with at least this probability."""
        return self.take(self.probs >= threshold)


@dataclass(frozen=True)
class Frame:
    """Where an image lies in its letterbox: pixels of the box = pixels of the image x scale + left.

    Attributes:
        height: of the image, in pixels.
        width: likewise.
        scale: (along x, along y).
        offset: (left, top), in pixels of the letterbox.
    """

    height: int
    width: int
    scale: tuple[float, float]
    offset: tuple[int, int]

    def to_image(self, boxes: torch.Tensor) -> torch.Tensor:
        """Boxes, (N, 4), from the letterbox to the image, cut off at its edge."""
        scale = boxes.new_tensor(self.scale * 2)
        boxes = (boxes - boxes.new_tensor(self.offset * 2)) / scale
        return clip_boxes_to_image(boxes, (self.height, self.width))


def letterbox(image: torch.Tensor, size: tuple[int, int]) -> tuple[torch.Tensor, Frame]:
    """Fit an image into a box without changing its proportions; the rest is grey.

    Args:
        image: (3, H, W) uint8.
        size: (height, width) of the box, in pixels.

    Returns:
        (3, height, width) uint8, and where the image lies in it.

    Raises:
        ValueError: the image has another shape or type, or no pixels.

    Example:
        >>> boxed, frame = letterbox(torch.zeros(3, 100, 200, dtype=torch.uint8), (64, 64))
        >>> boxed.shape, frame.scale, frame.offset
        (torch.Size([3, 64, 64]), (0.32, 0.32), (0, 16))
    """
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != torch.uint8 or not image.numel():
        raise ValueError(
            f"an image is 3 x H x W uint8 with pixels in it, got {image.dtype} "
            f"{tuple(image.shape)}; companion.data.images.read_image gives uint8, and channels "
            "come first here"
        )
    height, width = image.shape[1:]
    scale = min(size[0] / height, size[1] / width)
    inner = [max(1, round(height * scale)), max(1, round(width * scale))]
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    boxed = image.new_full((3, *size), GREY)
    small = functional.resize(image, inner, antialias=True)
    boxed[:, top : top + inner[0], left : left + inner[1]] = small
    return boxed, Frame(height, width, (inner[1] / width, inner[0] / height), (left, top))


def detect(
    image: np.ndarray | torch.Tensor, model: DetectionNetwork, **settings: Any
) -> Detections:
    """Find things in one image.

    Args:
        image: (H, W, 3) uint8 array, RGB, or (3, H, W) uint8 tensor.
        model: a detector, see the head of this module.
        **settings: the other arguments of `detect_all`.

    Returns:
        What was found, of length 0 where that is nothing.

    Raises:
        ValueError: as for `detect_all`.
    """
    return detect_all([image], model, **settings)[0]


def detect_all(
    images: Sequence[np.ndarray | torch.Tensor] | torch.Tensor,
    model: DetectionNetwork,
    *,
    threshold: float | Mapping[int, float] = 0.25,
    overlap: float = 0.45,
    size: tuple[int, int] | None = None,
    batch_size: int = 16,
    most: int = 100,
) -> list[Detections]:
    """Find things in images, batch by batch.

    A candidate box counts for every class whose probability reaches the threshold. Of boxes of the
    same class that overlap by more than `overlap`, the surest stays (non-maximum suppression).

    Args:
        images: N images of any sizes, each (H, W, 3) uint8 as an array or (3, H, W) as a tensor.
        model: a detector, see the head of this module; it computes where its weights are.
        threshold: least probability in [0, 1], for all classes, or a dictionary from classes to
            theirs; classes that are not in it are not looked for.
        overlap: largest intersection over union of two boxes of one class, in [0, 1].
        size: (height, width) to which images are fitted, multiples of the model's stride; its own
            by default. Larger finds smaller things and takes longer.
        batch_size: images that go through the network together.
        most: number of detections in one image, at most.

    Returns:
        N times what was found, of length 0 where that is nothing; on the CPU.

    Raises:
        ValueError: an image of another shape or type, or an argument out of its range.
    """
    assert isinstance(model, torch.nn.Module)
    height, width = size or model.size
    limits = _per_class(threshold, model.classes)
    if not 0 <= overlap <= 1:
        raise ValueError(f"overlap is a share in [0, 1], got {overlap}")
    if min(batch_size, most) < 1:
        raise ValueError(f"batch_size and most start at 1, got {batch_size} and {most}")
    device, found = device_of(model), []
    with evaluation_mode(model), torch.inference_mode():
        for start in range(0, len(images), batch_size):
            part = images[start : start + batch_size]
            boxed, frames = zip(
                *(letterbox(_tensor(each), (height, width)) for each in part), strict=True
            )
            inputs = torch.stack(boxed).to(device).float() / 255
            with mixed_precision(device):
                boxes, probs = model.candidates(inputs)
            kept = suppress(boxes, probs, limits, overlap=overlap, most=most)
            for frame, detections in zip(frames, kept, strict=True):
                inside = frame.to_image(detections.boxes)
                area = (inside[:, 2] > inside[:, 0]) & (inside[:, 3] > inside[:, 1])
                moved = Detections(inside, detections.labels, detections.probs)
                found.append(moved.take(area))
    return found


def suppress(
    boxes: torch.Tensor,
    probs: torch.Tensor,
    thresholds: torch.Tensor,
    *,
    overlap: float = 0.45,
    most: int = 100,
) -> list[Detections]:
    """Candidates to detections: threshold, then non-maximum suppression by image and class.

    Args:
        boxes: (N, A, 4).
        probs: (N, A, classes).
        thresholds: (classes,) least probability; infinity for a class that is not looked for.
        overlap: as for `detect_all`.
        most: as for `detect_all`.

    Returns:
        For each image what is left, on the CPU.
    """
    thresholds, found = thresholds.to(probs.device), []
    for image_boxes, image_probs in zip(boxes, probs, strict=True):
        rows, labels = (image_probs >= thresholds).nonzero(as_tuple=True)
        values, order = image_probs[rows, labels].sort(descending=True, stable=True)
        values, order = values[:_COMPARED], order[:_COMPARED]
        boxes_of, labels = image_boxes[rows[order]], labels[order]
        keep = batched_nms(boxes_of, values, labels, overlap)[:most]
        found.append(Detections(boxes_of[keep].cpu(), labels[keep].cpu(), values[keep].cpu()))
    return found


def _tensor(image: np.ndarray | torch.Tensor) -> torch.Tensor:
    if isinstance(image, torch.Tensor):
        return image
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an array is an image of H x W x 3, got {image.shape}")
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)


def _per_class(threshold: float | Mapping[int, float], classes: int) -> torch.Tensor:
    """Least probability of each class, (classes,); infinity for those that are not wanted."""
    if not isinstance(threshold, Mapping):
        threshold = dict.fromkeys(range(classes), threshold)
    wrong = {label: value for label, value in threshold.items() if not 0 <= value <= 1}
    if wrong or not set(threshold) <= set(range(classes)):
        raise ValueError(
            f"thresholds are probabilities in [0, 1] for classes 0 to {classes - 1}, got "
            f"{wrong or sorted(threshold)}"
        )
    limits = torch.full((classes,), torch.inf)
    for label, value in threshold.items():
        limits[label] = value
    return limits
