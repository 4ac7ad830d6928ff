"""A small detector without anchors, in the manner of CenterNet and FCOS, on MobileNetV2's features.

CenterNet: Zhou, Wang and Krähenbühl, 2019, arXiv:1904.07850. FCOS: Tian, Shen, Chen and He, 2019,
arXiv:1904.01355. Every cell of one fine map says what thing has its middle there, and how large it
is; the map gets its context from coarser ones (Lin et al., 2017, arXiv:1612.03144).
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torchvision.ops import Conv2dNormActivation

from companion.models.candidates import Candidates, check_images
from companion.models.mobilenet import MobileNetFeatures

STRIDE = 4
"""Pixels per cell of the map."""

LARGEST = 6.0
"""Largest logarithm of a side in cells: exp(6) = 403 cells; keeps a bad step finite."""

RARE = 0.01
"""Probability that an untrained network gives each class (Lin et al., 2017, arXiv:1708.02002)."""

_DEPTHS, _CHANNELS = (3, 6, 13), (24, 32, 96)
"""MobileNetV2's blocks at 4, 8 and 16 pixels per cell, and their channels."""


class CellMaps(NamedTuple):
    """What the network says of each cell, in float32; cells are counted row by row.

    Attributes:
        logits: (N, cells, classes), is the middle of a thing of this class here?
        boxes: (N, cells, 4), x1, y1, x2, y2 in pixels, of the thing if there is one.
        quality: (N, cells), logit of the intersection over union that the box is thought to have.
        size: (height, width) of the images, in pixels.
    """

    logits: torch.Tensor
    boxes: torch.Tensor
    quality: torch.Tensor
    size: tuple[int, int]


class Backbone(nn.Module):
    """MobileNetV2 up to its 13th block, frozen: images to maps at 4, 8 and 16 pixels per cell.

    What is frozen gives the same for the same image, so it may be computed once, before training.

    Args:
        weights: torchvision's ImageNet file; None for random weights.
    """

    def __init__(self, weights: str | os.PathLike | None = None):
        super().__init__()
        self.network = MobileNetFeatures(weights, depths=_DEPTHS)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map images, N x 3 x H x W, uint8 or in [0, 1], to three maps.

        Raises:
            ValueError: the images have another shape, or a size that is no multiple of 16.
        """
        check_images(images, 3, Detector.stride)
        return tuple(self.network.maps(images))


class CellHead(nn.Module):
    """The trained part: three maps to what is said of each cell of the finest.

    Args:
        classes: number of classes.
        channels: of the maps, from fine to coarse.
        width: channels inside.
    """

    def __init__(self, classes: int, channels: Sequence[int] = _CHANNELS, width: int = 32):
        super().__init__()
        self.classes = classes
        self.side = nn.ModuleList(_conv(before, width, 1) for before in channels)
        self.mix = nn.ModuleList(_conv(width, width) for _ in channels)
        self.last = _conv(width, width)
        self.output = nn.Conv2d(width, classes + 5, 1)
        nn.init.normal_(self.output.weight, std=0.01)
        with torch.no_grad():
            bias = self.output.get_parameter("bias")
            bias.zero_()
            bias[:classes] = torch.tensor(RARE).logit()

    def forward(self, maps: Sequence[torch.Tensor]) -> CellMaps:
        """Map (N, C, H/4, W/4), (N, C, H/8, W/8), ... to H/4 x W/4 cells."""
        maps = [each.contiguous(memory_format=torch.channels_last) for each in maps]
        top = None
        for side, mix, each in reversed(list(zip(self.side, self.mix, maps, strict=True))):
            here = side(each)
            top = mix(here if top is None else here + functional.interpolate(top, scale_factor=2.0))
        output = self.output(self.last(top)).float()  # (N, classes + 5, H / 4, W / 4)
        size = (STRIDE * output.shape[2], STRIDE * output.shape[3])
        numbers = output.flatten(2).transpose(1, 2)
        logits, shift, sides, quality = numbers.split((self.classes, 2, 2, 1), dim=2)
        middle = cell_middles(*size, device=output.device) + STRIDE * shift
        half = STRIDE / 2 * sides.clamp(max=LARGEST).exp()
        boxes = torch.cat([middle - half, middle + half], dim=2)
        return CellMaps(logits, boxes, quality[..., 0], size)


class Detector(nn.Module):
    """A convolutional network that finds things of some classes, meant for small images.

    It takes uint8 images, or float ones in [0, 1], N x 3 x H x W, with H and W multiples of
    `stride`. Called, it gives the maps of all cells, for `companion.models.detector_loss`;
    predictions come from `candidates`. Train its `head`, on images or on what its frozen
    `backbone` makes of them.

    Args:
        classes: number of classes.
        weights: torchvision's ImageNet file for the backbone, see `companion.data.weights`; None
            for random weights.
        size: (height, width) in pixels of the images that it is meant for; others are possible.
        width: channels inside the head.

    Attributes:
        stride: height and width must be multiples of it.

    Raises:
        FileNotFoundError: there is no such file of weights.
        ValueError: `classes` or `width` below 1, or a file that does not hold MobileNetV2.

    Example:
        >>> network = Detector(5)
        >>> network(torch.zeros(2, 3, 128, 128)).boxes.shape
        torch.Size([2, 1024, 4])
    """

    stride = 16

    def __init__(
        self,
        classes: int,
        weights: str | os.PathLike | None = None,
        *,
        size: tuple[int, int] = (128, 128),
        width: int = 32,
    ):
        super().__init__()
        if min(classes, width) < 1:
            raise ValueError(f"classes and width start at 1, got {classes} and {width}")
        self.classes, self.size = classes, (size[0], size[1])
        self.backbone = Backbone(weights)
        self.head = CellHead(classes, width=width)

    def forward(self, images: torch.Tensor) -> CellMaps:
        """Map images, N x 3 x H x W, to what is said of each of H/4 x W/4 cells.

        Raises:
            ValueError: the images have another shape, or a size that is no multiple of `stride`.
        """
        return self.head(self.backbone(images))

    def candidates(self, images: torch.Tensor) -> Candidates:
        """Find boxes: one for each cell, most of them with probabilities near 0.

        A probability is the geometric mean of that of the class and of the box's expected
        intersection over union, so that the best of several boxes on one thing comes first.

        Args:
            images: as for `forward`.

        Raises:
            ValueError: as for `forward`.
        """
        logits, boxes, quality, _ = self(images)
        return Candidates(boxes, (logits.sigmoid() * quality.sigmoid()[..., None]).sqrt())


def cell_middles(height: int, width: int, device: torch.device | None = None) -> torch.Tensor:
    """Middle of each cell of an image, (cells, 2) x, y in pixels, row by row."""
    x = torch.arange(width // STRIDE, device=device)
    y = torch.arange(height // STRIDE, device=device)
    return torch.cartesian_prod(y, x).flip(1) * STRIDE + STRIDE / 2


def _conv(before: int, width: int, kernel: int = 3) -> nn.Sequential:
    return Conv2dNormActivation(before, width, kernel)
