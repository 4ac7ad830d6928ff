import math

import pytest
import torch
from torch import nn

from companion.training.stopping import BestWeights, EarlyStopping


def follow(rule, values):
    """The best weights after values, where in epoch n the weight is n."""
    model, best = nn.Linear(1, 1), BestWeights(rule)
    stopped = None
    for epoch, value in enumerate(values, 1):
        nn.init.constant_(model.weight, epoch)
        best.see(epoch, value, model)
        if stopped is None and best.exhausted(epoch):
            stopped = epoch
    best.restore(model)
    return stopped, best.epoch, model.weight.item()


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        (EarlyStopping(2), [3.0, 1.0, 2.0, 2.0, 0.5], (4, 5, 5.0)),
        (EarlyStopping(2, "f1", "max"), [0.1, 0.3, 0.2, 0.2], (4, 2, 2.0)),
        (EarlyStopping(1), [1.0, 1.0], (2, 1, 1.0)),  # a tie is no better
        (EarlyStopping(2, min_delta=0.5), [2.0, 1.8, 1.4, 1.3], (None, 3, 3.0)),
        (EarlyStopping(2), [2.0, math.nan, 1.0], (None, 3, 3.0)),
        (EarlyStopping(2), [math.nan, math.nan, math.nan], (2, 0, 3.0)),
        (EarlyStopping(9), [4.0, 3.0, 5.0], (None, 2, 2.0)),
    ],
)
def test_stops_and_keeps_the_best(rule, values, expected):
    assert follow(rule, values) == expected


def test_keeps_a_copy_that_training_does_not_touch():
    model, best = nn.BatchNorm1d(3), BestWeights(EarlyStopping())
    best.see(1, 1.0, model)
    model(torch.rand(8, 3) + 5)
    assert model.running_mean.abs().sum() > 0
    best.restore(model)
    assert model.running_mean.abs().sum() == 0
    assert model.num_batches_tracked == 0
