"""Aligned faces in other light, with sunglasses, a mask or a bar: drawn by rule, not learnt.

Alignment puts the eyes of every face at the same place, so a covering can be drawn at fixed places,
for a whole batch at once. The verbs take and give (N, 150, 150, 3) uint8, as `faces.align` cuts
faces with its usual padding.
"""

import math
from typing import Literal

import numpy as np
from skimage.draw import ellipse, polygon

from companion.tasks.face_landmarks import CHIP_SIZE

Covering = Literal["sunglasses", "mask", "bar"]

SHADES = {"sunglasses": 20, "mask": 200, "bar": 128}
"""Grey value of each covering."""

_EYES = ((46, 46), (46, 103))
"""Row and column of each eye's middle, over all portraits of the book."""

_MASK = ((67, 18), (71, 75), (67, 132), (118, 122), (139, 102), (139, 48), (118, 28))
"""Corners of a mask from the bridge of the nose to below the chin: row, column."""


def relight(faces: np.ndarray, *, brightness: float = 1.0, side: float = 0.0) -> np.ndarray:
    """Change how much light falls on the faces, and from which side.

    Values are multiplied by `brightness` in the middle column, and by a factor that rises evenly to
    brightness x (1 + side) at the right edge and falls to brightness x (1 - side) at the left one.
    What becomes brighter than 255 is cut off, as in an overexposed photograph.

    Args:
        faces: (N, 150, 150, 3) uint8.
        brightness: factor above 0; 1 leaves the light as it is.
        side: from -1, all from the left, to 1, all from the right.

    Raises:
        TypeError: the faces are not uint8.
        ValueError: another shape, or an argument out of its range.

    Example:
        >>> face = np.full((1, 150, 150, 3), 100, np.uint8)
        >>> relight(face, brightness=2, side=0.5)[0, 0, [0, 149], 0].tolist()
        [100, 255]
    """
    faces = _checked(faces)
    if not 0 < brightness < math.inf:
        raise ValueError(f"brightness is a factor above 0, got {brightness}")
    if not -1 <= side <= 1:
        raise ValueError(f"side lies from -1 (left) to 1 (right), got {side}")
    factors = brightness * (1 + side * np.linspace(-1, 1, CHIP_SIZE))
    lit = faces * factors[:, None]  # (columns, 1) to all rows and channels
    return np.rint(lit).clip(0, 255).astype(np.uint8)


def occlude(faces: np.ndarray, covering: Covering) -> np.ndarray:
    """Cover a part of each face.

    Args:
        faces: (N, 150, 150, 3) uint8.
        covering: "sunglasses", a "mask" over nose, mouth and chin, or a "bar" over the eyes.

    Raises:
        TypeError: the faces are not uint8.
        ValueError: another shape or covering.
    """
    faces, hidden = _checked(faces).copy(), covered(covering)
    faces[:, hidden] = SHADES[covering]
    return faces


def covered(covering: Covering) -> np.ndarray:
    """Which pixels of an aligned face a covering hides.

    Args:
        covering: as for `occlude`.

    Returns:
        (150, 150) bool.

    Raises:
        ValueError: another covering.

    Example:
        >>> covered("bar").mean().round(2)
        np.float64(0.2)
    """
    hidden = np.zeros((CHIP_SIZE, CHIP_SIZE), bool)
    if covering == "bar":
        hidden[31:61] = True
    elif covering == "mask":
        rows, columns = zip(*_MASK, strict=True)
        hidden[polygon(rows, columns, shape=hidden.shape)] = True
    elif covering == "sunglasses":
        for row, column in _EYES:
            hidden[ellipse(row, column, 17, 25, shape=hidden.shape)] = True
        hidden[37:43, 4:146] = True  # bridge and temples
    else:
        raise ValueError(f"covering must be one of {', '.join(SHADES)}, got {covering!r}")
    return hidden


def _checked(faces: np.ndarray) -> np.ndarray:
    faces = np.asarray(faces)
    if faces.dtype != np.uint8:
        raise TypeError(f"faces must be uint8 from 0 to 255, got {faces.dtype}")
    if faces.ndim != 4 or faces.shape[1:] != (CHIP_SIZE, CHIP_SIZE, 3):
        raise ValueError(
            f"aligned faces are (N, {CHIP_SIZE}, {CHIP_SIZE}, 3), got {faces.shape}; cut them out "
            "with faces.align"
        )
    return faces
