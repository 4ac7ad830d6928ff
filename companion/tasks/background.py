"""What stands still before a fixed camera: a running median of every pixel, and of its noise.

The model keeps two numbers for a pixel: a grey value that moves one step towards each new picture,
and a limit that moves one step towards a multiple of the difference. A value that goes up as often
as down is a median; so passing vehicles, which are there for less than half of the time, leave no
trace. It is the Sigma-Delta background of Manzanera and Richefeu (2007,
doi:10.1016/j.patrec.2006.04.007), which adds the limit to the running median of McFarlane and
Schofield (1995, doi:10.1007/BF01215814).

    model = RunningMedian(pictures[::10])   # starts from the true median of some pictures
    mask = model.changed(picture)           # (height, width) bool: something is there
    model.update(picture)
"""

import cv2
import numpy as np

LARGEST = 255


class RunningMedian:
    """The background of a fixed camera.

    Args:
        pictures: (T, height, width) uint8, grey, spread over a time in which every place is free
            for more than half; the model starts from their median.
        factor: a pixel has changed when it differs by so many times its usual difference.
        least: and by at least so many grey levels, above the noise of the camera.

    Raises:
        ValueError: no pictures, not grey, or not bytes; `factor` or `least` out of range.

    Attributes:
        median: (height, width) uint8, the picture of what stands still.
        limit: (height, width) uint8, from which difference on a pixel has changed.

    Example:
        >>> road = np.full((5, 4, 6), 120, np.uint8)
        >>> road[2, :, 3] = 250  # something passes in one picture of five
        >>> model = RunningMedian(road)
        >>> model.changed(road[2]).sum(axis=0).tolist()
        [0, 0, 0, 4, 0, 0]
    """

    def __init__(self, pictures: np.ndarray, *, factor: float = 4.0, least: int = 16):
        pictures = np.asarray(pictures)
        if pictures.ndim != 3 or pictures.dtype != np.uint8:
            raise ValueError(
                "pictures must be (T, height, width) uint8, grey, got shape "
                f"{pictures.shape}, {pictures.dtype}"
            )
        if pictures.size == 0:
            raise ValueError(
                f"a background needs at least one picture, got shape {pictures.shape}; "
                "is the film empty?"
            )
        if factor <= 0 or not 0 < least <= LARGEST:
            raise ValueError(
                f"factor is above 0 and least lies between 1 and {LARGEST}, got {factor} and "
                f"{least}"
            )
        self.factor, self.least = factor, least
        self.median = _median(pictures)
        usual = _median(np.stack([cv2.absdiff(picture, self.median) for picture in pictures]))
        self.limit = np.clip(usual * np.float32(factor), least, LARGEST).astype(np.uint8)

    def changed(self, picture: np.ndarray) -> np.ndarray:
        """Where the picture differs from the background by more than the limit.

        Args:
            picture: (height, width) uint8, grey.

        Returns:
            (height, width) bool.

        Raises:
            ValueError: another size or type than the model's.
        """
        return cv2.absdiff(self._checked(picture), self.median) > self.limit

    def update(self, picture: np.ndarray) -> None:
        """Move median and limit one grey level towards what this picture says.

        How fast a thing that has come to stand becomes background is decided by how often this is
        called: after as many calls as it differs in grey levels.

        Args:
            picture: (height, width) uint8, grey.

        Raises:
            ValueError: another size or type than the model's.
        """
        picture = self._checked(picture)
        self.median += picture > self.median
        self.median -= picture < self.median
        wanted = cv2.convertScaleAbs(cv2.absdiff(picture, self.median), alpha=self.factor)
        self.limit += wanted > self.limit
        self.limit -= (wanted < self.limit) & (self.limit > self.least)

    def _checked(self, picture: np.ndarray) -> np.ndarray:
        picture = np.asarray(picture)
        if picture.shape != self.median.shape or picture.dtype != np.uint8:
            raise ValueError(
                f"the picture must be {self.median.shape} uint8 as the background is, got "
                f"{picture.shape} {picture.dtype}"
            )
        return picture


def shadow_like(
    picture: np.ndarray, background: np.ndarray, *, darkest: float = 0.4, lightest: float = 0.92
) -> np.ndarray:
    """Where a picture is darker than the background by as much as a shadow makes it.

    A shadow takes a share of the light and leaves the rest, so its grey values are those of the
    ground times one number. A dark car on a light road looks the same: the mask says where shadow
    may be, not where it is.

    Args:
        picture: (height, width) uint8, grey.
        background: the same without what moves.
        darkest: smallest share of the background's grey value that counts as shadow.
        lightest: largest share.

    Returns:
        (height, width) bool.

    Raises:
        ValueError: pictures of different size or not bytes, or not 0 <= darkest < lightest <= 1.

    Example:
        >>> ground = np.array([[200, 200, 200, 100]], np.uint8)
        >>> shadow_like(np.array([[198, 130, 20, 60]], np.uint8), ground)
        array([[False,  True, False,  True]])
    """
    picture, background = np.asarray(picture), np.asarray(background)
    if picture.shape != background.shape or {picture.dtype, background.dtype} != {
        np.dtype(np.uint8)
    }:
        raise ValueError(
            "picture and background must be uint8 of one size, got "
            f"{picture.shape} {picture.dtype} and {background.shape} {background.dtype}"
        )
    if not 0 <= darkest < lightest <= 1:
        raise ValueError(f"0 <= darkest < lightest <= 1 must hold, got {darkest} and {lightest}")
    lowest = cv2.convertScaleAbs(background, alpha=darkest)
    highest = cv2.convertScaleAbs(background, alpha=lightest)
    return (picture >= lowest) & (picture < highest)


def _median(pictures: np.ndarray) -> np.ndarray:
    """The middle value of each pixel; of an even number, the upper of the two."""
    middle = len(pictures) // 2
    by_pixel = np.ascontiguousarray(np.moveaxis(pictures, 0, -1))
    return np.partition(by_pixel, middle, axis=-1)[..., middle].copy()
