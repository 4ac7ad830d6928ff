"""What the verbs of `companion.tasks.faces` accept; anything else is refused with the cure."""

import numpy as np

MIN_SIDE = 40
"""Shortest side of a photograph that is searched, in pixels: no smaller face would be found."""


def image(value: np.ndarray) -> np.ndarray:
    """A photograph (height, width, 3) uint8, in one piece of memory as dlib reads it.

    Raises:
        TypeError: it is no numpy array, or not of uint8.
        ValueError: it has another shape, or no pixels.
    """
    if not isinstance(value, np.ndarray):
        raise TypeError(f"the image must be a numpy array, got {type(value).__name__}")
    if value.dtype != np.uint8:
        raise TypeError(
            f"the image must be uint8 from 0 to 255, got {value.dtype}; "
            "scale it to 0..255 and use .astype(np.uint8)"
        )
    if value.ndim != 3 or value.shape[2] != 3:
        raise ValueError(
            f"the image must be (height, width, 3) RGB, got {value.shape}; make a grey one RGB "
            "with np.stack([grey] * 3, axis=-1), or read the file with images.read_image"
        )
    if not value.size:
        raise ValueError(f"the image has no pixels: its shape is {value.shape}")
    return np.ascontiguousarray(value)


def boxes(value: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) float64.

    Raises:
        ValueError: another shape, not finite, or without area.
    """
    value = np.asarray(value, np.float64)
    if value.ndim != 2 or value.shape[1] != 4:
        raise ValueError(f"boxes must be (N, 4) x1, y1, x2, y2, got {value.shape}")
    _finite(value, "boxes")
    if not (value[:, 2:] > value[:, :2]).all():
        raise ValueError("boxes must have x1 < x2 and y1 < y2; are they x, y, width, height?")
    return value


def landmarks(value: np.ndarray) -> np.ndarray:
    """Landmarks (N, 5 or 68, 2) float64.

    Raises:
        ValueError: another shape, or not finite.
    """
    value = np.asarray(value, np.float64)
    if value.ndim != 3 or value.shape[1] not in (5, 68) or value.shape[2] != 2:
        raise ValueError(f"landmarks must be (N, 5 or 68, 2), got {value.shape}")
    _finite(value, "landmarks")
    return value


def _finite(value: np.ndarray, what: str) -> None:
    """Refuse NaN, infinity, and numbers that no picture has and dlib's integers do not hold."""
    if not (np.abs(value) < 1e6).all():
        raise ValueError(f"{what} must be finite and within a million pixels of the picture")
