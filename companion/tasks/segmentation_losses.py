"""Losses of segmentation: cross-entropy counts pixels, soft Dice weighs overlap.

All take logits and masks, and give the mean over the batch: logits N x 1 x H x W with bool masks of
the same shape, or logits N x K x H x W with int64 masks N x H x W.
"""

import torch
from torch.nn import functional


def cross_entropy(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Mean over all pixels of the negative log probability of what the mask says.

    Example:
        >>> cross_entropy(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2, dtype=torch.bool))
        tensor(0.6931)
    """
    logits = _at_least_single(logits)
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(logits, masks.to(logits.dtype))
    return functional.cross_entropy(logits, masks)


def soft_dice(logits: torch.Tensor, masks: torch.Tensor, *, smooth: float = 1.0) -> torch.Tensor:
    """One minus the Dice coefficient of probabilities (Milletari et al., 2016, arXiv:1606.04797).

    For an image with probabilities p and mask m it is 1 - (2 sum(p m) + s) / (sum(p) + sum(m) + s),
    and then the mean over images, and over classes where there are several.

    Args:
        logits: of the network.
        masks: what is true.
        smooth: s, in pixels; it makes the loss of an empty mask small when little is found, rather
            than undefined.

    Example:
        >>> masks = torch.tensor([[[[True, False]]]])
        >>> soft_dice(torch.tensor([[[[20.0, -20.0]]]]), masks, smooth=0)
        tensor(0.)
    """
    logits = _at_least_single(logits)
    if logits.shape[1] == 1:
        probs, truth = logits.sigmoid(), masks.to(logits.dtype)
    else:
        probs = logits.softmax(dim=1)
        truth = functional.one_hot(masks, logits.shape[1]).movedim(-1, 1).to(logits.dtype)
    both = (probs * truth).sum(dim=(2, 3))  # (N, K)
    each = probs.sum(dim=(2, 3)) + truth.sum(dim=(2, 3))
    return 1 - ((2 * both + smooth) / (each + smooth)).mean()


def cross_entropy_and_dice(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The sum of both: steady gradients from the one, the score that counts from the other."""
    return cross_entropy(logits, masks) + soft_dice(logits, masks)


def _at_least_single(logits: torch.Tensor) -> torch.Tensor:
    """No sum over thousands of pixels in bfloat16, whose numbers have two or three digits."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
