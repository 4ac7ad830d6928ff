"""Train a generator against a discriminator, and draw pictures from it.

    training = AdversarialTraining(models.generator(), critic, objective=WGAN_GP)
    losses = training.run(images, rounds=500, generator=torch_generator(0))
    pictures = sample(training.generator, 1000, generator=torch_generator(1))

`run` can be called again and goes on where it stopped, so that pictures can be looked at between.
"""

import math
from functools import partial
from typing import NamedTuple

import torch

from companion.device import pick_device
from companion.models.dcgan import Discriminator, Generator, check_labels
from companion.tasks.generation_losses import Objective, gradient_penalty
from companion.training.evaluation import evaluation_mode
from companion.training.step import NonFiniteLossError


class Losses(NamedTuple):
    """Losses of each round, (rounds,) float32 on the CPU; means over the steps of the round."""

    critic: torch.Tensor
    generator: torch.Tensor


class AdversarialTraining:
    """Two networks and their optimizers. One round is some steps of each, in turn.

    Args:
        generator: draws pictures from noise.
        critic: scores pictures of the same size, for the same number of classes.
        objective: what the two minimise.
        rate: learning rate of both.
        device: where to train, in the words of `companion.device.pick_device`.

    Raises:
        ValueError: the networks are for pictures of different size or classes, or the rate is not
            positive.
    """

    READ_EVERY = 64
    """Rounds after which losses are read from the device and checked: each reading waits for it."""

    def __init__(
        self,
        generator: Generator,
        critic: Discriminator,
        *,
        objective: Objective,
        rate: float = 2e-4,
        device: str | torch.device = "auto",
    ):
        made, judged = ((n.channels, n.size, n.classes) for n in (generator, critic))
        if made != judged:
            raise ValueError(
                "generator and discriminator must agree in (channels, size, classes), got "
                f"{made} and {judged}"
            )
        if not 0 < rate < float("inf"):
            raise ValueError(f"the learning rate must be positive, got {rate}")
        self.device = pick_device(device)
        self.generator, self.critic = generator.to(self.device), critic.to(self.device)
        self.objective = objective
        self.rounds = 0
        self._generator_update, self._critic_update = (
            torch.optim.Adam(network.parameters(), lr=rate, betas=objective.betas, fused=True)
            for network in (self.generator, self.critic)
        )

    def run(
        self,
        images: torch.Tensor,
        labels: torch.Tensor | None = None,
        *,
        rounds: int,
        batch_size: int = 64,
        generator: torch.Generator,
    ) -> Losses:
        """Train for some more rounds.

        Args:
            images: N x channels x size x size, float in [0, 1]; each step draws its own batch.
            labels: N int64, where the networks were built for classes.
            rounds: how many.
            batch_size: pictures in a step, at most N.
            generator: source of batches and noise, on the CPU.

        Returns:
            The losses of each round.

        Raises:
            TypeError: the images are not floating-point.
            ValueError: images of another size or range, fewer than a batch, labels that do not
                fit, or no rounds.
            NonFiniteLossError: a loss is infinite or NaN; it names the round as its step.
        """
        labels = self._checked(images, labels, rounds, batch_size)
        images = images.to(next(self.generator.parameters()))  # its device and precision
        self.generator.train()
        self.critic.train()
        waiting, losses = [], []
        for number in range(1, rounds + 1):
            waiting.append(self._round(images, labels, batch_size, generator))
            self.rounds += 1
            if number % self.READ_EVERY == 0 or number == rounds:
                losses.append(self._finite(torch.stack(waiting).cpu()))
                waiting.clear()
        return Losses(*torch.cat(losses).T)

    def _round(
        self,
        images: torch.Tensor,
        labels: torch.Tensor | None,
        size: int,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Train both networks; gives their losses, (2,)."""
        goal = self.objective
        losses = torch.zeros(2, device=self.device)
        for _ in range(goal.critic_steps):
            rows = torch.randperm(len(images), generator=generator)[:size]
            given = () if labels is None else (labels[rows].to(self.device),)
            real = images[rows.to(self.device)]
            with torch.no_grad():
                fake = self.generator(draw_noise(self.generator, size, generator), *given)
            loss = goal.critic(self.critic(real, *given), self.critic(fake, *given))
            if goal.penalty:
                mix = torch.rand(size, generator=generator).to(real)
                score = partial(_score, self.critic, given)
                loss = loss + goal.penalty * gradient_penalty(score, real, fake, mix)
            _step(self._critic_update, loss)
            losses[0] += loss.detach() / goal.critic_steps
        for _ in range(goal.generator_steps):
            given = ()
            if labels is not None:
                rows = torch.randint(len(labels), (size,), generator=generator)
                given = (labels[rows].to(self.device),)
            fake = self.generator(draw_noise(self.generator, size, generator), *given)
            loss = goal.generator(self.critic(fake, *given))
            _step(self._generator_update, loss)
            losses[1] += loss.detach() / goal.generator_steps
        return losses

    def _finite(self, losses: torch.Tensor) -> torch.Tensor:
        """The last rounds' losses, if all of them are numbers."""
        wrong = (~losses.isfinite()).any(dim=1).nonzero()
        if len(wrong):
            row = int(wrong[0])
            value = next(loss for loss in losses[row].tolist() if not math.isfinite(loss))
            raise NonFiniteLossError(1, self.rounds - len(losses) + row + 1, value)
        return losses

    def _checked(
        self, images: torch.Tensor, labels: torch.Tensor | None, rounds: int, size: int
    ) -> torch.Tensor | None:
        """The labels on the CPU; raises what `run` says."""
        check_images(images)
        shape = self.generator.channels, self.generator.size, self.generator.size
        if images.shape[1:] != shape:
            raise ValueError(
                f"these networks train on pictures N x {' x '.join(map(str, shape))}, got "
                f"{tuple(images.shape)}; resize the pictures, or build the networks for their size"
            )
        if rounds < 1:
            raise ValueError(f"rounds start at 1, got {rounds}")
        if not 1 <= size <= len(images):
            raise ValueError(
                f"a batch of {size} cannot be drawn from {len(images)} pictures; choose batch_size "
                f"from 1 to {len(images)}"
            )
        check_labels(labels, self.generator.classes, len(images))
        return None if labels is None else labels.cpu()


def draw_noise(network: Generator, count: int, generator: torch.Generator) -> torch.Tensor:
    """Standard normal noise for a generator, count x noise, on the device of its weights.

    Args:
        network: decides the length and the device.
        count: how many pictures are to be made.
        generator: source of the noise, on the CPU: the same noise on every device.
    """
    noise = torch.randn(count, network.noise, generator=generator)
    return noise.to(next(network.parameters()))


def sample(
    network: Generator,
    count: int,
    *,
    labels: torch.Tensor | None = None,
    generator: torch.Generator,
    batch_size: int = 256,
) -> torch.Tensor:
    """Draw pictures from a trained generator.

    Args:
        network: the generator, used in evaluation mode and put back afterwards.
        count: how many pictures.
        labels: the class that each is to be of, (count,) int64, if the generator knows classes.
        generator: source of the noise, on the CPU.
        batch_size: pictures at a time.

    Returns:
        count x channels x size x size, float32 in [0, 1], on the CPU.

    Raises:
        ValueError: a count below 1, or labels that do not fit.

    Example:
        >>> from companion import models
        >>> from companion.seeding import torch_generator
        >>> sample(models.dcgan.generator(), 3, generator=torch_generator(0)).shape
        torch.Size([3, 1, 8, 8])
    """
    if count < 1:
        raise ValueError(f"at least 1 picture can be drawn, got a count of {count}")
    check_labels(labels, network.classes, count)
    noise = draw_noise(network, count, generator)
    parts = [noise.split(batch_size)]
    if labels is not None:
        parts.append(labels.to(noise.device).split(batch_size))
    with evaluation_mode(network), torch.no_grad():
        return torch.cat([network(*part).float().cpu() for part in zip(*parts, strict=True)])


def check_images(images: torch.Tensor) -> None:
    """Refuse what is no batch of pictures in [0, 1].

    Raises:
        TypeError: no floating-point tensor.
        ValueError: another number of dimensions, no picture, or values outside [0, 1] or NaN.
    """
    if not isinstance(images, torch.Tensor) or not images.is_floating_point():
        given = images.dtype if isinstance(images, torch.Tensor) else type(images).__name__
        raise TypeError(f"pictures must be a floating-point tensor in [0, 1], got {given}")
    if images.ndim != 4 or not len(images):
        raise ValueError(f"pictures must be N x C x H x W, N at least 1, got {tuple(images.shape)}")
    low, high = images.aminmax()
    if not (low >= 0 and high <= 1):  # NaN is refused too
        raise ValueError(
            f"pictures must lie in [0, 1], got {low:g} to {high:g}; divide counts by their largest "
            "possible value first"
        )


def _score(critic: Discriminator, given: tuple, images: torch.Tensor) -> torch.Tensor:
    return critic(images, *given)


def _step(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimizer.zero_grad()
    loss.backward(inputs=[weight for group in optimizer.param_groups for weight in group["params"]])
    optimizer.step()
