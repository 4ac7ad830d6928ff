"""The portraits, their faces found once for all tests of the session."""

from dataclasses import dataclass

import numpy as np
import pytest

from companion.data import carriers
from companion.data.faces import Portraits, load_portraits
from companion.tasks import faces


@dataclass(frozen=True)
class Found:
    """What detection and landmarks make of all portraits."""

    portraits: Portraits
    detections: list[faces.Detections]
    points: np.ndarray  # (173, 5, 2)


@pytest.fixture(scope="session")
def models_folder():
    return carriers.path("dlib-models") / "face_recognition_models" / "models"


@pytest.fixture(scope="session")
def found(models_folder):
    portraits = load_portraits()
    detections = [faces.detect(image) for image in portraits.images]
    points = [
        faces.landmarks(image, each.largest().boxes)
        for image, each in zip(portraits.images, detections, strict=True)
    ]
    return Found(portraits, detections, np.concatenate(points))
