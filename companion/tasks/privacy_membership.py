"""Was this picture in the training set? An attack that only looks at the loss, and its limits.

A model has usually a smaller loss on pictures it was trained with. Who sees the loss of a picture
and finds it small says "member" (Yeom et al., 2018, arXiv:1709.01604; Shokri et al., 2017,
arXiv:1610.05820). For a model with differential privacy no attack of any kind can cross a curve.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve


@dataclass(frozen=True)
class MembershipAttack:
    """How well members are told from others by their loss.

    Attributes:
        area: area under the ROC curve; 0.5 is guessing.
        advantage: largest difference of the true and the false positive rate over all thresholds,
            from 0, guessing, to 1.
        threshold: the smallest loss at which the advantage is reached; at or below it, "member".
        sure: share of the members found where at most 1 % of the others are taken for members
            (Carlini et al., 2022, arXiv:2112.03570): some may be in danger when the average is not.
    """

    area: float
    advantage: float
    threshold: float
    sure: float


def attack_by_loss(members: np.ndarray, others: np.ndarray) -> MembershipAttack:
    """Attack a model by a threshold on its losses.

    The threshold is chosen with the answers at hand: this is the most that such an attack can do.

    Args:
        members: (M,) losses of training samples.
        others: (N,) losses of samples of the same kind that were not trained with.

    Raises:
        ValueError: another shape, no losses, or a loss is NaN.

    Example:
        >>> attack = attack_by_loss([0.1, 0.2, 0.3, 0.9], [0.25, 0.8, 1.5, 2.0])
        >>> attack.area, attack.advantage, attack.threshold
        (0.8125, 0.5, 0.2)
    """
    members, others = np.asarray(members, float), np.asarray(others, float)
    for name, losses in (("members", members), ("others", others)):
        if losses.ndim != 1 or not len(losses):
            raise ValueError(f"{name} must be one row of losses, got shape {losses.shape}")
        if np.isnan(losses).any():
            raise ValueError(f"{name} hold a loss that is NaN")
    truth = np.repeat([1, 0], [len(members), len(others)])
    scores = -np.concatenate([members, others])
    largest = np.finfo(float).max
    scores = scores.clip(-largest, largest)  # a loss may be infinite
    false_rate, true_rate, thresholds = roc_curve(truth, scores, drop_intermediate=False)
    best = int((true_rate - false_rate).argmax())
    return MembershipAttack(
        area=float(roc_auc_score(truth, scores)),
        advantage=float((true_rate - false_rate)[best]),
        threshold=float(-thresholds[best]),
        sure=float(true_rate[false_rate <= 0.01].max()),
    )


def highest_true_rate(false_rate: np.ndarray, epsilon: float, delta: float = 0.0) -> np.ndarray:
    """The curve that no attack crosses if training was (epsilon, delta)-differentially private.

    From the definition: with f the false and t the true positive rate, `t <= e^epsilon f + delta`
    and `1 - f <= e^epsilon (1 - t) + delta` (Wasserman and Zhou, 2010, arXiv:0811.2501; Kairouz, Oh
    and Viswanath, 2015, arXiv:1311.0776).

    Args:
        false_rate: values in [0, 1].
        epsilon: 0 or more.
        delta: from 0 to below 1.

    Returns:
        The highest true positive rate at each, on average over the training sets.

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> highest_true_rate([0.0, 0.1, 0.5], epsilon=1.0).round(2).tolist()
        [0.0, 0.27, 0.82]
    """
    false_rate = np.asarray(false_rate, float)
    if not ((false_rate >= 0) & (false_rate <= 1)).all():
        raise ValueError("false positive rates must lie in 0 to 1")
    if not epsilon >= 0 or not 0 <= delta < 1:
        raise ValueError(f"epsilon starts at 0 and delta lies in [0, 1), got {epsilon}, {delta}")
    rise = np.exp(min(epsilon, 700.0)) * false_rate + delta
    fall = 1 - np.exp(-epsilon) * (1 - delta - false_rate)
    return np.minimum(1.0, np.minimum(rise, fall))
