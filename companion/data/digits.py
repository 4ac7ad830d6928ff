"""Handwritten digits, 8 x 8: the set that scikit-learn carries.

1,797 digits by 13 people, reduced from 32 x 32 bitmaps to counts of 0 to 16: the test part of the
set (Alpaydin and Kaynak, UCI Machine Learning Repository, 1998, doi:10.24432/C50P49), whose other
part 30 other people wrote.
"""

from typing import NamedTuple

import torch
from sklearn.datasets import load_digits as load_sklearn_digits

from companion.data.splits import stratified_split


class Digits(NamedTuple):
    """Digits as tensors, in two parts that share no image.

    The set does not tell who wrote which digit, so one person's digits stand in both parts.

    Attributes:
        train_images: M x 1 x 8 x 8, float32 in [0, 1], ink is 1.
        train_labels: M, int64, 0 to 9.
        test_images: N x 1 x 8 x 8, as above.
        test_labels: N, as above.
    """

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor


def load_digits(*, held_out: float = 1 / 3, seed: int = 0) -> Digits:
    """Load the digits and hold out a part, with the same share of every class.

    Args:
        held_out: share of the images in the test part, in (0, 1).
        seed: decides which images are held out.

    Returns:
        1,198 images to train with and 599 to test with, when a third is held out.

    Raises:
        ValueError: `held_out` leaves a part with fewer images than classes.

    Example:
        >>> digits = load_digits()
        >>> digits.train_images.shape, digits.test_images.shape
        (torch.Size([1198, 1, 8, 8]), torch.Size([599, 1, 8, 8]))
    """
    images, labels = all_digits()
    split = stratified_split(labels, held_out=held_out, seed=seed)
    return Digits(images[split.train], labels[split.train], images[split.test], labels[split.test])


def all_digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Load all digits in the set's own order, for splits of one's own.

    Returns:
        Images, 1797 x 1 x 8 x 8, float32 in [0, 1], and labels, 1797, int64, 0 to 9.
    """
    bunch = load_sklearn_digits()
    images = torch.from_numpy(bunch.images).float().unsqueeze(1) / 16  # counts reach 16
    return images, torch.from_numpy(bunch.target).long()
