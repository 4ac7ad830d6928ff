"""Landmarks of faces, and faces brought upright by them.

An ensemble of regression trees (Kazemi and Sullivan, 2014, CVPR) moves a mean face, laid into the
detector's box, to where the eyes and the nose are. Its answer depends a little on that box, and
dlib's two detectors frame a face differently. So the box is laid anew around the eyes that were
found, and the answers of a few such boxes are averaged: then it hardly matters who found the face.
"""

from typing import Literal

import dlib
import numpy as np

from companion.tasks import face_inputs
from companion.tasks.face_models import SHARED, FaceModels

CHIP_SIZE = 150
"""Side of an aligned face, in pixels, that the embedding was trained on."""

CHIP_PADDING = 0.25
"""Margin around an aligned face, as a share of its size, that the embedding was trained on."""

FRAME_SIZE = 2.35
"""Side of HOG's box in distances between the eyes: the median over 396 photographs of ORL faces."""

FRAME_DROP = 0.47
"""How far the middle of that box lies below the eyes, in the same unit, same photographs."""

_FRAMES = np.array([(0, 0), (-0.05, 0), (0.05, 0), (0, -0.05), (0, 0.05)])
"""Shifts of the frames whose answers are averaged, in sides of the frame."""


def landmarks(
    image: np.ndarray,
    boxes: np.ndarray,
    *,
    points: Literal[5, 68] = 5,
    refinements: int = 2,
    models: FaceModels = SHARED,
) -> np.ndarray:
    """Mark eyes and nose, or the whole outline, of each face.

    Five points: for the eye on the image's right its outer and inner corner, the same for the eye
    on the image's left, then the base of the nose. The 68 points follow iBUG 300-W; that model is
    not for commercial use, so take five wherever the outline is not the subject.

    Args:
        image: (height, width, 3) uint8, RGB.
        boxes: (N, 4) as `faces.detect` gives them.
        points: 5 or 68.
        refinements: how often the answer is found again, as the mean over five frames laid around
            the eyes; 0 is dlib's own answer for the box.
        models: where the trained models come from.

    Returns:
        (N, points, 2) float64, x and y in pixels.

    Raises:
        TypeError: the image is not a uint8 array.
        ValueError: a wrong shape, a box without area or that is not finite, another `points`, or
            `refinements` out of 0 to 10.
        FileNotFoundError: the model's file is not installed.
    """
    image, boxes = face_inputs.image(image), face_inputs.boxes(boxes)
    if points not in (5, 68):
        raise ValueError(f"points must be 5 or 68, got {points!r}")
    if refinements not in range(11):
        raise ValueError(f"refinements must lie in 0 to 10, got {refinements!r}")
    found = models.landmarks(image, boxes, points)
    for _ in range(refinements):
        frames = _frames(eye_centres(found)).reshape(-1, 4)  # (N * 5, 4)
        again = models.landmarks(image, frames, points)
        found = again.reshape(len(boxes), len(_FRAMES), points, 2).mean(1)
    return found


def eye_centres(points: np.ndarray) -> np.ndarray:
    """Middle of each eye from 5 or 68 landmarks.

    Args:
        points: (N, 5 or 68, 2), from `landmarks`.

    Returns:
        (N, 2, 2): the eye on the image's left, then the one on its right; x, y in pixels.

    Raises:
        ValueError: another shape, or values that are not finite.

    Example:
        >>> eye_centres(np.array([[(70, 40), (60, 40), (30, 42), (40, 42), (50, 60)]])).tolist()
        [[[35.0, 42.0], [65.0, 40.0]]]
    """
    points = face_inputs.landmarks(points)
    left, right = (
        (slice(2, 4), slice(0, 2)) if points.shape[1] == 5 else (slice(36, 42), slice(42, 48))
    )
    return np.stack([points[:, left].mean(1), points[:, right].mean(1)], axis=1)


def align(
    image: np.ndarray,
    faces: np.ndarray,
    *,
    size: int = CHIP_SIZE,
    padding: float = CHIP_PADDING,
    models: FaceModels = SHARED,
) -> np.ndarray:
    """Cut out each face, turned upright and scaled so that the landmarks meet a mean face.

    Args:
        image: (height, width, 3) uint8, RGB.
        faces: landmarks (N, 5 or 68, 2), or boxes (N, 4), for which 5 landmarks are found first.
        size: side of the result in pixels.
        padding: margin around the face, as a share of its size.
        models: where the trained models come from.

    Returns:
        (N, size, size, 3) uint8, RGB. What lies outside of the photograph is black.

    Raises:
        TypeError: the image is not a uint8 array.
        ValueError: a wrong shape, values that are not finite, a size or padding out of range.
        FileNotFoundError: the model's file is not installed.
    """
    image, faces = face_inputs.image(image), np.asarray(faces)
    if not 2 <= size <= 2048:
        raise ValueError(f"size must lie in 2 to 2048 pixels, got {size}")
    if not 0 <= padding <= 2:
        raise ValueError(f"padding must lie in 0 to 2, got {padding}")
    points = (
        face_inputs.landmarks(faces) if faces.ndim == 3 else landmarks(image, faces, models=models)
    )
    if not len(points):
        return np.empty((0, size, size, 3), np.uint8)
    shapes = dlib.full_object_detections()
    for face in np.rint(points).astype(int):
        frame = dlib.rectangle(*face.min(0).tolist(), *face.max(0).tolist())
        parts = [dlib.point(x, y) for x, y in face.tolist()]
        shapes.append(dlib.full_object_detection(frame, parts))
    return np.stack(dlib.get_face_chips(image, shapes, size, padding))


def _frames(eyes: np.ndarray) -> np.ndarray:
    """Boxes as HOG would lay them around eyes: (N, 2, 2) to (N, 5, 4)."""
    between = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1).clip(min=1)  # (N,)
    side = FRAME_SIZE * between
    middle = eyes.mean(1) + np.stack([np.zeros_like(between), FRAME_DROP * between], axis=1)
    middles = middle[:, None] + _FRAMES * side[:, None, None]  # (N, 5, 2)
    half = side[:, None, None] / 2
    return np.concatenate([middles - half, middles + half], axis=2)
