"""Bag of visual words (Csurka et al., 2004): an image as counts of typical SIFT descriptors.

SIFT (Lowe, 2004, doi:10.1023/B:VISI.0000029664.99615.94) is OpenCV's, the vocabulary
scikit-learn's k-means; this module joins them into a transformer that fits a scikit-learn pipeline.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils.validation import check_is_fitted


class VisualWords(TransformerMixin, BaseEstimator):
    """Grey images to how often each visual word stands in them.

    The images are called X, as in all of scikit-learn, which takes any other name for metadata.

    Args:
        words: size of the vocabulary.
        step: distance of the places that are described, in pixels, on a regular grid; None for the
            key points that SIFT finds itself, of which a smooth image may have none.
        patch: side of the square that is described around each place of the grid, in pixels.
        sample: descriptors that the vocabulary is learnt from, drawn from all.
        seed: decides the sample and the start of k-means.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (6, 48, 48), dtype=np.uint8)
        >>> VisualWords(words=5).fit_transform(images).shape
        (6, 5)
    """

    def __init__(
        self,
        words: int = 256,
        *,
        step: int | None = 8,
        patch: int = 24,
        sample: int = 20_000,
        seed: int = 0,
    ):
        self.words = words
        self.step = step
        self.patch = patch
        self.sample = sample
        self.seed = seed

    def fit(self, X: np.ndarray | Sequence[np.ndarray], y: object = None) -> "VisualWords":
        """Learn the vocabulary.

        Args:
            X: grey images, uint8: N x H x W, or a sequence of H x W of several sizes.
            y: not used.

        Raises:
            ValueError: images of another kind, a size below 1, or fewer descriptors than words.
        """
        if min(self.words, self.step or 1, self.patch, self.sample) < 1:
            raise ValueError(
                "words, step, patch and sample start at 1, got "
                f"{self.words}, {self.step}, {self.patch}, {self.sample}"
            )
        found = np.concatenate(self._describe(X))
        if len(found) < self.words:
            raise ValueError(
                f"{len(found)} descriptors do not make {self.words} words; ask for fewer words, "
                "give more images, or describe a finer grid"
            )
        generator = np.random.default_rng(self.seed)
        if len(found) > self.sample:
            found = found[generator.choice(len(found), self.sample, replace=False)]
        self.vocabulary_ = MiniBatchKMeans(
            self.words, random_state=self.seed, batch_size=1024, n_init=1
        ).fit(found)
        return self

    def transform(self, X: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """Count the words.

        Args:
            X: grey images, uint8: N x H x W, or a sequence of H x W of several sizes.

        Returns:
            N x words, float32: square roots of the shares of the words, so that each row has
            length 1 and a product of two rows compares shares fairly (Arandjelovic and Zisserman,
            2012). A row of zeros where nothing was found.

        Raises:
            ValueError: images of another kind.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        described = self._describe(X)
        owner = np.repeat(np.arange(len(described)), [len(rows) for rows in described])
        counts = np.zeros((len(described), self.words), np.float32)
        if len(owner):
            np.add.at(counts, (owner, self.vocabulary_.predict(np.concatenate(described))), 1)
        return np.sqrt(counts / np.maximum(counts.sum(1, keepdims=True), 1))

    def _describe(self, images: np.ndarray | Sequence[np.ndarray]) -> list[np.ndarray]:
        """SIFT descriptors of each image, (points, 128) float32, on all cores."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(self._describe_one, images))

    def _describe_one(self, image: np.ndarray) -> np.ndarray:
        image = np.asarray(image)
        if image.ndim != 2 or image.dtype != np.uint8:
            raise ValueError(
                f"images are grey, height x width, uint8; got {image.dtype} of shape {image.shape}"
            )
        sift = cv2.SIFT.create()  # one for each call: it is not made for several threads
        if self.step is None:
            found = sift.detectAndCompute(image, None)[1]
        else:
            found = sift.compute(image, _grid(image, self.step, self.patch))[1]
        return np.empty((0, 128), np.float32) if found is None else found


def _grid(image: np.ndarray, step: int, patch: int) -> list[cv2.KeyPoint]:
    size = patch / 6  # SIFT describes 4 x 4 cells, each 1.5 times the key point's size wide
    rows, columns = (np.arange(step / 2, side, step) for side in image.shape)
    return [cv2.KeyPoint(float(x), float(y), size) for y in rows for x in columns]
