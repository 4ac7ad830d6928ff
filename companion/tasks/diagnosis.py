"""A diagnosis aid: from a probability of illness to what happens to the case next.

    point = choose_threshold(probs, targets, sensitivity=0.99)    # on validation pictures
    rules = Rules(review_from=point.threshold, urgent_from=0.9)
    outcomes = triage(probs, rules, accepted=familiar.accepts(features))
    measure(test_probs, test_targets, point.threshold)            # what it is worth elsewhere

The probabilities should be calibrated (`diagnosis_calibration`); `diagnosis_refusal` finds pictures
that the model should not judge, `diagnosis_crop` cuts out the part to look at, and `grad_cam` shows
reasons. Nothing here is a medical device.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from scipy.stats import binomtest

from companion.tasks.diagnosis_calibration import check_probs

Numbers = torch.Tensor | np.ndarray


class Outcome(IntEnum):
    """What happens to a case next."""

    ROUTINE = 0
    """Nothing found: the doctor sees it in the ordinary course."""
    REVIEW = 1
    """The doctor looks at the picture."""
    URGENT = 2
    """The doctor looks at the picture at once."""
    REFUSED = 3
    """The program has no opinion: not a picture of the kind that it knows."""


@dataclass(frozen=True)
class Rate:
    """A share that was counted, with the interval that the count allows.

    Attributes:
        hits: how many.
        trials: of how many.
        low: lower end of the exact binomial interval (Clopper and Pearson, 1934).
        high: upper end.
    """

    hits: int
    trials: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself."""
        return self.hits / self.trials


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold does on some pictures: those at or above it are called ill.

    Attributes:
        threshold: on the probability.
        sensitivity: of the ill, the share called ill.
        specificity: of the healthy, the share called healthy.
    """

    threshold: float
    sensitivity: Rate
    specificity: Rate

    def called(self, prevalence: float) -> float:
        """The share of all pictures that is called ill where `prevalence` of them are.

        Raises:
            ValueError: the prevalence is outside [0, 1].
        """
        if not 0 <= prevalence <= 1:
            raise ValueError(f"a prevalence is a share in [0, 1], got {prevalence}")
        false_alarms = (1 - prevalence) * (1 - self.specificity.value)
        return prevalence * self.sensitivity.value + false_alarms

    def cost(self, prevalence: float, *, miss: float, alarm: float = 1.0) -> float:
        """Mean cost of a picture, where a missed case costs `miss` and a false alarm `alarm`.

        Raises:
            ValueError: the prevalence is outside [0, 1], or a cost is negative.
        """
        if min(miss, alarm) < 0:
            raise ValueError(f"costs start at 0, got {miss} and {alarm}")
        caught = prevalence * self.sensitivity.value
        return miss * (prevalence - caught) + alarm * (self.called(prevalence) - caught)


@dataclass(frozen=True)
class Rules:
    """Where one outcome ends and the next begins.

    Attributes:
        review_from: lowest probability that the doctor reviews; below it, the case is routine.
        urgent_from: lowest probability that is urgent.

    Raises:
        ValueError: not 0 <= review_from <= urgent_from <= 1.
    """

    review_from: float
    urgent_from: float

    def __post_init__(self) -> None:
        if not 0 <= self.review_from <= self.urgent_from <= 1:
            raise ValueError(
                "rules need 0 <= review_from <= urgent_from <= 1, got "
                f"{self.review_from} and {self.urgent_from}"
            )


def rate(hits: int, trials: int, *, confidence: float = 0.95) -> Rate:
    """A share with its exact binomial interval, for trials that do not depend on one another.

    Args:
        hits: how many.
        trials: of how many, at least 1.
        confidence: how often such an interval holds the true share, at least, in (0, 1).

    Raises:
        ValueError: hits outside of 0 to trials, no trials, or a confidence out of range.

    Example:
        >>> none_missed = rate(100, 100)
        >>> f"{none_missed.low:.3f} to {none_missed.high:.0f}"
        '0.964 to 1'
    """
    if trials < 1 or not 0 <= hits <= trials:
        raise ValueError(f"a rate needs 0 <= hits <= trials and a trial, got {hits} of {trials}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence lies between 0 and 1, got {confidence}")
    interval = binomtest(int(hits), int(trials)).proportion_ci(confidence, method="exact")
    return Rate(int(hits), int(trials), float(interval.low), float(interval.high))


def measure(
    probs: Numbers, targets: Numbers, threshold: float, *, confidence: float = 0.95
) -> OperatingPoint:
    """Count what a threshold does.

    Args:
        probs: probability of illness of each picture, N, in [0, 1].
        targets: N, 1 or true for the ill, 0 for the healthy.
        threshold: probabilities from here on are called ill; any number.
        confidence: of the intervals, in (0, 1). They take the pictures for independent.

    Raises:
        ValueError: no pictures, probabilities out of range, lengths that differ, targets other
            than 0 and 1, or only one of the two.
    """
    ill, healthy = _by_class(probs, targets)
    return OperatingPoint(
        float(threshold),
        rate(int((ill >= threshold).sum()), len(ill), confidence=confidence),
        rate(int((healthy < threshold).sum()), len(healthy), confidence=confidence),
    )


def choose_threshold(
    probs: Numbers,
    targets: Numbers,
    *,
    sensitivity: float,
    assured: bool = False,
    confidence: float = 0.95,
) -> OperatingPoint:
    """The highest threshold that has a wanted sensitivity; choose it on validation pictures.

    Every ill picture's probability is tried. A sensitivity that is measured on the pictures it was
    chosen on is flattered a little; measure it again on others.

    Args:
        probs: probability of illness of each picture, N, in [0, 1].
        targets: N, 1 or true for the ill, 0 for the healthy.
        sensitivity: wanted share of the ill that is called ill, in (0, 1].
        assured: whether the lower end of the interval must reach it, and not only the share
            itself.
        confidence: of the intervals, in (0, 1).

    Returns:
        What the threshold does on these pictures.

    Raises:
        ValueError: as `measure` says; a sensitivity out of range; or one that so few pictures
            cannot assure even if all are called ill.

    Example:
        >>> probs = np.array([0.1, 0.2, 0.3, 0.4, 0.8, 0.9])
        >>> point = choose_threshold(probs, np.array([0, 0, 1, 0, 1, 1]), sensitivity=0.6)
        >>> f"{point.threshold:.1f} {point.sensitivity.value:.2f} {point.specificity.value:.2f}"
        '0.8 0.67 1.00'
    """
    if not 0 < sensitivity <= 1:
        raise ValueError(f"a sensitivity is a share in (0, 1], got {sensitivity}")
    ill, _ = _by_class(probs, targets)
    trials = len(ill)
    needed = int(np.ceil(sensitivity * trials - 1e-9))
    if assured:
        reaching = [
            hits
            for hits in range(needed, trials + 1)
            if rate(hits, trials, confidence=confidence).low >= sensitivity
        ]
        if not reaching:
            best = rate(trials, trials, confidence=confidence)
            raise ValueError(
                f"{trials} ill pictures cannot assure a sensitivity of {sensitivity}: if none is "
                f"missed, the interval begins at {best.low:.4f}; use more pictures, ask for less, "
                "or set assured=False"
            )
        needed = reaching[0]
    threshold = np.sort(ill)[trials - needed]
    return measure(probs, targets, float(threshold), confidence=confidence)


def triage(probs: Numbers, rules: Rules, *, accepted: Numbers | None = None) -> np.ndarray:
    """Decide what happens to each case next.

    Args:
        probs: probability of illness of each picture, N, in [0, 1].
        rules: the two thresholds.
        accepted: N bool, whether the picture is of the kind that the model knows; all by default.

    Returns:
        N values of `Outcome`, int64; of length 0 where there are no pictures.

    Raises:
        ValueError: probabilities out of range, or `accepted` of another length or not bool.

    Example:
        >>> outcomes = triage(np.array([0.02, 0.3, 0.97]), Rules(0.1, 0.9))
        >>> [Outcome(value).name for value in outcomes]
        ['ROUTINE', 'REVIEW', 'URGENT']
    """
    probs = _probs(probs, allow_empty=True)
    outcomes = np.digitize(probs, [rules.review_from, rules.urgent_from])
    if accepted is not None:
        accepted = np.asarray(accepted)
        if accepted.shape != probs.shape or accepted.dtype != bool:
            raise ValueError(
                f"{len(probs)} pictures need as many bool in `accepted`, got {accepted.dtype} of "
                f"shape {accepted.shape}"
            )
        outcomes = np.where(accepted, outcomes, Outcome.REFUSED)
    return outcomes.astype(np.int64)


def _probs(probs: Numbers, *, allow_empty: bool = False) -> np.ndarray:
    probs = check_probs(probs, allow_empty=allow_empty)
    if probs.ndim != 1:
        raise ValueError(
            f"one probability of illness for each picture is needed, got {tuple(probs.shape)}; "
            "take the column of the illness"
        )
    return probs.double().numpy()


def _by_class(probs: Numbers, targets: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of the ill, and those of the healthy."""
    probs, targets = _probs(probs), np.asarray(targets)
    if targets.shape != probs.shape or not np.isin(targets, (0, 1)).all():
        raise ValueError(
            f"{len(probs)} pictures need as many targets of 0 and 1, got {targets.dtype} of shape "
            f"{targets.shape}, values {np.unique(targets).tolist()[:5]}"
        )
    ill = targets.astype(bool)
    if ill.all() or not ill.any():
        raise ValueError(
            f"sensitivity and specificity need both classes, got only {int(ill[0])} for all "
            f"{len(ill)} pictures"
        )
    return probs[ill], probs[~ill]
