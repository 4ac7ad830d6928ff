"""A Kalman filter (Kalman, 1960) on boxes, for many tracks at once, as SORT sets it up.

The state of a track has seven numbers: centre x and y, area, ratio of width to height, and the
change from picture to picture of the first three. The ratio is taken to stay as it is.
"""

from dataclasses import dataclass

import numpy as np

MOTION = np.eye(7) + np.eye(7, k=4)
"""What becomes of a state from one picture to the next: the first three grow by the last three."""

MOTION_NOISE = np.diag([1, 1, 1, 1, 0.01, 0.01, 0.0001])
MEASURED = np.eye(4, 7)
MEASUREMENT_NOISE = np.diag([1.0, 1.0, 10.0, 10.0])
START = np.diag([10.0, 10.0, 10.0, 10.0, 1e4, 1e4, 1e4])
"""Covariances; the velocities of a new track are unknown."""


@dataclass(frozen=True)
class TrackFilter:
    """States of T tracks.

    Attributes:
        mean: (T, 7).
        covariance: (T, 7, 7).

    Example:
        >>> track = TrackFilter.start(np.array([[0.0, 0.0, 10.0, 20.0]]))
        >>> for shift in range(1, 6):
        ...     track = track.predict().update(np.array([[shift, 0.0, shift + 10.0, 20.0]]))
        >>> track.mean[0, 4].round(1).item()
        1.0
    """

    mean: np.ndarray
    covariance: np.ndarray

    def __len__(self) -> int:
        return len(self.mean)

    @staticmethod
    def start(boxes: np.ndarray) -> "TrackFilter":
        """New tracks, at rest, from boxes (T, 4)."""
        mean = np.pad(to_measurement(boxes), ((0, 0), (0, 3)))
        return TrackFilter(mean, np.repeat(START[None], len(boxes), axis=0))

    def predict(self) -> "TrackFilter":
        """The states one picture later. An area that would vanish stays as it is."""
        mean = self.mean.copy()
        mean[mean[:, 2] + mean[:, 6] <= 0, 6] = 0
        return TrackFilter(mean @ MOTION.T, MOTION @ self.covariance @ MOTION.T + MOTION_NOISE)

    def update(self, boxes: np.ndarray) -> "TrackFilter":
        """The states after each track was seen at its box (T, 4)."""
        expected = self.covariance[:, :4, :4] + MEASUREMENT_NOISE  # (T, 4, 4)
        gain = np.linalg.solve(expected, self.covariance[:, :4, :]).swapaxes(1, 2)  # (T, 7, 4)
        surprise = to_measurement(boxes) - self.mean[:, :4]
        mean = self.mean + (gain @ surprise[:, :, None])[:, :, 0]
        return TrackFilter(mean, self.covariance - gain @ self.covariance[:, :4, :])

    def boxes(self) -> np.ndarray:
        """(T, 4) x1, y1, x2, y2."""
        area, ratio = np.maximum(self.mean[:, 2], 1e-9), np.maximum(self.mean[:, 3], 1e-9)
        width = np.sqrt(area * ratio)
        half = np.stack([width, area / width], axis=1) / 2
        return np.concatenate([self.mean[:, :2] - half, self.mean[:, :2] + half], axis=1)

    def take(self, rows: np.ndarray) -> "TrackFilter":
        """Some of the tracks."""
        return TrackFilter(self.mean[rows], self.covariance[rows])

    def replaced(self, rows: np.ndarray, other: "TrackFilter") -> "TrackFilter":
        """These tracks, with other states in some rows."""
        mean, covariance = self.mean.copy(), self.covariance.copy()
        mean[rows], covariance[rows] = other.mean, other.covariance
        return TrackFilter(mean, covariance)

    @staticmethod
    def join(first: "TrackFilter", second: "TrackFilter") -> "TrackFilter":
        """Two lots of tracks as one."""
        return TrackFilter(
            np.concatenate([first.mean, second.mean]),
            np.concatenate([first.covariance, second.covariance]),
        )


def to_measurement(boxes: np.ndarray) -> np.ndarray:
    """Centre x and y, area and ratio of width to height of boxes with an area, (N, 4) each."""
    size = boxes[:, 2:] - boxes[:, :2]
    centre = (boxes[:, 2:] + boxes[:, :2]) / 2
    return np.column_stack([centre, size.prod(axis=1), size[:, 0] / size[:, 1]])
