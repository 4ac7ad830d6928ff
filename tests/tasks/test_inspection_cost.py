import numpy as np
import pytest
import torch
from sklearn.metrics import roc_curve

from companion.tasks.inspection_cost import cost_curve


@pytest.fixture(scope="module")
def parts():
    """Calibrated probabilities, some of them equal, and whether the part is bad."""
    generator = np.random.default_rng(0)
    probs = generator.uniform(size=20_000).round(3)
    return probs, (generator.uniform(size=20_000) < probs).astype(int)


def test_the_curve_is_what_counting_says(parts):
    scores, bad = parts[0][:300].round(1), parts[1][:300]
    curve = cost_curve(scores, bad, scrap=2, ship=30)
    assert len(curve.thresholds) == len(set(scores)) + 1
    for threshold, cost in zip(curve.thresholds, curve.costs, strict=True):
        called = scores >= threshold
        total = 2 * (called & (bad == 0)).sum() + 30 * (~called & (bad == 1)).sum()
        assert cost == pytest.approx(total / 300)
    assert curve.costs[0] == pytest.approx(2 * (bad == 0).mean())  # everything is scrapped
    assert curve.costs[-1] == pytest.approx(30 * (bad == 1).mean())  # everything is shipped


def test_shares_are_those_of_the_roc_curve(parts):
    curve = cost_curve(*parts, scrap=1, ship=1)
    false_rate, true_rate, thresholds = roc_curve(parts[1], parts[0], drop_intermediate=False)
    np.testing.assert_allclose(curve.thresholds, thresholds[::-1])
    np.testing.assert_allclose(curve.scrapped, false_rate[::-1], atol=1e-12)
    np.testing.assert_allclose(curve.shipped, 1 - true_rate[::-1], atol=1e-12)


@pytest.mark.parametrize("ship", [1, 4, 9, 49])
def test_with_true_probabilities_the_cheapest_threshold_is_that_of_theory(parts, ship):
    curve = cost_curve(*parts, scrap=1, ship=ship)
    assert curve.cheapest == pytest.approx(1 / (1 + ship), abs=0.06)
    assert curve.at(1 / (1 + ship)) == pytest.approx(curve.at(curve.cheapest), rel=0.02)


def test_rare_bad_parts_raise_the_threshold(parts):
    often, rarely = (cost_curve(*parts, scrap=1, ship=20, bad_share=share) for share in (0.5, 0.01))
    assert rarely.cheapest > often.cheapest + 0.3
    np.testing.assert_array_equal(often.scrapped, rarely.scrapped)
    never = cost_curve(*parts, scrap=1, ship=20, bad_share=0.0)
    assert never.cheapest == np.inf
    assert never.at(np.inf) == 0


def test_between_listed_thresholds_the_next_higher_counts():
    curve = cost_curve(torch.tensor([0.2, 0.6]), torch.tensor([False, True]), scrap=1, ship=1)
    np.testing.assert_allclose(curve.thresholds, [0.2, 0.6, np.inf], rtol=1e-6)
    assert [curve.at(t) for t in (0.0, 0.3, 0.5, 0.7)] == [0.5, 0, 0, 0.5]
    with pytest.raises(ValueError, match="NaN"):
        curve.at(np.nan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": [0.1, np.nan]}, "scores finite"),
        ({"scores": [0.1]}, "N each"),
        ({"bad": [1, 1]}, r"both good \(0\) and bad \(1\) parts are needed, got \[1\]"),
        ({"bad": [0, 2]}, "both good"),
        ({"scrap": -1}, "costs start at 0"),
        ({"ship": np.inf}, "costs start at 0 and are finite"),
        ({"bad_share": 1.2}, r"share in \[0, 1\]"),
        ({"bad_share": np.nan}, r"share in \[0, 1\]"),
    ],
)
def test_what_does_not_fit(change, message):
    given = {"scores": [0.1, 0.9], "bad": [0, 1], "scrap": 1, "ship": 1} | change
    scores, bad = np.array(given.pop("scores")), np.array(given.pop("bad"))
    with pytest.raises(ValueError, match=message):
        cost_curve(scores, bad, **given)
