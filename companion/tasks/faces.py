"""Faces with dlib (King, 2009, JMLR 10): find them, mark them, bring them upright, describe them.

The verbs compose, each takes the photograph as uint8 (height, width, 3) RGB:

    found = faces.detect(image)                    # found.boxes (N, 4), found.scores (N,)
    points = faces.landmarks(image, found.boxes)   # (N, 5, 2)
    chips = faces.align(image, points)             # (N, 150, 150, 3)
    codes = faces.embed(image, found.boxes)        # (N, 128); does the two steps above itself

Where there is no face, the arrays have N = 0. Boxes are x1, y1, x2, y2 and points x, y, in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from companion.tasks import face_inputs
from companion.tasks.face_landmarks import CHIP_SIZE, align, eye_centres, landmarks
from companion.tasks.face_models import SHARED, FaceModels

__all__ = ["Detections", "align", "detect", "embed", "embed_chips", "eye_centres", "landmarks"]

_BATCH = 32
"""Faces that pass through the network together: some 50 MB of activations."""

MAX_UPSAMPLE = 4
"""Each step of upsampling quadruples the pixels: more than this is taken for a mistake."""


@dataclass(frozen=True)
class Detections:
    """The faces of one photograph, the surest first.

    Attributes:
        boxes: (N, 4) float64, x1, y1, x2, y2 in pixels; may reach beyond the picture's edge.
        scores: (N,) float64; larger is surer. Scores of the two detectors have different scales.
        method: the detector that these boxes come from, "hog" or "cnn".
    """

    boxes: np.ndarray
    scores: np.ndarray
    method: Literal["hog", "cnn"]

    def __len__(self) -> int:
        return len(self.boxes)

    def largest(self) -> "Detections":
        """Only the face with the largest box (none, where there is none)."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        keep = np.argsort(-sides.prod(axis=1), kind="stable")[:1]
        return Detections(self.boxes[keep], self.scores[keep], self.method)


def detect(
    image: np.ndarray,
    *,
    upsample: int = 0,
    method: Literal["hog", "cnn", "cascade"] = "cascade",
    models: FaceModels = SHARED,
) -> Detections:
    """Find the faces in a photograph.

    `"hog"` slides a linear filter over histograms of oriented gradients (Dalal and Triggs, 2005):
    fast, frontal faces only. `"cnn"` is a small convolutional network trained with the max-margin
    loss (King, 2015, arXiv:1502.00046): it finds turned and dark faces, too, and takes some three
    times as long on two cores; `companion.models.face_detector` computes it, on the models' device.
    `"cascade"` asks HOG first, and the CNN only where HOG finds nothing. One face found by HOG
    is enough to end the search: a second, turned face in the same picture may be missed. Where
    every face counts, ask `"cnn"`.

    Args:
        image: (height, width, 3) uint8, RGB.
        upsample: how often the picture's size is doubled before the search, 0 to 4. HOG's window
            is 80 pixels wide; one step makes it find faces of 40 pixels, at four times the work.
        method: which detector to ask.
        models: where the trained models come from.

    Returns:
        The faces found, with scores; of length 0 where there is none.

    Raises:
        TypeError: the image is not a uint8 array, or `upsample` is not an integer.
        ValueError: the image has another shape or is smaller than 40 pixels, or an argument is out
            of its range.
        FileNotFoundError: the CNN's file is not installed.

    Example:
        >>> from skimage import data
        >>> found = detect(data.astronaut(), method="hog")
        >>> found.boxes.shape, found.method
        ((1, 4), 'hog')
    """
    image = face_inputs.image(image)
    if min(image.shape[:2]) < face_inputs.MIN_SIDE:
        raise ValueError(
            f"the image must be at least {face_inputs.MIN_SIDE} pixels wide and high, got "
            f"{image.shape[1]} x {image.shape[0]}; enlarge it first"
        )
    if isinstance(upsample, bool) or not isinstance(upsample, int | np.integer):
        raise TypeError(f"upsample must be an integer, got {type(upsample).__name__}")
    if not 0 <= upsample <= MAX_UPSAMPLE:
        raise ValueError(f"upsample must lie in 0 to {MAX_UPSAMPLE}, got {upsample}")
    if method not in ("hog", "cnn", "cascade"):
        raise ValueError(f"method must be 'hog', 'cnn' or 'cascade', got {method!r}")
    if method != "cnn":
        boxes, scores = models.hog(image, int(upsample))
        if len(boxes) or method == "hog":
            return _sorted(boxes, scores, "hog")
    return _sorted(*models.cnn(image, int(upsample)), "cnn")


def embed(
    image: np.ndarray, faces: np.ndarray, *, mirror: bool = True, models: FaceModels = SHARED
) -> np.ndarray:
    """Describe each face of a photograph by 128 numbers; the same person's lie close together.

    Closeness is the Euclidean distance. The network is dlib's, with 29 convolutions, trained by its
    author on about three million faces; `companion.models.face_embedding` computes it.

    Args:
        image: (height, width, 3) uint8, RGB.
        faces: boxes (N, 4), or landmarks (N, 5 or 68, 2).
        mirror: whether to average the numbers of the face and of its mirror image, which takes
            twice the time and tells people apart better. Never compare numbers with and without.
        models: where the trained models come from.

    Returns:
        (N, 128) float32.

    Raises:
        TypeError: the image is not a uint8 array.
        ValueError: a wrong shape, or values that are not finite.
        FileNotFoundError: a model's file is not installed.
    """
    return embed_chips(align(image, faces, models=models), mirror=mirror, models=models)


def embed_chips(
    chips: np.ndarray | Sequence[np.ndarray],
    *,
    mirror: bool = True,
    models: FaceModels = SHARED,
) -> np.ndarray:
    """Describe faces that are aligned already, from any number of photographs, in batches.

    Args:
        chips: (N, 150, 150, 3) uint8, as `align` gives them.
        mirror: as for `embed`.
        models: where the trained models come from.

    Returns:
        (N, 128) float32.

    Raises:
        TypeError: the chips are not uint8.
        ValueError: the chips have another size.
        FileNotFoundError: the model's file is not installed.
    """
    chips = [face_inputs.image(chip) for chip in chips]
    for chip in chips:
        if chip.shape != (CHIP_SIZE, CHIP_SIZE, 3):
            raise ValueError(
                f"an aligned face must be {CHIP_SIZE} x {CHIP_SIZE} x 3, got {chip.shape}; "
                "cut it out with align()"
            )
    if not chips:
        return np.empty((0, 128), np.float32)
    network, codes = models.embedding(), []
    with torch.inference_mode():
        for start in range(0, len(chips), _BATCH):
            batch = torch.from_numpy(np.stack(chips[start : start + _BATCH])).to(models.device)
            batch = batch.permute(0, 3, 1, 2).float()  # (n, 3, 150, 150); stays channels-last
            code = network(batch)
            codes.append((code + network(batch.flip(3))) / 2 if mirror else code)
    return torch.cat(codes).cpu().numpy()


def _sorted(boxes: np.ndarray, scores: np.ndarray, method: Literal["hog", "cnn"]) -> Detections:
    order = np.argsort(-scores, kind="stable")
    return Detections(boxes[order], scores[order], method)
