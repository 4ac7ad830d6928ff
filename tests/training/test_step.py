import math

import pytest
import torch

from companion.training.step import LossSum, NonFiniteLossError

CPU = torch.device("cpu")


def test_the_mean_weighs_every_sample_alike():
    losses = LossSum(epoch=1)
    values = [(0.5, 64)] * 130 + [(3.0, 1)]
    for value, samples in values:
        losses.add(torch.tensor(value), samples)
    expected = sum(v * n for v, n in values) / sum(n for _, n in values)
    assert losses.mean(CPU) == pytest.approx(expected)


def test_the_first_loss_that_is_not_finite_is_named_though_losses_are_read_late():
    losses = LossSum(epoch=7)
    added = []

    def epoch():
        for step in range(1, 1000):
            added.append(step)
            losses.add(torch.tensor({100: math.inf, 101: math.nan}.get(step, 1.0)), 1)

    with pytest.raises(NonFiniteLossError, match="inf in epoch 7, step 100;") as caught:
        epoch()
    assert caught.value.step == 100
    assert len(added) <= 100 + LossSum.EVERY


def test_a_late_one_is_found_at_the_end_of_the_epoch():
    losses = LossSum(epoch=2)
    losses.add(torch.tensor(1.0), 4)
    losses.add(torch.tensor(-math.inf), 4)
    with pytest.raises(NonFiniteLossError, match="-inf in epoch 2, step 2;"):
        losses.mean(CPU)


def test_an_epoch_without_batches_is_an_error():
    with pytest.raises(ValueError, match="no batches in epoch 3"):
        LossSum(epoch=3).mean(CPU)


def test_a_loss_must_be_one_number():
    losses = LossSum(epoch=1)
    losses.add(torch.ones(3), 3)
    with pytest.raises(RuntimeError, match="shape"):
        losses.mean(CPU)
