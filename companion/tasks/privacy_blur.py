"""Faces made hard to recognise: blurred, cut into blocks, or covered.

Only covering is sure: a blur or a mosaic is a function of the face, so an attacker can apply the
same function to photographs of people he knows and compare (Newton, Sweeney and Malin, 2005,
doi:10.1109/TKDE.2005.32). The verbs take and give faces of one size, (N, height, width, 3) uint8.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d

GREY = 128
"""What covered pixels are set to."""


def blur(faces: np.ndarray, sigma: float) -> np.ndarray:
    """Blur with a Gaussian.

    Args:
        faces: (N, height, width, 3) uint8.
        sigma: standard deviation in pixels, 0 or more; pixels beyond the edge repeat it.

    Raises:
        TypeError: the faces are not uint8.
        ValueError: another shape, or sigma is negative or not finite.
    """
    faces = _checked(faces)
    if not 0 <= sigma < np.inf:
        raise ValueError(f"sigma is a number of pixels, 0 or more, got {sigma}")
    if sigma == 0:
        return faces.copy()
    # A filter is linear: filtering the unit vectors gives it as a matrix, much faster for a batch.
    down, across = (
        gaussian_filter1d(np.eye(side, dtype=np.float32), sigma, axis=0, mode="nearest", truncate=3)
        for side in faces.shape[1:3]
    )
    channels = faces.transpose(0, 3, 1, 2).astype(np.float32)  # (N, 3, height, width)
    smooth = (down @ channels @ across.T).transpose(0, 2, 3, 1)
    return np.rint(smooth).clip(0, 255).astype(np.uint8)


def pixelate(faces: np.ndarray, blocks: int) -> np.ndarray:
    """Put the mean in place of every block: a mosaic.

    Args:
        faces: (N, height, width, 3) uint8.
        blocks: how many in a row and in a column; at 1 the whole face is one colour.

    Raises:
        TypeError: the faces are not uint8.
        ValueError: another shape, or `blocks` is not from 1 to the shorter side.

    Example:
        >>> face = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1).repeat(3, axis=3)
        >>> pixelate(face, 2)[0, :, :, 0].tolist()
        [[2, 2, 4, 4], [2, 2, 4, 4], [10, 10, 12, 12], [10, 10, 12, 12]]
    """
    faces = _checked(faces)
    height, width = faces.shape[1:3]
    if not 1 <= blocks <= min(height, width):
        raise ValueError(f"blocks must lie in 1 to {min(height, width)}, got {blocks}")
    means = faces.astype(np.float64)
    for axis, side in ((1, height), (2, width)):
        edges = np.linspace(0, side, blocks + 1).round().astype(int)
        sizes = np.diff(edges)
        sums = np.add.reduceat(means, edges[:-1], axis=axis)
        shape = [1, 1, 1, 1]
        shape[axis] = blocks
        means = np.repeat(sums / sizes.reshape(shape), sizes, axis=axis)
    return np.rint(means).astype(np.uint8)


def cover(faces: np.ndarray, *, margin: float = 0.0) -> np.ndarray:
    """Lay a grey box over each face; under it, nothing of the face is left.

    Args:
        faces: (N, height, width, 3) uint8.
        margin: share of each side that is left open all around, from 0 (nothing) to below 0.5.

    Raises:
        TypeError: the faces are not uint8.
        ValueError: another shape, or the margin is out of its range.
    """
    faces = _checked(faces).copy()
    if not 0 <= margin < 0.5:
        raise ValueError(f"the margin is a share from 0 to below 0.5, got {margin}")
    top, left = (round(side * margin) for side in faces.shape[1:3])
    faces[:, top : faces.shape[1] - top, left : faces.shape[2] - left] = GREY
    return faces


def hide(
    image: np.ndarray, boxes: np.ndarray, effect: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Apply an effect inside boxes of a photograph, as a publisher would.

    Args:
        image: (height, width, 3) uint8.
        boxes: (N, 4) x1, y1, x2, y2 in pixels, as `faces.detect` gives them; the part within the
            picture counts.
        effect: takes and gives (1, height, width, 3) uint8, such as `cover`.

    Returns:
        A changed copy.

    Raises:
        TypeError: the image is not uint8.
        ValueError: the image or the boxes have another shape.
    """
    changed = _checked(np.asarray(image)[None])[0].copy()
    boxes = np.asarray(boxes, float)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be (N, 4) x1, y1, x2, y2, got {boxes.shape}")
    height, width = changed.shape[:2]
    limits = [width, height, width, height]
    for x1, y1, x2, y2 in np.rint(boxes).clip(0, limits).astype(int):
        if x1 < x2 and y1 < y2:
            changed[y1:y2, x1:x2] = effect(changed[None, y1:y2, x1:x2])[0]
    return changed


def _checked(faces: np.ndarray) -> np.ndarray:
    faces = np.asarray(faces)
    if faces.dtype != np.uint8:
        raise TypeError(f"pictures must be uint8 from 0 to 255, got {faces.dtype}")
    if faces.ndim != 4 or faces.shape[3] != 3 or not faces.size:
        raise ValueError(
            f"faces of one size are (N, height, width, 3), got {faces.shape}; one alone is "
            "faces[None]"
        )
    return faces
