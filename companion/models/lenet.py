"""A small convolutional network after LeNet-5 (LeCun, Bottou, Bengio and Haffner, 1998)."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn


class LeNet(nn.Module):
    """Stages of convolution, activation and halving, then two fully connected layers.

    LeNet-5's plan with later habits: padding keeps the border, pooling takes the maximum, and the
    last feature map is averaged to a fixed grid, so that images of any size fit.

    Args:
        classes: number of logits.
        channels: 1 for grey images, 3 for colour.
        widths: feature maps of each stage; every stage halves height and width.
        kernel: side of the convolutions, odd.
        hidden: outputs of the first fully connected layer.
        grid: side to which the last feature map is averaged; 2 is exact for images of 8 x 8.
        activation: builds the module after each convolution and after the hidden layer.

    Raises:
        ValueError: a size below 1, or an even kernel.
    """

    def __init__(
        self,
        classes: int = 10,
        channels: int = 1,
        *,
        widths: Sequence[int] = (16, 32),
        kernel: int = 3,
        hidden: int = 64,
        grid: int = 2,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ):
        super().__init__()
        sizes = (classes, channels, *widths, kernel, hidden, grid)
        if min(sizes) < 1 or not widths:
            raise ValueError(f"sizes must be at least 1 and widths not empty, got {sizes}")
        if kernel % 2 == 0:
            raise ValueError(f"kernel must be odd to keep the image's size, got {kernel}")
        stages = []
        before = channels
        for width in widths:
            stages += [
                nn.Conv2d(before, width, kernel, padding=kernel // 2),
                activation(),
                nn.MaxPool2d(2),
            ]
            before = width
        self.features = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(grid)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(before * grid * grid, hidden),
            activation(),
            nn.Linear(hidden, classes),
        )
        self._smallest = 2 ** len(widths)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images, N x channels x H x W, to logits, N x classes.

        Raises:
            ValueError: height or width is too small to be halved once per stage.
        """
        height, width = images.shape[-2:]
        if min(height, width) < self._smallest:
            raise ValueError(
                f"images of {height}x{width} are too small to halve {len(self.features) // 3} "
                f"times, the least is {self._smallest}x{self._smallest}; enlarge them or build "
                "the network with fewer widths"
            )
        maps = self.features(images)  # (N, widths[-1], H / 2**stages, W / 2**stages)
        return self.classifier(self.pool(maps))


def lenet(classes: int = 10, channels: int = 1, **settings: Any) -> LeNet:
    """Build a small convolutional network for grey or colour images of any size.

    Weights: for each stage (kernel^2 x maps before + 1) x maps, then (grid^2 x last maps + 1) x
    hidden + (hidden + 1) x classes; 13,706 as built by default, 13,994 for colour.

    Args:
        classes: number of logits.
        channels: 1 for grey images, 3 for colour.
        **settings: the other arguments of `LeNet`.

    Returns:
        A network from images, N x channels x H x W, to logits, N x classes.

    Raises:
        ValueError: a size below 1, or an even kernel.

    Example:
        >>> lenet()(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 10])
        >>> lenet(2, 3, widths=(8, 16, 32), grid=4)(torch.zeros(5, 3, 60, 90)).shape
        torch.Size([5, 2])
    """
    return LeNet(classes, channels, **settings)
