import numpy as np
import pytest
import torch
from torch.nn import functional

from companion.tasks.diagnosis_calibration import (
    HIGHEST,
    Temperature,
    calibration_error,
    fit_temperature,
)


def patients(count, seed, sure=1.0):
    """Logits that are `sure` times the true log odds, and what happened."""
    generator = np.random.default_rng(seed)
    true = generator.normal(0, 2, count)
    targets = generator.random(count) < 1 / (1 + np.exp(-true))
    return torch.tensor(true * sure), torch.tensor(targets.astype(int))


@pytest.mark.parametrize("sure", [0.3, 1.0, 4.0])
def test_finds_how_much_too_sure_a_model_is_and_mends_it(sure):
    temperature = fit_temperature(*patients(20_000, 0, sure))
    assert temperature.value == pytest.approx(sure, rel=0.05)
    logits, targets = patients(20_000, 1, sure)
    assert calibration_error(temperature.probs(logits), targets) < 0.02
    if sure == 4:
        assert calibration_error(logits.sigmoid(), targets) > 0.08
        assert temperature.loss_after < temperature.loss_before - 0.1


def test_is_the_best_of_a_fine_grid_for_two_and_for_several_classes():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(400, 3, generator=generator)
    targets = (logits / 3).softmax(1).multinomial(1, generator=generator)[:, 0]
    found = fit_temperature(logits, targets)
    grid = np.exp(np.linspace(-1, 3, 4001))
    losses = [functional.cross_entropy(logits.double() / t, targets).item() for t in grid]
    assert found.value == pytest.approx(grid[int(np.argmin(losses))], rel=2e-3)
    assert found.loss_after <= min(losses) + 1e-9
    pair = torch.stack([torch.zeros(400), logits[:, 0]], dim=1)
    two = (targets == 0).long()
    assert fit_temperature(pair, two).value == pytest.approx(
        fit_temperature(logits[:, 0], two).value, rel=1e-4
    )


def test_keeps_the_order_and_the_sum_of_probabilities():
    logits = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    probs = Temperature(2.5).probs(logits)
    torch.testing.assert_close(probs.sum(1), torch.ones(50))
    assert (probs.argsort(1) == logits.argsort(1)).all()
    assert Temperature(2.5).probs(torch.empty(0)).shape == (0,)


def test_logits_that_say_nothing_get_the_highest_temperature():
    logits = torch.tensor([5.0, -5.0, 5.0, -5.0])  # right as often as wrong
    found = fit_temperature(logits, torch.tensor([1, 1, 0, 0]))
    assert found.value > 0.9 * HIGHEST
    assert found.probs(logits) == pytest.approx([0.5] * 4, abs=0.02)


def test_calibration_error_equals_a_loop_over_bins():
    generator = np.random.default_rng(0)
    probs, targets = generator.random(500).astype(np.float32), generator.integers(0, 2, 500)
    wanted = 0.0
    for low in np.arange(10) / 10:
        inside = (probs >= low) & (probs < low + 0.1)
        if inside.any():
            wanted += abs(probs[inside].mean() - targets[inside].mean()) * inside.mean()
    assert calibration_error(probs, targets) == pytest.approx(wanted, abs=1e-5)


def test_calibration_error_of_several_classes_asks_about_the_largest():
    probs = torch.tensor([[0.8, 0.1, 0.1]] * 5)
    assert calibration_error(probs, torch.tensor([0, 0, 0, 0, 1])) == pytest.approx(0, abs=1e-6)
    assert calibration_error(probs, torch.tensor([1, 1, 1, 1, 1])) == pytest.approx(0.8)


def test_bad_input_says_what_is_needed():
    logits, targets = torch.tensor([1.0, -1.0, 2.0]), torch.tensor([1, 0, 0])
    with pytest.raises(ValueError, match="at least two classes, got only class 1"):
        fit_temperature(logits, torch.ones(3, dtype=torch.long))
    with pytest.raises(ValueError, match="there are no logits: the input is empty"):
        fit_temperature(torch.empty(0), torch.empty(0, dtype=torch.long))
    with pytest.raises(ValueError, match="separated without an error"):
        fit_temperature(logits, torch.tensor([1, 0, 1]))
    with pytest.raises(ValueError, match=r"3 pictures need as many integer classes, got .*\(2,\)"):
        fit_temperature(logits, targets[:2])
    with pytest.raises(ValueError, match=r"as many integer classes, got torch\.float32"):
        fit_temperature(logits, targets.float())
    with pytest.raises(ValueError, match="classes lie between 0 and 1, got 0 to 2"):
        fit_temperature(logits, 2 * targets)
    with pytest.raises(ValueError, match="1 of 3 logits are NaN"):
        fit_temperature(torch.tensor([1.0, float("nan"), 2.0]), targets)
    with pytest.raises(ValueError, match=r"N x K with K at least 2, got \(3, 1\)"):
        fit_temperature(logits[:, None], targets)
    with pytest.raises(ValueError, match=r"probabilities lie in \[0, 1\], got -1 to 2"):
        calibration_error(logits, targets)
    with pytest.raises(ValueError, match="there are no probabilities"):
        calibration_error(torch.empty(0), torch.empty(0, dtype=torch.long))
    with pytest.raises(ValueError, match="bins start at 1, got 0"):
        calibration_error(logits.sigmoid(), targets, bins=0)
    for value in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="positive and finite"):
            Temperature(value)
