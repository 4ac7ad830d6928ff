"""What segmentation takes: images, masks and networks, checked with words that say the cure."""

from typing import Protocol

import torch


class SegmentationNetwork(Protocol):
    """An `nn.Module` that gives logits for each pixel and says how it must be fed."""

    @property
    def classes(self) -> int:
        """Logits of each pixel; 1 where there is only the thing and the rest."""

    @property
    def stride(self) -> int:
        """Height and width of images must be multiples of it."""

    @property
    def reach(self) -> int:
        """How far a logit looks, in pixels."""


def check_model(model: SegmentationNetwork) -> None:
    """Raise TypeError unless a network says what tiling needs to know."""
    missing = [name for name in ("classes", "stride", "reach") if not hasattr(model, name)]
    if missing:
        raise TypeError(
            f"{type(model).__name__} lacks {', '.join(missing)}; segmentation takes networks that "
            "give logits for each pixel and have these attributes, as companion.models.unet does"
        )


def check_images(images: torch.Tensor) -> None:
    """Raise ValueError unless images are N x C x H x W, uint8 or floats, and not empty."""
    if images.ndim != 4 or not images.numel():
        raise ValueError(
            f"images are N x C x H x W with at least one pixel, got {tuple(images.shape)}"
        )
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ValueError(f"images are uint8, or floats in [0, 1], got {images.dtype}")


def check_masks(masks: torch.Tensor | None, images: torch.Tensor, classes: int) -> None:
    """Raise ValueError unless each image has a mask of its size and of the network's kind."""
    if masks is None or len(masks) != len(images):
        count = "none" if masks is None else len(masks)
        raise ValueError(
            f"{len(images)} images need as many masks, got {count}; leave out the images on which "
            "nobody has drawn, an unmarked one would teach that nothing is there"
        )
    if masks.shape[-2:] != images.shape[-2:]:
        sizes = ["x".join(map(str, some.shape[-2:])) for some in (masks, images)]
        raise ValueError(
            f"a mask is as large as its image, got {sizes[0]} for {sizes[1]}; resize it by nearest "
            "neighbour"
        )
    if classes == 1:
        if masks.dtype != torch.bool or masks.shape[1:-2] != (1,):
            raise ValueError(
                "for a network with one logit a pixel masks are bool, N x 1 x H x W, got "
                f"{masks.dtype}, {tuple(masks.shape)}; compare grey values with a threshold: "
                "masks >= 128"
            )
    elif masks.dtype != torch.int64 or masks.ndim != 3:
        raise ValueError(
            f"for a network with {classes} logits a pixel masks are int64, N x H x W, got "
            f"{masks.dtype}, {tuple(masks.shape)}"
        )
    elif not 0 <= int(masks.min()) <= int(masks.max()) < classes:
        raise ValueError(
            f"masks name classes from 0 to {classes - 1}, got {int(masks.min())} to "
            f"{int(masks.max())}"
        )
