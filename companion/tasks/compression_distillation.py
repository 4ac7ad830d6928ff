"""Distillation: a small network learns a large one's answers, doubts and all.

Hinton, Vinyals and Dean, 2015, arXiv:1503.02531.
"""

from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax


def distillation_loss(
    *, temperature: float = 4.0, share: float = 0.9
) -> Callable[[torch.Tensor, tuple[torch.Tensor, torch.Tensor]], torch.Tensor]:
    """A loss for `fit` whose targets are labels and the teacher's logits.

    It is share x temperature^2 x KL(teacher || student) + (1 - share) x cross-entropy, where the
    KL divergence compares probabilities of logits divided by the temperature. The square keeps both
    gradients at the same size, whatever the temperature.

    Args:
        temperature: above 0; the higher, the more the small probabilities count.
        share: of the teacher in the loss, in [0, 1].

    Returns:
        A function of the student's logits, N x classes, and (labels, the teacher's logits), N and
        N x classes, to the mean loss.

    Raises:
        ValueError: an argument is out of its range, or later logits of different shape.

    Example:
        >>> logits = torch.tensor([[1.0, -1.0]])
        >>> distillation_loss(share=1.0)(logits, (torch.tensor([1]), logits)).item()
        0.0
    """
    if not temperature > 0 or not 0 <= share <= 1:
        raise ValueError(
            f"temperature is above 0 and share in [0, 1], got {temperature} and {share}"
        )

    def loss(logits: torch.Tensor, targets: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        labels, teacher = targets
        if teacher.shape != logits.shape:
            raise ValueError(
                f"teacher and student must answer alike, got logits of {tuple(teacher.shape)} and "
                f"{tuple(logits.shape)}"
            )
        soft = kl_div(
            log_softmax(logits / temperature, dim=1),
            log_softmax(teacher / temperature, dim=1),
            log_target=True,
            reduction="batchmean",
        )
        return share * temperature**2 * soft + (1 - share) * cross_entropy(logits, labels)

    return loss
