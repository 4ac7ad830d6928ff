"""Adversarial attacks: changes too small to see that make a network answer wrongly.

FGSM (Goodfellow, Shlens and Szegedy, 2015, arXiv:1412.6572) and PGD (Madry et al., 2018,
arXiv:1706.06083). No pixel is changed by more than `epsilon`, and none leaves [0, 1]. The attacker
knows the network, weights and all.
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from companion.training.evaluation import device_of, evaluation_mode


def fgsm(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epsilon: float,
    batch_size: int = 256,
) -> torch.Tensor:
    """Attack by one step: every pixel moves by `epsilon` to where the loss rises.

    The network is asked in evaluation mode, on its own device; its weights, their gradients and its
    mode stay as they are.

    Args:
        network: gives logits, N x classes, and can be differentiated.
        images: N x C x H x W, float, in [0, 1].
        labels: the true classes, N, int64.
        epsilon: how far a pixel may move, in [0, 1]; 8 grey values of 256 are 8/255.
        batch_size: images at a time.

    Returns:
        The attacked images, on the device of `images`.

    Raises:
        ValueError: epsilon or the images out of range, labels of another length, or a network that
            has no gradient or one that is not finite.

    Example:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
        >>> _ = network[1].load_state_dict(
        ...     {"weight": torch.tensor([[1.0], [-1.0]]), "bias": torch.zeros(2)}
        ... )
        >>> fgsm(network, torch.full((1, 1, 1, 1), 0.5), torch.tensor([0]), epsilon=0.1).item()
        0.4000000059604645
    """
    _check(network, images, labels, epsilon, batch_size)
    return _in_batches(
        network, images, images, labels, batch_size, epsilon=epsilon, step_size=epsilon, steps=1
    )


def pgd(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epsilon: float,
    steps: int = 10,
    step_size: float | None = None,
    random_start: bool = True,
    generator: torch.Generator | None = None,
    batch_size: int = 256,
) -> torch.Tensor:
    """Attack by many small steps, each brought back to within `epsilon` of the image.

    Args:
        network: as for `fgsm`.
        images: N x C x H x W, float, in [0, 1].
        labels: the true classes, N, int64.
        epsilon: how far a pixel may move in all, in [0, 1].
        steps: how many, at least 1.
        step_size: how far a pixel moves in a step; 2.5 epsilon / steps by default, so that every
            place within reach can be come to from any other.
        random_start: begin at a random place within reach, rather than at the image itself.
        generator: source of the random start, on the device of `images`; torch's global generator
            without one, which `fit` seeds.
        batch_size: images at a time.

    Returns:
        The attacked images, on the device of `images`.

    Raises:
        ValueError: as for `fgsm`, or fewer steps than 1, or a step size that is not above 0.
    """
    _check(network, images, labels, epsilon, batch_size)
    if steps < 1:
        raise ValueError(f"PGD takes at least 1 step, got {steps}")
    if step_size is None:
        step_size = 2.5 * epsilon / steps
    elif not step_size > 0:
        raise ValueError(f"step_size must be above 0, got {step_size}")
    start = images
    if random_start:
        noise = torch.empty_like(images).uniform_(-epsilon, epsilon, generator=generator)
        start = (images + noise).clamp(0, 1)
    return _in_batches(
        *(network, images, start, labels, batch_size),
        epsilon=epsilon,
        step_size=step_size,
        steps=steps,
    )


def attack_success(before: torch.Tensor, after: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of the images answered rightly before that are answered wrongly after.

    Args:
        before: classes answered without the attack, N.
        after: classes answered under attack, N.
        labels: true classes, N.

    Raises:
        ValueError: lengths differ, or no image was answered rightly before.

    Example:
        >>> before, after = torch.tensor([0, 1, 1, 0]), torch.tensor([1, 1, 1, 0])
        >>> attack_success(before, after, torch.tensor([0, 1, 1, 1]))
        0.3333333333333333
    """
    if not before.shape == after.shape == labels.shape or labels.ndim != 1:
        shapes = [tuple(values.shape) for values in (before, after, labels)]
        raise ValueError(f"before, after and labels have one entry for each image, got {shapes}")
    right = before == labels
    if not right.any():
        raise ValueError("no image was answered rightly before: there is nothing to attack")
    return int((after[right] != labels[right]).sum()) / int(right.sum())


def _in_batches(
    network: nn.Module,
    images: torch.Tensor,
    start: torch.Tensor,
    labels: torch.Tensor,
    batch_size: int,
    *,
    epsilon: float,
    step_size: float,
    steps: int,
) -> torch.Tensor:
    """Climb batch by batch, on the network's device."""
    device = device_of(network)
    columns = (column.split(batch_size) for column in (images, start, labels))
    attacked = []
    with evaluation_mode(network):
        for batch in zip(*columns, strict=True):
            there, begin, truth = (part.to(device) for part in batch)
            moved = _climb(
                network, there, begin, truth, epsilon=epsilon, step_size=step_size, steps=steps
            )
            attacked.append(moved.to(images.device))
    return torch.cat(attacked)


def _climb(
    network: nn.Module,
    images: torch.Tensor,
    moved: torch.Tensor,
    labels: torch.Tensor,
    *,
    epsilon: float,
    step_size: float,
    steps: int,
) -> torch.Tensor:
    """Walk from `moved` to where the loss rises, within epsilon of `images` and within [0, 1]."""
    for _ in range(steps):
        moved = moved.detach().requires_grad_()
        with torch.enable_grad():
            outputs = network(moved)
            _check_outputs(outputs, labels)
            loss = cross_entropy(outputs, labels, reduction="sum")  # images do not mix
            (gradient,) = torch.autograd.grad(loss, moved, allow_unused=True)
        if gradient is None:
            raise ValueError(_NO_GRADIENT)
        if not (torch.isfinite(loss) and torch.isfinite(gradient).all()):
            raise ValueError(
                "loss or gradient is not finite; look for NaN in the network's weights"
            )
        moved = moved.detach() + step_size * gradient.sign()
        moved = images + (moved - images).clamp(-epsilon, epsilon)
        moved = moved.clamp(0, 1)
    return moved


_NO_GRADIENT = (
    "the network has no gradient by its images: it computes without torch's autograd, or rounds to "
    "whole numbers; attack a network that can be differentiated, and try the images on this one"
)


def _check(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    epsilon: float,
    batch_size: int,
) -> None:
    if not 0 <= epsilon <= 1:
        raise ValueError(
            f"epsilon lies in [0, 1], as pixels do, got {epsilon}; 8 grey values of 256 are 8/255"
        )
    if batch_size < 1:
        raise ValueError(f"batch_size starts at 1, got {batch_size}")
    if not images.is_floating_point() or not len(images):
        raise ValueError(
            f"images are N x C x H x W, float in [0, 1], at least one, got {tuple(images.shape)}, "
            f"{images.dtype}; divide uint8 by 255"
        )
    low, high = images.aminmax()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"images must lie in [0, 1], got {low:g} to {high:g}; normalise within the network"
        )
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"{len(images)} images need as many labels in one row, got {tuple(labels.shape)}"
        )


def _check_outputs(outputs: torch.Tensor, labels: torch.Tensor) -> None:
    if not outputs.requires_grad:
        raise ValueError(_NO_GRADIENT)
    low, high = labels.aminmax()
    if not (low >= 0 and high < outputs.shape[1]):
        raise ValueError(
            f"labels lie between 0 and {outputs.shape[1] - 1}, the network's classes, got {low} to "
            f"{high}"
        )
