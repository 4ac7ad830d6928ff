"""Training with differential privacy: the step, the account, what it refuses, that it learns."""

import copy
import math

import numpy as np
import pytest
import torch
from opacus.accountants import PRVAccountant
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from companion.data.digits import load_digits
from companion.models import lenet, mlp
from companion.seeding import torch_generator
from companion.tasks.privacy_training import PoissonBatches, make_private
from companion.training import fit, predict

SETTINGS = {"epsilon": 3.0, "delta": 1e-4, "batch_size": 100, "epochs": 5}


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def learn(training, epochs):
    fit(
        *(training.model, training.batches),
        optimizer=training.optimizer,
        step=training.step,
        epochs=epochs,
        device="cpu",
        generator=torch_generator(0),
    )


def private(network, digits, **settings):
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    data = digits.train_images, digits.train_labels
    return make_private(network, optimizer, *data, **(SETTINGS | settings))


def per_sample_gradients(network, inputs, targets):
    """Each sample's gradient by torch.func: name to (N, *shape)."""

    def loss(weights, one, target):
        return cross_entropy(functional_call(network, weights, one[None]), target[None])

    weights = {name: weight.detach() for name, weight in network.named_parameters()}
    return vmap(grad(loss), in_dims=(None, 0, 0))(weights, inputs, targets)


