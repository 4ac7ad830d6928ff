"""The search agrees with measuring every distance in float64."""

from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion.tasks import gallery_search
from companion.tasks.gallery_search import Index

CPU = torch.device("cpu")


def slow_nearest(rows, queries):
    distances = np.linalg.norm(rows[None].astype(np.float64) - queries[:, None], axis=2)
    return distances.argmin(1), distances.min(1)


@given(
    st.integers(1, 40),
    st.integers(1, 9),
    st.integers(1, 20),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-22, 1e-3, 1.0, 1e4, 1e14]),
    st.sampled_from([0.0, 1.0, 1e3]),
    st.sampled_from([1, 7, 512]),
)
def test_agrees_with_a_slow_search(n, m, dimension, seed, spread, shift, block):
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(n, dimension)) * spread + shift).astype(np.float32)
    queries = (rng.normal(size=(m, dimension)) * spread + shift).astype(np.float32)
    with mock.patch.object(gallery_search, "_BLOCK", block):
        numbers, distances = Index(rows, CPU).nearest(queries)
    expected, lengths = slow_nearest(rows, queries)
    np.testing.assert_array_equal(numbers, expected)
    np.testing.assert_allclose(distances, lengths, rtol=1e-12)


def test_far_from_zero_cancellation_does_not_choose_a_wrong_row():
    rng = np.random.default_rng(0)
    rows = (1000 + rng.normal(size=(500, 128)) * 1e-2).astype(np.float32)
    queries = (rows[::7] + rng.normal(size=(72, 128)) * 1e-3).astype(np.float32)
    index = Index(rows, CPU)
    naive = (torch.from_numpy(queries) @ index.rows.T - index.rows.square().sum(1) / 2).argmax(1)
    expected, _ = slow_nearest(rows, queries)
    assert (naive.numpy() != expected).any()  # the case is as hard as it is meant to be
    np.testing.assert_array_equal(index.nearest(queries)[0], expected)


def test_the_first_of_equal_rows_wins():
    rows = np.zeros((3, 4), np.float32)
    numbers, distances = Index(rows, CPU).nearest(np.full((2, 4), 2, np.float32))
    assert numbers.tolist() == [0, 0]
    assert distances.tolist() == [4.0, 4.0]


def test_chunks_do_not_change_the_answer(monkeypatch):
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(2, 50, 8)).astype(np.float32)
    expected = Index(rows, CPU).nearest(queries)
    monkeypatch.setattr(gallery_search, "_SCORES_AT_ONCE", 120)  # two queries at a time
    for got, want in zip(Index(rows, CPU).nearest(queries), expected, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="needs an accelerator")
def test_an_accelerator_gives_the_same_answer():
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(2, 500, 128)).astype(np.float32)
    device = torch.accelerator.current_accelerator()
    for got, want in zip(
        Index(rows, device).nearest(queries), Index(rows, CPU).nearest(queries), strict=True
    ):
        np.testing.assert_array_equal(got, want)


def test_an_empty_index_refuses():
    with pytest.raises(ValueError, match="empty"):
        Index(np.empty((0, 4), np.float32), CPU).nearest(np.zeros((1, 4), np.float32))
