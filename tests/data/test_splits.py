import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.data.splits import grouped_folds, grouped_split, repeated_folds, stratified_split


def assert_parts(split, samples):
    assert sorted([*split.train, *split.test]) == list(range(samples))


@settings(max_examples=50)
@given(
    st.lists(st.integers(5, 40), min_size=2, max_size=5),
    st.floats(0.2, 0.8),
    st.integers(0, 1000),
)
def test_every_class_is_held_out_in_its_share(sizes, held_out, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    split = stratified_split(labels, held_out=held_out, seed=seed)
    assert_parts(split, len(labels))
    assert len(split.test) == math.ceil(len(labels) * held_out)  # a part of a sample counts whole
    counts = np.bincount(labels[split.test], minlength=len(sizes))
    shares = np.array(sizes) * len(split.test) / len(labels)
    assert np.abs(counts - shares).max() < 1.0


def test_takes_tensors_arrays_and_names_alike():
    numbers = [0, 1, 2] * 6
    names = [["ant", "bee", "cat"][n] for n in numbers]
    given_as = (numbers, np.array(numbers), torch.tensor(numbers), names)
    splits = [stratified_split(labels, held_out=0.5, seed=1) for labels in given_as]
    for split in splits[1:]:
        np.testing.assert_array_equal(split.test, splits[0].test)


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_no_group_stands_in_both_parts(seed):
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 20, size=200)
    labels = generator.integers(0, 2, size=200)
    split = grouped_split(labels, groups, held_out=0.3, seed=seed)
    assert_parts(split, 200)
    assert not set(groups[split.train]) & set(groups[split.test])
    assert abs(len(split.test) - 60) <= 25


def test_the_grouped_split_comes_close_to_the_classes_shares():
    groups = np.repeat(np.arange(40), 5)
    labels = np.repeat((np.arange(40) < 8).astype(int), 5)  # a fifth of the groups is ill
    for seed in range(10):
        split = grouped_split(labels, groups, held_out=0.25, seed=seed)
        assert labels[split.test].mean() == pytest.approx(0.2)


def test_folds_test_every_sample_once_and_keep_groups_whole():
    groups = np.repeat(np.arange(12), 4)
    labels = np.tile([0, 1, 1, 0], 12)
    folds = list(grouped_folds(labels, groups, folds=4, seed=0))
    assert len(folds) == 4
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(48))
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])


def test_repeats_cut_anew():
    labels = np.repeat([0, 1], 20)
    folds = list(repeated_folds(labels, folds=4, repeats=2, seed=0))
    assert len(folds) == 8
    for first in (0, 4):
        tested = np.concatenate([fold.test for fold in folds[first : first + 4]])
        assert sorted(tested) == list(range(40))
    assert not np.array_equal(folds[0].test, folds[4].test)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (lambda: stratified_split([1, 1, 1], held_out=0.5, seed=0), "two classes"),
        (lambda: stratified_split([1, 1, 2], held_out=0.5, seed=0), "class 2 has a single sample"),
        (lambda: stratified_split([1, 1, 2, 2], held_out=0.0, seed=0), "between 0 and 1"),
        (lambda: stratified_split([1, 1, 2, 2], held_out=0.1, seed=0), "classes"),
        (lambda: stratified_split([0.5, 0.5, 1.0, 1.0], held_out=0.5, seed=0), "integers"),
        (lambda: stratified_split([[1, 2]], held_out=0.5, seed=0), "one row"),
        (lambda: grouped_split([0, 1, 0, 1], [7] * 4, held_out=0.5, seed=0), "two groups"),
        (lambda: grouped_split([0, 1, 0, 1], [7] * 3, held_out=0.5, seed=0), "as many groups"),
        (
            lambda: grouped_split([0, 0, 1, 1], [1, 1, 2, 2], held_out=0.5, seed=0),
            "at least two groups",
        ),
        (lambda: grouped_folds([0, 1] * 4, [1, 2] * 4, folds=3, seed=0), "number of groups"),
        (
            lambda: grouped_folds([0] * 6 + [1] * 2, [1, 2, 3, 4] * 2, folds=4, seed=0),
            "rarest class has 2",
        ),
        (lambda: repeated_folds([0, 0, 0, 1, 1], folds=3, seed=0), "rarest class, 2"),
        (lambda: repeated_folds([0, 0, 1, 1], folds=2, repeats=0, seed=0), "repeats"),
    ],
)
def test_refuses_what_cannot_be_cut(cut, message):
    with pytest.raises(ValueError, match=message):
        cut()