@pytest.mark.parametrize("build", [lambda: mlp(hidden=(16,)), lambda: lenet(widths=(4, 8))])
def test_one_step_is_clip_sum_noise_and_mean(digits, build):
    """Against the algorithm written with torch.func, in float64."""
    torch.manual_seed(0)
    network = build().double()
    reference = copy.deepcopy(network)
    training = private(network, digits, clip=0.5)
    inputs, targets = digits.train_images[:40].double(), digits.train_labels[:40]
    loss, _, _ = training.step(training.model, (inputs.clone(), targets))
    training.optimizer.zero_grad()
    loss.backward()
    torch.manual_seed(1)
    training.optimizer.step()

    gradients = per_sample_gradients(reference, inputs, targets)
    lengths = torch.stack([g.flatten(1).norm(dim=1) for g in gradients.values()]).norm(dim=0)
    assert (lengths > 0.5).any()
    factors = (0.5 / lengths).clamp(max=1)
    torch.manual_seed(1)
    for name, weight in reference.named_parameters():
        total = torch.einsum("n,n...->...", factors, gradients[name])
        noise = torch.normal(0.0, training.noise_multiplier * 0.5, total.shape, dtype=total.dtype)
        weight.data -= 0.5 * (total + noise) / SETTINGS["batch_size"]
    finished = training.finish()
    assert finished is network
    for mine, theirs in zip(finished.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


def test_one_sample_moves_the_sum_by_no_more_than_the_clip(digits):
    torch.manual_seed(0)
    network = mlp(hidden=(16,))
    training = private(network, digits, clip=0.3)

    def summed(inputs, targets):
        loss, _, _ = training.step(training.model, (inputs.clone(), targets))
        training.optimizer.zero_grad()
        loss.backward()
        training.optimizer.clip_and_accumulate()
        sums = torch.cat([weight.summed_grad.flatten() for weight in network.parameters()])
        training.optimizer.zero_grad()
        return sums

    inputs, targets = digits.train_images[:30] * 100, digits.train_labels[:30]  # huge gradients
    all_but_one = summed(inputs[1:], targets[1:])
    assert (summed(inputs, targets) - all_but_one).norm() <= 0.3 + 1e-4


def test_the_account_is_what_was_asked_for_and_no_lower_than_a_sharper_one(digits):
    training = private(mlp(), digits)
    assert training.epsilon() == 0
    learn(training, epochs=5)
    spent = training.epsilon()
    assert 0.98 * 3 <= spent <= 3
    sharper = PRVAccountant()
    sharper.history = training._accountant.history
    assert 0.7 * spent < sharper.get_epsilon(delta=1e-4) <= spent
    assert training._accountant.history[0][2] == 5 * len(training.batches)


def test_less_budget_is_more_noise(digits):
    noises = [private(mlp(), digits, epsilon=eps).noise_multiplier for eps in (0.05, 0.5, 2, 8, 50)]
    assert noises == sorted(noises, reverse=True)
    assert noises[0] > 10 * noises[2]


def test_it_learns_and_less_with_less_budget(digits):
    scores = {}
    for epsilon in (0.1, 8.0):
        torch.manual_seed(0)
        network = mlp(hidden=(32,))
        training = private(network, digits, epsilon=epsilon, epochs=20)
        learn(training, epochs=20)
        answers = predict(training.finish(), digits.test_images).argmax(1)
        scores[epsilon] = (answers == digits.test_labels).float().mean().item()
    assert scores[8.0] > 0.75
    assert scores[0.1] < scores[8.0] - 0.2


def test_the_same_seed_gives_the_same_weights_and_another_does_not(digits):
    def train(seed):
        torch.manual_seed(0)
        training = private(mlp(hidden=(8,)), digits)
        fit(
            *(training.model, training.batches),
            optimizer=training.optimizer,
            step=training.step,
            epochs=1,
            device="cpu",
            generator=torch_generator(seed),
        )
        return torch.cat([weight.flatten() for weight in training.finish().parameters()])

    assert torch.equal(train(1), train(1))
    assert not torch.equal(train(1), train(2))


def test_a_finished_network_is_an_ordinary_one(digits):
    network = mlp(hidden=(8,))
    training = private(network, digits)
    loss, _, _ = training.step(
        training.model, (digits.train_images[:5].clone(), digits.train_labels[:5])
    )
    loss.backward()
    training.finish()
    assert not any(hasattr(weight, "grad_sample") for weight in network.parameters())
    network.zero_grad()
    cross_entropy(network(digits.train_images[:5]), digits.train_labels[:5]).backward()
    private(network, digits)  # and can be made private again


def test_an_empty_batch_is_a_step_of_noise(digits):
    network = lenet(widths=(4,))
    before = [weight.clone() for weight in network.parameters()]
    training = private(network, digits)
    loss, outputs, _ = training.step(
        training.model, (digits.train_images[:0].clone(), digits.train_labels[:0])
    )
    assert loss.item() == 0
    assert outputs.shape == (0, 10)
    training.optimizer.zero_grad()
    loss.backward()
    training.optimizer.step()
    for weight, old in zip(network.parameters(), before, strict=True):
        assert torch.isfinite(weight).all()
        assert not torch.equal(weight, old)


def test_poisson_batches_are_independent_draws():
    torch.manual_seed(0)
    batches = PoissonBatches(torch.arange(200), torch.arange(200), batch_size=20)
    assert len(batches) == 10
    drawn = [inputs for _ in range(50) for inputs, _ in batches]
    sizes = np.array([len(rows) for rows in drawn])
    assert len(drawn) == 500
    assert abs(sizes.mean() - 20) < 1
    assert abs(sizes.var() - 200 * 0.1 * 0.9) < 4  # binomial
    counts = torch.bincount(torch.cat(drawn), minlength=200)
    assert (counts - 50).abs().max() < 5 * math.sqrt(500 * 0.1 * 0.9)
    moved = batches.to("cpu")
    assert (moved.rate, len(moved)) == (batches.rate, 10)
    for inputs, targets in moved:
        assert torch.equal(inputs, targets)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epsilon": 0}, "at least 0.05, got 0: at 0 the model may not depend on the data"),
        ({"epsilon": -1.0}, "at least 0.05, got -1"),
        ({"epsilon": math.nan}, "at least 0.05, got nan"),
        ({"epsilon": math.inf}, "at least 0.05, got inf"),
        ({"delta": 0.0}, "between 0 and 1 / 1198 samples, got 0.0"),
        ({"delta": 0.01}, "would allow to publish a whole sample"),
        ({"clip": 0.0}, "longest gradient, above 0"),
        ({"epochs": 0}, "epochs start at 1"),
        ({"batch_size": 0}, "1 to 1198, got 0"),
        ({"batch_size": 1199}, "1 to 1198"),
    ],
)
def test_refuses_senseless_settings_and_leaves_the_model_alone(digits, settings, message):
    network = mlp(hidden=(8,))
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match=message):
        private(network, digits, **settings)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(hasattr(weight, "grad_sample") for weight in network.parameters())


def test_refuses_layers_that_mix_samples(digits):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 10))
    with pytest.raises(ValueError, match="GroupNorm"):
        private(network, digits)


def test_refuses_unequal_rows():
    with pytest.raises(ValueError, match="got 3 and 2"):
        PoissonBatches(torch.zeros(3, 1), torch.zeros(2), batch_size=1)
