"""The attack by loss against counting by hand, and the curve that no attack crosses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.tasks.privacy_membership import attack_by_loss, highest_true_rate

losses = st.lists(st.floats(0, 4).map(lambda loss: round(loss, 1)), min_size=1, max_size=30)


@given(losses, losses)
def test_agrees_with_counting(members, others):
    attack = attack_by_loss(members, others)
    pairs = np.subtract.outer(others, members)
    assert attack.area == pytest.approx(((pairs > 0) + (pairs == 0) / 2).mean())
    gains = {
        limit: np.mean(np.array(members) <= limit) - np.mean(np.array(others) <= limit)
        for limit in {*members, *others}
    }
    assert attack.advantage == pytest.approx(max(0, *gains.values()))
    if attack.advantage > 0:
        assert gains[attack.threshold] == pytest.approx(attack.advantage)
    few = [limit for limit in gains if np.mean(np.array(others) <= limit) <= 0.01]
    assert attack.sure == pytest.approx(max([0, *(np.mean(members <= np.array(x)) for x in few)]))


def test_tells_memory_from_none():
    rng = np.random.default_rng(0)
    same = attack_by_loss(rng.exponential(size=4000), rng.exponential(size=4000))
    assert abs(same.area - 0.5) < 0.03
    assert same.advantage < 0.05
    heart = attack_by_loss(rng.exponential(0.01, size=500), 1 + rng.exponential(size=500))
    assert heart.area == heart.advantage == heart.sure == 1


def test_an_infinite_loss_is_a_large_one():
    assert attack_by_loss([0.1], [np.inf]).area == 1
    assert attack_by_loss([np.inf], [0.1]).area == 0


@pytest.mark.parametrize(
    ("members", "others", "message"),
    [
        ([], [1.0], "members must be one row"),
        ([1.0], [[1.0]], r"others must be one row of losses, got shape \(1, 1\)"),
        ([1.0, np.nan], [1.0], "members hold a loss that is NaN"),
    ],
)
def test_refuses_what_are_no_losses(members, others, message):
    with pytest.raises(ValueError, match=message):
        attack_by_loss(members, others)


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0, 20.0])
def test_the_best_mechanism_touches_the_curve_and_none_crosses_it(epsilon):
    """Randomised response with e^epsilon : 1 is the worst that (epsilon, 0) allows."""
    truth, lie = 1 / (1 + np.exp(-epsilon)), 1 / (1 + np.exp(epsilon))
    assert highest_true_rate(lie, epsilon) == pytest.approx(truth)
    grid = np.linspace(0, 1, 101)
    curve = highest_true_rate(grid, epsilon)
    assert (np.diff(curve) >= 0).all()
    assert (curve >= grid - 1e-12).all()
    if epsilon == 0:
        np.testing.assert_allclose(curve, grid)


def test_the_noise_of_a_gaussian_stays_below_the_curve():
    """A numerical check with another mechanism: one number, sensitivity 1, sigma 2."""
    from scipy.stats import norm

    sigma, epsilon = 2.0, 1.0
    delta = norm.cdf(0.5 / sigma - epsilon * sigma) - np.exp(epsilon) * norm.cdf(
        -0.5 / sigma - epsilon * sigma
    )  # Balle and Wang, 2018, theorem 8: exact for the Gaussian
    limits = np.linspace(-9, 10, 400)
    false_rate, true_rate = norm.sf(limits / sigma), norm.sf((limits - 1) / sigma)
    bound = highest_true_rate(false_rate, epsilon, delta)
    assert (true_rate <= bound + 1e-9).all()
    assert (bound - true_rate).min() < 1e-3  # and it is tight


def test_refuses_rates_and_budgets_out_of_range():
    for arguments in (([1.1], 1.0), ([0.5], -1.0), ([0.5], 1.0, 1.0), ([np.nan], 1.0)):
        with pytest.raises(ValueError, match=r"must lie in 0 to 1|starts at 0"):
            highest_true_rate(*arguments)
