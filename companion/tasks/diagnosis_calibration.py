"""Probabilities that can be believed: temperature scaling (Guo et al., 2017, arXiv:1706.04599).

All logits are divided by one number, chosen on pictures that took no part in training. The order of
the pictures does not change, only how sure the model says it is.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch.nn import functional
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_calibration_error,
)

LOWEST, HIGHEST = 0.01, 100.0
"""Temperatures that are tried."""


@dataclass(frozen=True)
class Temperature:
    """What logits are divided by before they become probabilities.

    Attributes:
        value: above 1 the model was too sure, below 1 not sure enough.
        loss_before: mean cross-entropy on the pictures it was chosen on, as they came, in nats.
        loss_after: likewise with the temperature.

    Raises:
        ValueError: the value is not positive and finite.
    """

    value: float
    loss_before: float = float("nan")
    loss_after: float = float("nan")

    def __post_init__(self) -> None:
        if not 0 < self.value < float("inf"):
            raise ValueError(f"a temperature is positive and finite, got {self.value}")

    def probs(self, logits: torch.Tensor | np.ndarray) -> torch.Tensor:
        """Turn logits into probabilities.

        Args:
            logits: N of one class against the other, or N x K.

        Returns:
            N or N x K, in [0, 1].

        Raises:
            ValueError: another shape, or a logit that is NaN.
        """
        logits = _logits(logits, allow_empty=True)
        scaled = logits / self.value
        return scaled.sigmoid() if logits.ndim == 1 else scaled.softmax(dim=1)


def fit_temperature(
    logits: torch.Tensor | np.ndarray, targets: torch.Tensor | np.ndarray
) -> Temperature:
    """Choose the temperature with the smallest cross-entropy.

    Args:
        logits: N of class 1 against class 0, or N x K, of pictures that the model was not trained
            on.
        targets: N, the true classes, integers.

    Returns:
        The temperature.

    Raises:
        ValueError: no pictures, shapes that do not fit, classes out of range, only one class, or
            classes that the logits separate without an error, for which no finite temperature is
            best.

    Example:
        >>> bold = torch.tensor([8.0, 8.0, 8.0, 8.0, -8.0, -8.0, -8.0, -8.0])
        >>> temperature = fit_temperature(bold, torch.tensor([1, 1, 1, 0, 0, 0, 0, 1]))
        >>> f"{temperature.value:.2f}", f"{temperature.probs(bold)[0]:.2f}"  # three of four
        ('7.28', '0.75')
    """
    logits = _logits(logits)
    classes = 2 if logits.ndim == 1 else logits.shape[1]
    targets = _targets(targets, len(logits), classes)
    present = targets.unique().tolist()
    if len(present) < 2:
        raise ValueError(
            f"calibration needs pictures of at least two classes, got only class {present[0]}"
        )
    logits = logits.double()

    def loss(log_temperature: float) -> float:
        scaled = logits / float(np.exp(log_temperature))
        if scaled.ndim == 1:
            return functional.binary_cross_entropy_with_logits(scaled, targets.double()).item()
        return functional.cross_entropy(scaled, targets).item()

    limits = float(np.log(LOWEST)), float(np.log(HIGHEST))
    found = minimize_scalar(loss, bounds=limits, method="bounded", options={"xatol": 1e-6})
    if found.x - limits[0] < 1e-3:
        raise ValueError(
            f"the {len(logits)} pictures are separated without an error, so that no finite "
            "temperature is best; calibrate on more pictures"
        )
    return Temperature(float(np.exp(found.x)), loss(0.0), float(found.fun))


def calibration_error(
    probs: torch.Tensor | np.ndarray, targets: torch.Tensor | np.ndarray, *, bins: int = 10
) -> float:
    """Expected calibration error: how far stated and true shares are apart, on average.

    Computed by torchmetrics. For one probability a picture, the stated probability of class 1 is
    compared with the share of class 1; for K, the largest with the share of right answers.

    Args:
        probs: N or N x K, in [0, 1].
        targets: N, the true classes, integers.
        bins: of equal width, over which is averaged, each with its number of pictures as weight.

    Returns:
        0 for perfect calibration, at most 1.

    Raises:
        ValueError: no pictures, shapes that do not fit, or values out of range.

    Example:
        >>> calibration_error(torch.tensor([0.75, 0.75, 0.75, 0.75]), torch.tensor([1, 1, 1, 0]))
        0.0
    """
    if bins < 1:
        raise ValueError(f"bins start at 1, got {bins}")
    probs = check_probs(probs)
    if probs.ndim == 1:
        targets = _targets(targets, len(probs), 2)
        return float(binary_calibration_error(probs, targets, n_bins=bins, norm="l1"))
    classes = probs.shape[1]
    targets = _targets(targets, len(probs), classes)
    return float(multiclass_calibration_error(probs, targets, classes, n_bins=bins, norm="l1"))


def check_probs(probs: torch.Tensor | np.ndarray, *, allow_empty: bool = False) -> torch.Tensor:
    """The probabilities as a float32 tensor on the CPU, if they are ones.

    Raises:
        ValueError: not N or N x K, none although some are needed, or values outside [0, 1].
    """
    probs = _logits(probs, what="probabilities", allow_empty=allow_empty)
    if len(probs) and not (probs.min() >= 0 and probs.max() <= 1):
        raise ValueError(
            f"probabilities lie in [0, 1], got {probs.min():.4g} to {probs.max():.4g}; turn logits "
            "into probabilities first"
        )
    return probs


def _logits(
    values: torch.Tensor | np.ndarray, *, what: str = "logits", allow_empty: bool = False
) -> torch.Tensor:
    values = torch.as_tensor(values).detach().cpu().float()
    if values.ndim not in (1, 2) or (values.ndim == 2 and values.shape[1] < 2):
        raise ValueError(
            f"{what} are N, or N x K with K at least 2, got {tuple(values.shape)}; flatten a "
            "single column"
        )
    if len(values) == 0 and not allow_empty:
        raise ValueError(f"there are no {what}: the input is empty")
    if values.isnan().any():
        raise ValueError(f"{int(values.isnan().sum())} of {values.numel()} {what} are NaN")
    return values


def _targets(targets: torch.Tensor | np.ndarray, count: int, classes: int) -> torch.Tensor:
    targets = torch.as_tensor(targets).detach().cpu()
    if targets.shape != (count,) or targets.is_floating_point():
        raise ValueError(
            f"{count} pictures need as many integer classes, got {targets.dtype} of shape "
            f"{tuple(targets.shape)}"
        )
    targets = targets.long()
    if targets.min() < 0 or targets.max() >= classes:
        raise ValueError(
            f"classes lie between 0 and {classes - 1}, got {targets.min()} to {targets.max()}"
        )
    return targets
