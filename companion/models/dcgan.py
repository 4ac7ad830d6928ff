"""DCGAN for small pictures (Radford, Metz and Chintala, 2016, arXiv:1511.06434).

A generator draws pictures from noise, a discriminator gives every picture a score: high for real
ones. Both can be told the class: the generator by a one-hot vector beside the noise (Mirza and
Osindero, 2014, arXiv:1411.1784), the discriminator by projection (Miyato and Koyama, 2018,
arXiv:1802.05637).
"""

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import nn


class Generator(nn.Module):
    """Transposed convolutions from a vector of noise to a picture; each doubles height and width.

    The paper's plan, but with a sigmoid at the end in place of tanh, so that pictures lie in [0, 1]
    as everywhere in this book.

    Args:
        noise: numbers in one vector of noise.
        classes: 0, or the number of classes that can be asked for.
        channels: 1 for grey pictures, 3 for colour.
        size: height and width of the pictures.
        widths: feature maps, from the smallest grid on; their number is that of the doublings.

    Raises:
        ValueError: a noise or width below 1, or a size that cannot be halved once per width.
    """

    def __init__(
        self,
        noise: int = 32,
        classes: int = 0,
        *,
        channels: int = 1,
        size: int = 8,
        widths: Sequence[int] = (64, 32),
    ):
        super().__init__()
        if noise < 1:
            raise ValueError(
                f"the noise needs at least 1 number, got {noise}: without any, there is one picture"
            )
        grid = _smallest_grid(classes, channels, size, widths)
        self.noise, self.classes, self.channels, self.size = noise, classes, channels, size
        layers: list[nn.Module] = [
            nn.Linear(noise + classes, widths[0] * grid**2, bias=False),
            nn.Unflatten(1, (widths[0], grid, grid)),
        ]
        for before, after in itertools.pairwise((*widths, channels)):
            layers += [
                nn.BatchNorm2d(before),
                nn.ReLU(inplace=True),
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
            ]
        self.layers = nn.Sequential(*layers[:-1], nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1))

    def forward(self, noise: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Map noise, N x noise, and labels, N, int64, to pictures N x channels x size x size.

        Raises:
            ValueError: noise of another length, or labels without classes or the reverse.
        """
        if noise.ndim != 2 or noise.shape[1] != self.noise:
            raise ValueError(f"the noise must be N x {self.noise}, got {tuple(noise.shape)}")
        check_labels(labels, self.classes, len(noise))
        if labels is not None:
            wish = nn.functional.one_hot(labels, self.classes).to(noise.dtype)
            noise = torch.cat([noise, wish], dim=1)
        return torch.sigmoid(self.layers(noise))


class Discriminator(nn.Module):
    """Strided convolutions from a picture to one score; each halves height and width.

    Args:
        classes: 0, or the number of classes that pictures are said to be of.
        channels: 1 for grey pictures, 3 for colour.
        size: height and width of the pictures.
        widths: feature maps of each convolution.
        norm: "batch" as in the paper; "none" where every picture must be judged alone, as the
            gradient penalty of `companion.tasks.generation_losses` demands.

    Raises:
        ValueError: a width below 1, a size that cannot be halved once per width, or another norm.
    """

    def __init__(
        self,
        classes: int = 0,
        *,
        channels: int = 1,
        size: int = 8,
        widths: Sequence[int] = (32, 64),
        norm: Literal["batch", "none"] = "batch",
    ):
        super().__init__()
        grid = _smallest_grid(classes, channels, size, widths)
        if norm not in ("batch", "none"):
            raise ValueError(f"norm must be 'batch' or 'none', got {norm!r}")
        self.classes, self.channels, self.size = classes, channels, size
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(itertools.pairwise((channels, *widths))):
            normed = norm == "batch" and number > 0  # the paper leaves the first layer without
            layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=not normed))
            layers += [nn.BatchNorm2d(after)] if normed else []
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Flatten())
        features = widths[-1] * grid**2
        self.score = nn.Linear(features, 1)
        self.projection = nn.Embedding(classes, features) if classes else None

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Map pictures, N x channels x size x size in [0, 1], and labels, N, to scores, N.

        Raises:
            ValueError: pictures of another size, or labels without classes or the reverse.
        """
        expected = (self.channels, self.size, self.size)
        if images.shape[1:] != expected:
            raise ValueError(
                f"pictures must be N x {' x '.join(map(str, expected))}, got "
                f"{tuple(images.shape)}; resize them, or build the network for their size"
            )
        check_labels(labels, self.classes, len(images))
        features = self.layers(2 * images - 1)  # (N, widths[-1] * grid * grid)
        score = self.score(features).squeeze(1)
        if labels is None or self.projection is None:
            return score
        return score + (features * self.projection(labels)).sum(dim=1)


def generator(noise: int = 32, classes: int = 0, **settings: Any) -> Generator:
    """Build a generator of small pictures.

    Weights: (noise + classes) x widths[0] x (size / 2^stages)^2, then 16 x maps before x maps after
    for each doubling, 2 for each normalised map and 1 for each channel of the picture; 41,665 as
    built by default, 44,225 for ten classes.

    Args:
        noise: numbers in one vector of noise.
        classes: 0, or the number of classes that can be asked for.
        **settings: the other arguments of `Generator`.

    Returns:
        A network from noise, N x noise (and labels, N), to pictures, N x channels x size x size.

    Raises:
        ValueError: a noise or width below 1, or a size that cannot be halved once per width.

    Example:
        >>> generator()(torch.zeros(5, 32)).shape
        torch.Size([5, 1, 8, 8])
        >>> portraits = generator(100, channels=3, size=32, widths=(128, 64, 32))
        >>> portraits(torch.zeros(5, 100)).shape
        torch.Size([5, 3, 32, 32])
    """
    return Generator(noise, classes, **settings)


def discriminator(classes: int = 0, **settings: Any) -> Discriminator:
    """Build a discriminator of small pictures.

    Weights: 16 x maps before x maps after for each convolution, 1 for each of its maps without and
    2 with normalisation, then (classes + 1) x widths[-1] x (size / 2^stages)^2 + 1; 33,697 as
    built by default, 33,633 without normalisation, 2,560 more for ten classes.

    Args:
        classes: 0, or the number of classes that pictures are said to be of.
        **settings: the other arguments of `Discriminator`.

    Returns:
        A network from pictures, N x channels x size x size (and labels, N), to scores, N.

    Raises:
        ValueError: a width below 1, a size that cannot be halved once per width, or another norm.

    Example:
        >>> discriminator()(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5])
        >>> critic = discriminator(10, norm="none")
        >>> critic(torch.zeros(5, 1, 8, 8), torch.arange(5)).shape
        torch.Size([5])
    """
    return Discriminator(classes, **settings)


def check_labels(labels: torch.Tensor | None, classes: int, count: int) -> None:
    """Refuse labels that do not fit a network or a number of pictures.

    Args:
        labels: N int64, or None.
        classes: what the network was built for; 0 if it takes no labels.
        count: how many pictures there are.

    Raises:
        ValueError: labels are missing or not wanted, or their number or type does not fit.
    """
    if (labels is None) != (classes == 0):
        given = "no labels" if labels is None else "labels"
        raise ValueError(f"the network was built for {classes} classes and got {given}")
    if labels is not None and (labels.shape != (count,) or labels.dtype != torch.int64):
        raise ValueError(
            f"labels must be int64, one for each of {count} pictures, got {labels.dtype} "
            f"{tuple(labels.shape)}"
        )


def _smallest_grid(classes: int, channels: int, size: int, widths: Sequence[int]) -> int:
    """Side of the smallest feature map."""
    if not widths or min(*widths, channels) < 1 or classes < 0:
        raise ValueError(
            "widths and channels start at 1 and classes at 0, got widths "
            f"{tuple(widths)}, {channels} channels and {classes} classes"
        )
    grid, rest = divmod(size, 2 ** len(widths))
    if rest or grid < 1:
        raise ValueError(
            f"pictures of {size} x {size} cannot be halved {len(widths)} times; choose a multiple "
            f"of {2 ** len(widths)} or fewer widths"
        )
    return grid
