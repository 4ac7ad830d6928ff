import numpy as np
import pytest
import torch
from scipy.stats import beta

from companion.tasks.diagnosis import (
    Outcome,
    Rules,
    choose_threshold,
    measure,
    rate,
    triage,
)


@pytest.fixture
def cases():
    """400 pictures, ill ones with higher probabilities, in steps so that some are equal."""
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 2, 400)
    probs = 1 / (1 + np.exp(-generator.normal(4 * targets - 2, 1.5)))
    return probs.round(2), targets


def test_intervals_are_clopper_and_pearsons():
    found = rate(97, 100, confidence=0.9)
    assert found.value == 0.97
    assert found.low == pytest.approx(beta.ppf(0.05, 97, 4))
    assert found.high == pytest.approx(beta.ppf(0.95, 98, 3))
    assert rate(0, 7).low == 0
    assert rate(7, 7).high == 1


def test_intervals_hold_the_true_share_as_often_as_they_promise():
    counts = np.random.default_rng(0).binomial(200, 0.97, 2000)
    by_count = {count: rate(int(count), 200) for count in set(counts.tolist())}
    held = np.mean([by_count[c].low <= 0.97 <= by_count[c].high for c in counts.tolist()])
    assert held >= 0.95


def test_measure_counts_as_a_loop_does(cases):
    probs, targets = cases
    point = measure(probs, targets, 0.4)
    caught = sum(p >= 0.4 for p, t in zip(probs, targets, strict=True) if t)
    spared = sum(p < 0.4 for p, t in zip(probs, targets, strict=True) if not t)
    assert (point.sensitivity.hits, point.specificity.hits) == (caught, spared)
    assert (point.sensitivity.trials, point.specificity.trials) == (
        targets.sum(),
        (targets == 0).sum(),
    )
    same = measure(torch.tensor(probs), torch.tensor(targets).bool(), 0.4)
    assert same.sensitivity == point.sensitivity


@pytest.mark.parametrize("sensitivity", [0.5, 0.9, 0.99, 1.0])
def test_the_threshold_is_the_highest_that_does(cases, sensitivity):
    probs, targets = cases
    point = choose_threshold(probs, targets, sensitivity=sensitivity)
    assert point.sensitivity.value >= sensitivity
    higher = np.unique(probs[probs > point.threshold])
    if len(higher):
        assert measure(probs, targets, higher[0]).sensitivity.value < sensitivity


def test_an_assured_sensitivity_holds_with_its_interval_and_costs_specificity(cases):
    probs, targets = cases
    plain = choose_threshold(probs, targets, sensitivity=0.9)
    assured = choose_threshold(probs, targets, sensitivity=0.9, assured=True)
    assert assured.sensitivity.low >= 0.9 > plain.sensitivity.low
    assert assured.threshold < plain.threshold
    assert assured.specificity.value < plain.specificity.value


def test_few_pictures_cannot_assure_much(cases):
    probs, targets = cases
    with pytest.raises(ValueError, match=r"ill pictures cannot assure a sensitivity of 0.99: .*"):
        choose_threshold(probs, targets, sensitivity=0.99, assured=True)
    many = np.tile(probs, 10), np.tile(targets, 10)
    assert choose_threshold(*many, sensitivity=0.99, assured=True).sensitivity.low >= 0.99


def test_shares_and_costs_at_a_prevalence_are_those_of_a_sample_with_it(cases):
    probs, targets = cases
    point = measure(probs, targets, 0.3)
    own = targets.mean()
    called = probs >= 0.3
    assert point.called(own) == pytest.approx(called.mean())
    missed = (~called & (targets == 1)).mean()
    alarms = (called & (targets == 0)).mean()
    assert point.cost(own, miss=20) == pytest.approx(20 * missed + alarms)
    assert point.cost(own, miss=0, alarm=0) == 0
    assert point.called(0) == pytest.approx(1 - point.specificity.value)


def test_triage_follows_its_rules_at_the_borders():
    rules = Rules(0.2, 0.8)
    probs = np.array([0, 0.19, 0.2, 0.5, 0.8, 1], np.float32)
    rules_32 = Rules(float(np.float32(0.2)), float(np.float32(0.8)))
    wanted = [Outcome.ROUTINE] * 2 + [Outcome.REVIEW] * 2 + [Outcome.URGENT] * 2
    assert triage(probs, rules_32).tolist() == wanted
    accepted = np.array([True, False, True, True, False, True])
    found = triage(torch.tensor(probs), rules_32, accepted=accepted)
    assert (found == Outcome.REFUSED).tolist() == (~accepted).tolist()
    assert triage(np.empty(0), rules).shape == (0,)


def test_a_threshold_chosen_on_single_precision_calls_its_own_picture_ill(cases):
    probs = torch.tensor(cases[0]).float()
    point = choose_threshold(probs, torch.tensor(cases[1]), sensitivity=0.95)
    outcomes = triage(probs, Rules(point.threshold, 1.0))
    ill = cases[1] == 1
    assert (outcomes[ill] >= Outcome.REVIEW).sum() == point.sensitivity.hits


def test_bad_input_says_what_is_needed(cases):
    probs, targets = cases
    with pytest.raises(ValueError, match="both classes, got only 1 for all 400"):
        choose_threshold(probs, np.ones(400, int), sensitivity=0.9)
    with pytest.raises(ValueError, match="both classes, got only 0"):
        measure(probs, np.zeros(400, int), 0.5)
    with pytest.raises(ValueError, match=r"probabilities lie in \[0, 1\], got 0 to 1.4"):
        choose_threshold(np.append(probs[:-1], 1.4), targets, sensitivity=0.9)
    with pytest.raises(ValueError, match="2 of 3 probabilities are NaN"):
        triage(np.array([np.nan, 0.5, np.nan]), Rules(0.1, 0.9))
    with pytest.raises(ValueError, match="there are no probabilities: the input is empty"):
        choose_threshold(np.empty(0), np.empty(0, int), sensitivity=0.9)
    with pytest.raises(ValueError, match=r"400 pictures need as many targets of 0 and 1, .*\(3,\)"):
        measure(probs, targets[:3], 0.5)
    with pytest.raises(ValueError, match=r"values \[0, 2\]"):
        measure(probs, 2 * targets, 0.5)
    with pytest.raises(ValueError, match="take the column of the illness"):
        measure(np.full((4, 2), 0.5), np.ones(4), 0.5)
    for sensitivity in (0, 1.01, float("nan")):
        with pytest.raises(ValueError, match=r"a sensitivity is a share in \(0, 1\]"):
            choose_threshold(probs, targets, sensitivity=sensitivity)
    for bad in ((0.5, 0.4), (-0.1, 0.5), (0.5, 1.1), (float("nan"), 0.5)):
        with pytest.raises(ValueError, match="rules need 0 <= review_from <= urgent_from <= 1"):
            Rules(*bad)
    with pytest.raises(ValueError, match=r"need as many bool in `accepted`, got int64"):
        triage(probs, Rules(0.1, 0.9), accepted=targets)
    for hits, trials in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="0 <= hits <= trials"):
            rate(hits, trials)
    with pytest.raises(ValueError, match="confidence lies between 0 and 1, got 95"):
        rate(1, 2, confidence=95)
    point = measure(probs, targets, 0.5)
    with pytest.raises(ValueError, match=r"a prevalence is a share in \[0, 1\], got 5"):
        point.called(5)
    with pytest.raises(ValueError, match="costs start at 0, got -1"):
        point.cost(0.1, miss=-1)
