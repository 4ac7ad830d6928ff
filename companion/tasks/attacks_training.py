"""Adversarial training: every batch is attacked before the network learns from it.

Madry et al., 2018, arXiv:1706.06083. With PGD of a single step and a random start it costs little
more than twice an ordinary training (Wong, Rice and Kolter, 2020, arXiv:2001.03994).
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from companion.training.distributed import unwrap
from companion.training.step import Step

Attack = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]


def adversarial_step(
    attack: Attack,
    *,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = cross_entropy,
) -> Step:
    """A step for `fit` that trains on attacked images, and validates on images as they are.

    Args:
        attack: called with (network, images, labels), gives the attacked images, such as
            `partial(pgd, epsilon=4 / 255, steps=1)`. Let it draw from torch's global generator,
            which `fit` seeds, so that a run that is resumed comes to the same weights.
        loss: called with (logits, labels), gives the mean over the batch.

    Returns:
        A function from model and batch (images, labels) to (loss, logits, labels).

    Example:
        >>> from functools import partial
        >>> from companion.tasks.attacks import pgd
        >>> step = adversarial_step(partial(pgd, epsilon=0.1, steps=1))
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        >>> value, logits, labels = step(network, (torch.rand(3, 1, 2, 2), torch.tensor([0, 1, 0])))
        >>> value.requires_grad, logits.shape
        (True, torch.Size([3, 2]))
    """

    def step(
        model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        images, labels = batch
        if torch.is_grad_enabled():  # not so in validation
            images = attack(unwrap(model), images, labels)
        outputs = model(images)
        return loss(outputs, labels), outputs, labels

    return step
