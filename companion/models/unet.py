"""U-Net (Ronneberger, Fischer and Brox, 2015, arXiv:1505.04597): one answer for each pixel.

An encoder halves the image level by level to see wide, a decoder doubles it again to answer finely,
and at each level the encoder's maps are laid beside the decoder's, so that edges stay where they
were. Two changes to the paper, both usual today: convolutions are padded, so that logits are as
large as the image, and a batch norm may follow each of them.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


class UNet(nn.Module):
    """The network; `unet` builds it.

    Args:
        classes: logits of each pixel; 1 where there is only the thing and the rest.
        channels: 1 for grey images, 3 for colour.
        widths: channels at each level, from full size down; each level halves height and width.
        norm: whether a batch norm follows each 3x3 convolution.

    Attributes:
        classes: logits of each pixel.
        channels: channels of the images.
        stride: height and width of images must be multiples of it, 2^(levels - 1).
        reach: how far a logit looks, in pixels. Cut an image at multiples of `stride`: the logits
            that lie at least `reach` inside of the cut are the whole image's.

    Raises:
        ValueError: a size below 1, or fewer than two levels.
    """

    def __init__(
        self,
        classes: int = 1,
        channels: int = 1,
        *,
        widths: Sequence[int] = (16, 32, 64, 128),
        norm: bool = True,
    ):
        super().__init__()
        widths = tuple(widths)
        if len(widths) < 2:
            raise ValueError(f"a U-Net has at least two levels, got widths {widths}")
        if min(classes, channels, *widths) < 1:
            raise ValueError(
                f"classes, channels and widths start at 1, got {(classes, channels, *widths)}"
            )
        self.classes, self.channels = classes, channels
        self.stride = 2 ** (len(widths) - 1)
        self.reach = _reach(len(widths))
        inputs = (channels, *widths[:-1])
        self.down = nn.ModuleList(
            _two_convolutions(before, after, norm)
            for before, after in zip(inputs, widths, strict=True)
        )
        self.enlarge = nn.ModuleList(
            nn.ConvTranspose2d(below, width, 2, stride=2) for width, below in pairwise(widths)
        )
        self.up = nn.ModuleList(_two_convolutions(2 * width, width, norm) for width in widths[:-1])
        self.head = nn.Conv2d(widths[0], classes, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images to the logits of each pixel.

        Args:
            images: N x channels x H x W; uint8, which are brought to [0, 1], or floats.

        Returns:
            N x classes x H x W, float.

        Raises:
            ValueError: another shape, or height or width is no multiple of `stride`.
        """
        self._check(images)
        maps = images / 255 if images.dtype == torch.uint8 else images
        maps = _channels_last(maps)  # by a third faster, on the CPU too
        kept = []
        for level, block in enumerate(self.down):
            if level:
                maps = nn.functional.max_pool2d(maps, 2)
            maps = block(maps)  # (N, widths[level], H / 2^level, W / 2^level)
            kept.append(maps)
        kept.pop()
        for level in reversed(range(len(self.up))):
            maps = torch.cat([kept.pop(), self.enlarge[level](maps)], dim=1)  # 2 widths[level]
            maps = self.up[level](maps)
        return self.head(maps)

    def _check(self, images: torch.Tensor) -> None:
        if images.ndim != 4 or images.shape[1] != self.channels:
            raise ValueError(
                f"images are N x {self.channels} x H x W here, got {tuple(images.shape)}"
            )
        height, width = images.shape[-2:]
        if height % self.stride or width % self.stride or not height or not width:
            to = [max(1, -(-side // self.stride)) * self.stride for side in (height, width)]
            raise ValueError(
                f"height and width must be multiples of {self.stride}, which {len(self.down)} "
                f"levels need, got {height}x{width}; pad to {to[0]}x{to[1]} first"
            )


def unet(
    classes: int = 1,
    channels: int = 1,
    *,
    widths: Sequence[int] = (16, 32, 64, 128),
    norm: bool = True,
) -> UNet:
    """Build a U-Net for grey or colour images.

    Weights for grey images and one class: 482,449 as built by default, 121,033 with widths (8, 16,
    32, 64). The paper's widths (64, 128, 256, 512, 1024), without norm and with two classes, make
    31,030,658. In general, with k = 4 (norm) or 2 (no norm): for each level 9 before x width +
    9 width^2 + k width; for each width with the one below it, 4 below x width + width for the
    doubling and 27 width^2 + k width for the convolutions; classes x (first width + 1) at the end.

    Args:
        classes: logits of each pixel; 1 where there is only the thing and the rest.
        channels: 1 for grey images, 3 for colour.
        widths: channels at each level, from full size down.
        norm: whether a batch norm follows each 3x3 convolution.

    Returns:
        A network from images, N x channels x H x W, to logits, N x classes x H x W.

    Raises:
        ValueError: a size below 1, or fewer than two levels.

    Example:
        >>> unet()(torch.zeros(5, 1, 64, 96)).shape
        torch.Size([5, 1, 64, 96])
    """
    return UNet(classes, channels, widths=widths, norm=norm)


def _two_convolutions(before: int, after: int, norm: bool = True) -> nn.Sequential:
    """Two 3x3 convolutions that keep the size, each followed by ReLU: one level of a U-Net.

    Args:
        before: channels of the input.
        after: channels of the output.
        norm: whether a batch norm stands between convolution and ReLU.
    """
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers.append(nn.Conv2d(channels, after, 3, padding=1, bias=not norm))
        if norm:
            layers.append(nn.BatchNorm2d(after))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _channels_last(maps: torch.Tensor) -> torch.Tensor:
    """The same values with the channels of a pixel side by side in memory.

    Maps of one channel lie so already, but only strides that say so let convolutions follow.
    """
    if maps.shape[1] == 1:
        return maps.contiguous().squeeze(1).unsqueeze(3).permute(0, 3, 1, 2)
    return maps.contiguous(memory_format=torch.channels_last)


def _reach(levels: int) -> int:
    """How far above an aligned pixel lies the topmost pixel that its logit depends on.

    Followed backwards: two 3x3 convolutions look 2 pixels further up, a doubling asks for half the
    row, a halving for twice the row.
    """
    row = 0
    for _ in range(levels - 1):
        row = (row - 2) // 2
    for _ in range(levels - 1):
        row = (row - 2) * 2
    return 2 - row
