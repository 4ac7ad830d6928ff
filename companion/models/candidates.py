"""What a detector gives before a threshold is chosen and doubles are removed."""

from typing import NamedTuple

import torch


class Candidates(NamedTuple):
    """Boxes for a batch of images, as many for each image.

    Attributes:
        boxes: (N, A, 4) float32, x1, y1, x2, y2 in pixels of the network's input; A is the number
            of places and shapes at which the network looks. They may reach beyond the image.
        probs: (N, A, classes) float32 in [0, 1]: is it a thing of this class? A box may belong to
            several classes or to none, so they need not add up to 1.
    """

    boxes: torch.Tensor
    probs: torch.Tensor


def check_images(images: torch.Tensor, channels: int, stride: int) -> None:
    """Refuse what a detector cannot take.

    Args:
        images: to be N x channels x H x W.
        channels: wanted.
        stride: height and width must be multiples of it.

    Raises:
        ValueError: the images have another shape, or a size that is no multiple of `stride`.
    """
    if images.ndim != 4 or images.shape[1] != channels:
        raise ValueError(f"images are N x {channels} x H x W, got {tuple(images.shape)}")
    height, width = images.shape[2:]
    if height % stride or width % stride or not height * width:
        raise ValueError(
            f"height and width must be multiples of {stride}, got {height}x{width}; "
            "letterbox the image first"
        )
