import pytest
import torch
from torch import nn

from companion.models import count_operations, count_weights, lenet, rnn


def test_counts_shared_weights_once_and_frozen_ones_if_wished():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    model[0].bias.requires_grad_(False)
    assert count_weights(model) == 16 + 4 + 4
    assert count_weights(model, trainable_only=True) == 16 + 4


def test_counts_a_convolution_as_the_formula_does():
    convolution = nn.Conv2d(3, 5, 3, stride=2, padding=1)
    positions = 4 * 5
    assert count_operations(convolution, torch.zeros(2, 3, 8, 10)) == (
        2 * 2 * positions * 5 * 3 * 9
    )


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_sees_into_fused_recurrent_kernels(cell, gates):
    model = rnn(8, 10, cell=cell, hidden=64)
    rows = 8 * gates * 2 * (8 * 64 + 64 * 64)
    assert count_operations(model, torch.zeros(1, 1, 8, 8)) == rows + 2 * 64 * 10


def test_leaves_model_and_libraries_as_they_were():
    model = lenet().train()
    model.pool.eval()
    before = torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled
    count_operations(model, torch.zeros(1, 1, 8, 8))
    assert model.training
    assert not model.pool.training
    assert (torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled) == before


@pytest.mark.parametrize("view", [nn.Flatten(), nn.Unflatten(1, (1, 1)), nn.Identity()])
def test_inputs_that_require_a_gradient_count_alike_whatever_comes_first(view):
    model = nn.Sequential(view, nn.Flatten(), nn.Linear(64, 10))
    images = torch.zeros(1, 1, 8, 8, requires_grad=True)
    assert count_operations(model, images) == count_operations(model, images.detach()) == 2 * 640
    assert count_operations(view, images) == 0
    assert images.requires_grad
