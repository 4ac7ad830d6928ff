"""What generator and discriminator want: the losses of GAN and of WGAN with gradient penalty.

GAN: Goodfellow et al., 2014, arXiv:1406.2661, with the generator's loss that does not saturate.
WGAN-GP: Gulrajani et al., 2017, arXiv:1704.00028.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import softplus

Score = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Objective:
    """What the two networks minimise.

    Attributes:
        critic: called with scores of real and of generated pictures, gives the discriminator's
            loss.
        generator: called with scores of generated pictures, gives the generator's loss.
        penalty: weight of the gradient penalty in the discriminator's loss.
        critic_steps: steps of the discriminator in each round.
        generator_steps: steps of the generator in each round.
        betas: of both Adam optimizers, as the papers advise.
    """

    critic: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    generator: Callable[[torch.Tensor], torch.Tensor]
    penalty: float = 0.0
    critic_steps: int = 1
    generator_steps: int = 1
    betas: tuple[float, float] = (0.5, 0.999)

    def __post_init__(self) -> None:
        if self.critic_steps < 1 or self.generator_steps < 1:
            raise ValueError(
                "each network needs at least one step in a round, got "
                f"{self.critic_steps} and {self.generator_steps}"
            )
        if not 0 <= self.penalty < float("inf"):
            raise ValueError(f"the penalty's weight is a number of 0 or more, got {self.penalty}")


def _cross_entropy(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return softplus(-real).mean() + softplus(fake).mean()  # -log p(real) - log p(generated)


def _not_saturating(fake: torch.Tensor) -> torch.Tensor:
    return softplus(-fake).mean()


def _wasserstein(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return fake.mean() - real.mean()


def _negative(fake: torch.Tensor) -> torch.Tensor:
    return -fake.mean()


GAN = Objective(_cross_entropy, _not_saturating)
"""The discriminator tells real from generated, the generator wants to be taken for real."""

WGAN_GP = Objective(_wasserstein, _negative, penalty=10.0, critic_steps=5, betas=(0.0, 0.9))
"""The critic pulls the mean scores apart and pays for slopes other than 1."""


def gradient_penalty(
    critic: Score, real: torch.Tensor, fake: torch.Tensor, mix: torch.Tensor
) -> torch.Tensor:
    """Mean of (slope - 1)^2, where slope is the length of the score's gradient by the picture.

    It is taken at points on the lines between real and generated pictures. The critic has to judge
    every picture alone: with batch normalisation the gradient is another one.

    Args:
        critic: from pictures to scores, N.
        real: N x C x H x W.
        fake: as many generated pictures.
        mix: N numbers in [0, 1]: how much of the real picture is in each point.

    Returns:
        One number, which can itself be differentiated by the critic's weights.

    Raises:
        ValueError: the shapes do not fit together.

    Example:
        >>> steep = lambda images: 3 * images[:, 0, 0, 0]  # slope 3 everywhere
        >>> pictures = torch.rand(5, 1, 8, 8)
        >>> gradient_penalty(steep, pictures, pictures.flip(0), torch.rand(5)).item()
        4.0
    """
    if real.shape != fake.shape or mix.shape != real.shape[:1]:
        raise ValueError(
            f"the penalty needs as many real as generated pictures and one number for each, got "
            f"{tuple(real.shape)}, {tuple(fake.shape)} and {tuple(mix.shape)}"
        )
    mix = mix.view(-1, *[1] * (real.ndim - 1))
    points = (mix * real + (1 - mix) * fake).detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()
