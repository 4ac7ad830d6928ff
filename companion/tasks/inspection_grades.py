"""Grades of quality from features: the proportional odds model (McCullagh, 1980).

Grades have an order, and calling a good part broken is worse than calling it slightly worn. So
there is one direction in the space of features along which parts get worse, and a cut between each
grade and the next:

    P(grade >= k) = sigmoid(w . x - cut_k),   cut_1 < cut_2 < ...

doi:10.1111/j.2517-6161.1980.tb01109.x.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class Grades:
    """How features tell the grade.

    Attributes:
        mean: D, of the features that were learnt from.
        scale: D, their standard deviation.
        weights: D, for features less mean, divided by scale.
        cuts: K - 1, ascending.
    """

    mean: torch.Tensor
    scale: torch.Tensor
    weights: torch.Tensor
    cuts: torch.Tensor

    def scores(self, features: torch.Tensor) -> torch.Tensor:
        """How bad parts are, on the scale of the cuts.

        Args:
            features: N x D.

        Returns:
            N, float64; the higher, the worse.

        Raises:
            ValueError: another shape.
        """
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise ValueError(f"features must be N x {len(self.mean)}, got {tuple(features.shape)}")
        return (features.to(self.mean) - self.mean) / self.scale @ self.weights

    def at_least(self, features: torch.Tensor) -> torch.Tensor:
        """Probability that the grade is at least 1, at least 2 and so on: N x (K - 1)."""
        return (self.scores(features)[:, None] - self.cuts).sigmoid()

    def probs(self, features: torch.Tensor) -> torch.Tensor:
        """Probability of each grade: N x K, rows that sum to 1."""
        reached = functional.pad(self.at_least(features), (1, 0), value=1.0)
        return reached - functional.pad(reached[:, 1:], (0, 1))


def fit_grades(
    features: torch.Tensor, grades: torch.Tensor, *, classes: int, decay: float = 0.01
) -> Grades:
    """Learn the model, to the best of all weights and cuts.

    Args:
        features: N x D, floats.
        grades: N, integers from 0 for the best to `classes` - 1.
        classes: number of grades, at least 2; each must occur.
        decay: half of it times the squared length of the weights is added to the mean loss; above
            0, so that a best solution exists.

    Returns:
        The model, in float64, where the features are.

    Raises:
        ValueError: shapes that do not fit, features that are not finite, a grade that is out of
            range or missing, or a decay of 0 or less.
        RuntimeError: no best solution was found.

    Example:
        >>> features = torch.linspace(0, 1, 90)[:, None]
        >>> grades = torch.arange(90) // 30
        >>> fitted = fit_grades(features, grades, classes=3)
        >>> (expected_grade(fitted.probs(features)).round() == grades).float().mean() > 0.9
        tensor(True)
    """
    if features.ndim != 2 or grades.shape != features.shape[:1] or not len(features):
        raise ValueError(
            f"features are N x D and grades N, got {tuple(features.shape)} and "
            f"{tuple(grades.shape)}"
        )
    if not features.isfinite().all():
        raise ValueError("features must be finite, some are NaN or infinite")
    if not decay > 0:
        raise ValueError(f"the decay lies above 0, got {decay}")
    found = grades.unique().tolist()
    if classes < 2 or found != list(range(classes)):
        raise ValueError(f"each of the grades 0 to {classes - 1} must occur, got {found[:10]}")
    features = features.double()
    mean, scale = features.mean(dim=0), features.std(dim=0, correction=0)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    inputs = (features - mean) / scale
    reached = grades[:, None] > torch.arange(classes - 1, device=grades.device)  # N x (K - 1)
    share = reached.double().mean(dim=0)
    # the cuts are kept in order: the first, and the logarithms of the gaps to the next
    start = torch.log((1 - share) / share)
    places = torch.cat([start[:1], start.diff().log()]).requires_grad_()
    weights = inputs.new_zeros(inputs.shape[1]).requires_grad_()

    def ascending() -> torch.Tensor:
        return torch.cat([places[:1], places[0] + places[1:].exp().cumsum(0)])

    def loss() -> torch.Tensor:
        logits = inputs @ weights
        edges = functional.pad(ascending()[None], (1, 1))[0]
        edges[0], edges[-1] = -torch.inf, torch.inf
        low, high = logits - edges[grades], logits - edges[grades + 1]
        # log(sigmoid(low) - sigmoid(high)), without taking the difference of two numbers near 1
        gap = edges[grades + 1] - edges[grades]
        likely = functional.logsigmoid(low) + functional.logsigmoid(-high) + (-(-gap).expm1()).log()
        return -likely.mean() + decay / 2 * weights.square().sum()

    optimizer = torch.optim.LBFGS(
        [weights, places],
        max_iter=500,
        tolerance_grad=1e-9,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(closure)
        gradients = torch.autograd.grad(loss(), [weights, places])
    slope = max(float(gradient.abs().max()) for gradient in gradients)
    if not slope < 1e-4:
        raise RuntimeError(
            f"no best solution was found: the loss still changes by {slope:.1e} for a change of 1 "
            "in a weight; use a larger decay"
        )
    return Grades(mean, scale, weights.detach(), ascending().detach())


def expected_grade(probs: torch.Tensor) -> torch.Tensor:
    """The mean grade; rounded, it is the guess with the smallest expected squared error.

    Args:
        probs: N x K, of each grade.

    Returns:
        N, from 0 to K - 1.

    Raises:
        ValueError: another shape, or rows that are no probabilities.
    """
    if probs.ndim != 2 or not probs.isfinite().all() or (probs < -1e-6).any():
        raise ValueError(f"probs are N x K from 0 on, got shape {tuple(probs.shape)}")
    if not torch.allclose(probs.sum(dim=1), probs.new_ones(len(probs)), atol=1e-4):
        raise ValueError("the probabilities of each part must sum to 1; apply a softmax to logits")
    return probs @ torch.arange(probs.shape[1], device=probs.device, dtype=probs.dtype)
