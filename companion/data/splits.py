"""Which samples to train with and which to test on, by scikit-learn's splitters.

Each function gives indices, so that images, labels and anything else are cut alike. Where several
samples stem from one person, patient or scene, split by group: otherwise the test measures how
well the network remembers people.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import (
    GroupShuffleSplit,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedShuffleSplit,
)

Labels = Sequence | np.ndarray | torch.Tensor


class Split(NamedTuple):
    """Two sets of indices that share none and hold all together.

    Attributes:
        train: 1-D int64, in a random order.
        test: 1-D int64, likewise.
    """

    train: np.ndarray
    test: np.ndarray


def stratified_split(labels: Labels, *, held_out: float, seed: int) -> Split:
    """Hold out a share of the samples, the same share of every class.

    Args:
        labels: class of each sample: integers or strings, N.
        held_out: share of the samples in the test part, in (0, 1), rounded up to whole samples;
            each class is less than one sample away from its share of them.
        seed: decides which.

    Raises:
        ValueError: fewer than two classes, a class with a single sample, or a part that would hold
            fewer samples than there are classes.

    Example:
        >>> split = stratified_split(["cat"] * 6 + ["dog"] * 3, held_out=1 / 3, seed=0)
        >>> len(split.train), sorted(split.test >= 6)
        (6, [np.False_, np.False_, np.True_])
    """
    labels = _classes(labels)
    _check_share(held_out)
    splitter = StratifiedShuffleSplit(1, test_size=held_out, random_state=seed)
    return Split(*next(splitter.split(labels, labels)))


def grouped_split(labels: Labels, groups: Labels, *, held_out: float, seed: int) -> Split:
    """Hold out whole groups, so that no group stands in both parts.

    Of 64 random cuts, takes the one whose classes and size come closest to the whole.

    Args:
        labels: class of each sample: integers or strings, N.
        groups: group of each sample (person, patient, scene): integers or strings, N.
        held_out: wanted share of the samples in the test part, in (0, 1); groups are not cut, so
            it is met only nearly.
        seed: decides which groups.

    Raises:
        ValueError: lengths differ, fewer than two groups or classes, or no cut was found with
            every class in both parts.

    Example:
        >>> people = ["ann", "ann", "ben", "ben", "cy", "cy"]
        >>> split = grouped_split([0, 1, 0, 1, 0, 1], people, held_out=1 / 3, seed=0)
        >>> {people[i] for i in split.train} & {people[i] for i in split.test}
        set()
    """
    labels = _classes(labels)
    groups = _groups(groups, len(labels))
    _check_share(held_out)
    classes, codes = np.unique(labels, return_inverse=True)
    wanted = np.bincount(codes) * held_out
    splitter = GroupShuffleSplit(64, test_size=held_out, random_state=seed)
    best, distance = None, np.inf
    for cut in splitter.split(labels, labels, groups):
        counts = np.bincount(codes[cut[1]], minlength=len(classes))
        if counts.min() == 0 or (np.bincount(codes) - counts).min() == 0:
            continue
        if np.abs(counts - wanted).sum() < distance:
            best, distance = cut, np.abs(counts - wanted).sum()
    if best is None:
        raise ValueError(
            f"no cut of {len(np.unique(groups))} groups leaves every one of the {len(classes)} "
            "classes in both parts; a class needs samples in at least two groups"
        )
    generator = np.random.default_rng(seed)
    return Split(*(generator.permutation(part) for part in best))


def shared_groups(split: Split, groups: Labels) -> np.ndarray:
    """The groups that stand in both parts of a split: none, if it may be trusted.

    Args:
        split: which samples are in which part.
        groups: group of each sample, N.

    Returns:
        Their names, sorted.

    Raises:
        ValueError: `groups` is not one row of integers or strings, or too short for the split.

    Example:
        >>> shared_groups(Split(np.array([0, 1]), np.array([2])), ["ann", "ben", "ann"])
        array(['ann'], dtype='<U3')
    """
    groups = _column(groups, "groups")
    last = max((int(part.max()) for part in split if len(part)), default=-1)
    if last >= len(groups):
        raise ValueError(f"the split names sample {last}, but there are {len(groups)} groups")
    return np.intersect1d(groups[split.train], groups[split.test])


def group_parts(
    split: Split | None,
    labels: Labels,
    groups: Labels,
    *,
    held_out: float,
    seed: int,
    group: str,
    allow_shared: bool = False,
) -> Split:
    """A split by group, drawn or given; a given one that has a group in both parts is refused.

    Args:
        split: which samples are in which part; by default `grouped_split` draws whole groups.
        labels: class of each sample, N.
        groups: group of each sample, N.
        held_out: as for `grouped_split`.
        seed: as for `grouped_split`.
        group: what a group is, one word for the error, such as "patient".
        allow_shared: take a split that has a group in both parts.

    Raises:
        ValueError: a group stands in both parts, or no cut by group is possible.

    Example:
        >>> people = ["ann", "ben", "ann"]
        >>> apart = Split(np.array([0, 2]), np.array([1]))
        >>> group_parts(apart, [0, 1, 0], people, held_out=0.3, seed=0, group="person").test
        array([1])
    """
    if split is None:
        split = grouped_split(labels, groups, held_out=held_out, seed=seed)
    shared = shared_groups(split, groups)
    if len(shared) and not allow_shared:
        raise ValueError(
            f"{len(shared)} {group}s stand in both parts, {shared[0]} among them: the test would "
            f"be flattered; leave `split` out to split by {group}, or say "
            f"allow_shared_{group}s=True"
        )
    return split


def grouped_folds(labels: Labels, groups: Labels, *, folds: int = 5, seed: int) -> Iterator[Split]:
    """Cut into folds of whole groups with classes as even as possible; each is tested on once.

    Args:
        labels: class of each sample: integers or strings, N.
        groups: group of each sample, N.
        folds: number of folds, at least 2.
        seed: decides the folds.

    Returns:
        An iterator over `folds` splits.

    Raises:
        ValueError: lengths differ, fewer groups than folds, or fewer than two folds or classes.
    """
    labels = _classes(labels)
    groups = _groups(groups, len(labels))
    count = len(np.unique(groups))
    if not 2 <= folds <= count:
        raise ValueError(f"folds must lie between 2 and the number of groups, {count}, got {folds}")
    smallest = np.unique(labels, return_counts=True)[1].min()
    if smallest < folds:
        raise ValueError(
            f"the rarest class has {smallest} samples, too few for {folds} folds; "
            "ask for fewer folds"
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return (Split(*cut) for cut in splitter.split(labels, labels, groups))


def repeated_folds(
    labels: Labels, *, folds: int = 5, repeats: int = 1, seed: int
) -> Iterator[Split]:
    """Cut into folds with the same share of every class, again and again in new ways.

    Args:
        labels: class of each sample: integers or strings, N.
        folds: number of folds, at least 2; within a repeat each sample is tested on once.
        repeats: how often the samples are cut anew.
        seed: decides the folds.

    Returns:
        An iterator over `folds` x `repeats` splits.

    Raises:
        ValueError: fewer than two classes, or a class with fewer samples than folds.

    Example:
        >>> len(list(repeated_folds([0, 1] * 10, folds=5, repeats=2, seed=0)))
        10
    """
    labels = _classes(labels)
    smallest = np.unique(labels, return_counts=True)[1].min()
    if not 2 <= folds <= smallest:
        raise ValueError(
            f"folds must lie between 2 and the size of the rarest class, {smallest}, got {folds}"
        )
    if repeats < 1:
        raise ValueError(f"repeats start at 1, got {repeats}")
    splitter = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    return (Split(*cut) for cut in splitter.split(labels, labels))


def _classes(labels: Labels) -> np.ndarray:
    labels = _column(labels, "labels")
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"a split by class needs at least two classes, got {names.tolist()}")
    if counts.min() < 2:
        raise ValueError(
            f"class {names[counts.argmin()]!s} has a single sample and cannot stand in both "
            "parts; leave the class out or collect more"
        )
    return labels


def _groups(groups: Labels, samples: int) -> np.ndarray:
    groups = _column(groups, "groups")
    if len(groups) != samples:
        raise ValueError(f"{samples} labels need as many groups, got {len(groups)}")
    if len(np.unique(groups)) < 2:
        raise ValueError("a split by group needs at least two groups, got one")
    return groups


def _column(values: Labels, what: str) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.cpu()
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in "biuUS":
        raise ValueError(
            f"{what} must be one row of integers or strings, got {values.dtype} of shape "
            f"{values.shape}"
        )
    return values


def _check_share(held_out: float) -> None:
    if not 0 < held_out < 1:
        raise ValueError(f"held_out is a share between 0 and 1, got {held_out}")
