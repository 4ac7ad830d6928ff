"""Numbers against numbers: training curves, confusion matrices and ROC curves."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from companion.plotting.images import text_color
from companion.plotting.style import CYCLE

_DASHES = ("-", "--", "-.", ":")


def plot_curves(
    curves: Mapping[str, ArrayLike],
    ax: Axes,
    *,
    x: ArrayLike | None = None,
    xlabel: str = "epoch",
    ylabel: str = "",
) -> Axes:
    """Draw one line per name: values per epoch, or over any other x.

    The lines differ in dash as well as in colour, so they can be told apart in grey print.

    Args:
        curves: Name to 1-D values. NaN leaves a gap.
        ax: Where to draw.
        x: Shared positions, as many as each curve has values; 1, 2, ... by default.
        xlabel: What x is, with its unit.
        ylabel: What the values are, with their unit.

    Returns:
        `ax`.

    Raises:
        ValueError: If there is no curve, a curve is not 1-D, or its length is not that of `x`.
    """
    if not curves:
        raise ValueError("plot_curves needs at least one curve, got none")
    for (name, curve), dash in zip(curves.items(), cycle(_DASHES), strict=False):
        values = np.asarray(curve, float)
        if values.ndim != 1:
            raise ValueError(f"curve {name!r} must be 1-D, got shape {values.shape}")
        positions = np.arange(1, len(values) + 1) if x is None else np.asarray(x)
        if positions.shape != values.shape:
            raise ValueError(f"curve {name!r} has {len(values)} values for {len(positions)} x")
        ax.plot(positions, values, dash, label=name)
    if x is None:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend()
    return ax


def plot_confusion(matrix: ArrayLike, ax: Axes, *, labels: Sequence[str]) -> Axes:
    """Draw a confusion matrix: counts in the cells, the share of each true class as shade.

    Args:
        matrix: (K, K) counts; row = true class, column = predicted class, as scikit-learn's
            `confusion_matrix` returns it.
        ax: Where to draw.
        labels: K class names, in the order of the rows.

    Returns:
        `ax`.

    Raises:
        ValueError: If the matrix is not square, has negative or fractional counts, or K differs
            from the number of labels.
    """
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"a confusion matrix is (K, K), got {counts.shape}")
    if len(labels) != len(counts):
        raise ValueError(f"got {len(labels)} labels for {len(counts)} classes; give one per class")
    if (counts < 0).any() or (counts != np.floor(counts)).any():
        raise ValueError("a confusion matrix holds counts: whole numbers from 0; do not normalise")
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)  # a class without samples stays blank
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        shade = image.cmap(image.norm(shares[row, column]))
        ax.text(column, row, f"{int(count)}", ha="center", va="center", color=text_color(shade[:3]))
    ticks = range(len(labels))
    slant: dict[str, Any] = {}
    if len(labels) > 4:
        slant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(ticks, labels, **slant)
    ax.set_yticks(ticks, labels)
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.grid(visible=False)
    return ax


def plot_roc(
    targets: ArrayLike,
    scores: ArrayLike,
    ax: Axes,
    *,
    label: str | None = None,
    threshold: float | None = None,
) -> Axes:
    """Draw the ROC curve: true positives against false positives over all thresholds.

    Call it again on the same axes to compare several scores.

    Args:
        targets: (N,) 0 or 1 (or bool): which samples are positive.
        scores: (N,) the higher, the more positive. For a distance give its negative.
        ax: Where to draw.
        label: Name in the legend.
        threshold: Mark the point where samples with score >= threshold are called positive.

    Returns:
        `ax`.

    Raises:
        ValueError: If lengths differ, a score is not finite, or one of the two classes is missing.
    """
    from sklearn.metrics import roc_curve

    truth, values = np.asarray(targets), np.asarray(scores, float)
    if truth.ndim != 1 or truth.shape != values.shape:
        raise ValueError(f"targets and scores must both be (N,), got {truth.shape}, {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite, got NaN or infinity")
    if set(np.unique(truth).tolist()) != {0, 1}:
        found = np.unique(truth).tolist()[:5]
        raise ValueError(f"a ROC curve needs targets of both kinds, 0 and 1; got {found}")
    false_rate, true_rate, _ = roc_curve(truth, values)
    if not any(line.get_gid() == "chance" for line in ax.lines):
        ax.plot([0, 1], [0, 1], ":", color="#777777", linewidth=1, gid="chance", zorder=1)
    curves = sum(line.get_gid() == "roc" for line in ax.lines)
    (line,) = ax.plot(
        false_rate,
        true_rate,
        _DASHES[curves % len(_DASHES)],
        color=CYCLE[curves % len(CYCLE)],
        label=label,
        gid="roc",
    )
    if threshold is not None:
        positive, called = truth.astype(bool), values >= threshold
        ax.plot(
            called[~positive].mean(), called[positive].mean(), "o", color=line.get_color(), ms=7
        )
    ax.set(xlabel="false positive rate", ylabel="true positive rate")
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    if label is not None:
        ax.legend(loc="lower right")
    return ax
