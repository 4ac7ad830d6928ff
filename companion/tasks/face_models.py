"""dlib's trained face models (King, 2009, JMLR 10), loaded once, on first use, safe to share.

The files come with the set `dlib-models`. The HOG detector needs none: it is part of dlib itself.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import torch

from companion.data import carriers
from companion.device import pick_device
from companion.models.face_detector import FaceDetector, read_detector
from companion.models.face_embedding import FaceEmbedding, read_embedding
from companion.tasks import face_pyramid

FILES = {
    "cnn": "mmod_human_face_detector.dat",
    "points 5": "shape_predictor_5_face_landmarks.dat",
    "points 68": "shape_predictor_68_face_landmarks.dat",
    "embedding": "dlib_face_recognition_resnet_model_v1.dat",
}
"""File of each model. The 68 landmarks were trained on iBUG 300-W: not for commercial use."""


class _Guarded:
    """A model that loads when it is first called, and serves one caller at a time.

    dlib promises no thread safety. Networks of PyTorch are only handed out here: they serve many.
    """

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load
        self._model: Any = None
        self._lock = threading.Lock()

    def __call__(self, use: Callable[[Any], Any]) -> Any:
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return use(self._model)


class FaceModels:
    """The models that `companion.tasks.faces` works with; every one is read on its first use.

    One object may serve many threads. Another object shares nothing with it, so that two of them
    are never in each other's way.

    Args:
        folder: where the `.dat` files lie; by default the installed set `dlib-models`.
        device: where the CNN detector and the embedding are computed, in the words of
            `companion.device.pick_device`; dlib's HOG detector and landmarks stay on the CPU.
    """

    def __init__(
        self, folder: Path | str | None = None, *, device: str | torch.device = "cpu"
    ) -> None:
        self._folder = None if folder is None else Path(folder)
        self.device = pick_device(device)
        self._hog = _Guarded(dlib.get_frontal_face_detector)
        self._cnn = _Guarded(partial(self._read_network, read_detector, "cnn"))
        self._embedding = _Guarded(partial(self._read_network, read_embedding, "embedding"))
        self._predictors = {
            points: _Guarded(partial(self._read, dlib.shape_predictor, f"points {points}"))
            for points in (5, 68)
        }

    def hog(self, image: np.ndarray, upsample: int) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (N, 4) float64 and scores (N,) float64 of the HOG detector."""
        found, scores, _ = self._hog(lambda model: model.run(image, upsample, 0.0))
        return _boxes(found), np.array(scores, np.float64)

    def cnn(self, image: np.ndarray, upsample: int) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (N, 4) float64 and scores (N,) float64 of the CNN detector."""
        return face_pyramid.search(self.detector(), image, upsample)

    def detector(self) -> FaceDetector:
        """The CNN detector's network, on its device."""
        return self._cnn(lambda network: network)

    def landmarks(self, image: np.ndarray, boxes: np.ndarray, points: int) -> np.ndarray:
        """One pass of the regression trees: boxes (N, 4) to (N, points, 2) float64."""
        corners = np.rint(boxes).astype(int).tolist()
        shapes = self._predictors[points](
            lambda model: [model(image, dlib.rectangle(*box)) for box in corners]
        )
        found = [[(point.x, point.y) for point in shape.parts()] for shape in shapes]
        return np.array(found, np.float64).reshape(-1, points, 2)

    def embedding(self) -> FaceEmbedding:
        """The embedding network, on its device."""
        return self._embedding(lambda network: network)

    def _read_network(self, read: Callable[[Path], torch.nn.Module], name: str) -> torch.nn.Module:
        return self._read(lambda file: read(Path(file)), name).to(
            self.device, memory_format=torch.channels_last
        )

    def _read(self, kind: Callable[[str], Any], name: str) -> Any:
        folder = self._folder
        if folder is None:
            folder = carriers.path("dlib-models") / "face_recognition_models" / "models"
        file = folder / FILES[name]
        if not file.is_file():
            raise FileNotFoundError(
                f"{file} is not there; name the folder that holds dlib's models, or leave it out "
                "and run: python -m companion.data install dlib-models"
            )
        return kind(str(file))


def _boxes(rectangles: Sequence[Any]) -> np.ndarray:
    corners = [(r.left(), r.top(), r.right(), r.bottom()) for r in rectangles]
    return np.array(corners, np.float64).reshape(-1, 4)


SHARED = FaceModels()
"""What `companion.tasks.faces` uses unless it is given another; nothing is loaded yet."""
