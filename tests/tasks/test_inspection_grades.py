import itertools

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score

from companion.tasks.inspection_grades import expected_grade, fit_grades


@pytest.fixture(scope="module")
def parts():
    """Parts whose hidden quality decides the grade: features, quality, grades."""
    generator = np.random.default_rng(0)
    features = torch.tensor(generator.normal(size=(600, 5)) * (1, 5, 0.1, 1, 1) + 3)
    quality = features @ torch.tensor([1.0, 0.3, -4.0, 0, 0], dtype=torch.float64)
    quality = quality + torch.tensor(generator.logistic(size=600)) * 0.3
    grades = torch.bucketize(quality, quality.quantile(torch.tensor([0.6, 0.75, 0.8]).double()))
    return features, quality, grades


def test_two_grades_are_scikit_learns_logistic_regression(parts):
    features, _, grades = parts
    bad = (grades >= 2).long()
    fitted = fit_grades(features, bad, classes=2, decay=0.02)
    scaled = ((features - features.mean(0)) / features.std(0, correction=0)).numpy()
    peer = LogisticRegression(C=1 / (600 * 0.02), tol=1e-10, max_iter=10_000).fit(scaled, bad)
    np.testing.assert_allclose(fitted.weights, peer.coef_[0], atol=1e-5)
    np.testing.assert_allclose(fitted.cuts, -peer.intercept_, atol=1e-5)
    np.testing.assert_allclose(fitted.probs(features), peer.predict_proba(scaled), atol=1e-5)


def test_no_other_weights_or_cuts_are_better(parts):
    features, _, grades = parts
    fitted = fit_grades(features, grades, classes=4, decay=0.05)
    inputs = (features - fitted.mean) / fitted.scale

    def slow_loss(weights, cuts):
        logits = inputs @ weights
        reached = (
            [torch.ones(600)] + [(logits - cut).sigmoid() for cut in cuts] + [torch.zeros(600)]
        )
        likely = torch.stack([a - b for a, b in itertools.pairwise(reached)], dim=1)
        return -likely[torch.arange(600), grades].log().mean() + 0.025 * weights @ weights

    best = slow_loss(fitted.weights, fitted.cuts)
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        change = 0.05 * torch.randn(8, generator=generator, dtype=torch.float64)
        assert slow_loss(fitted.weights + change[:5], fitted.cuts + change[5:]) > best


def test_probabilities_sum_to_one_and_follow_the_quality(parts):
    features, quality, grades = parts
    fitted = fit_grades(features, grades, classes=4)
    probs = fitted.probs(features)
    assert probs.shape == (600, 4)
    assert (probs >= 0).all()
    torch.testing.assert_close(probs.sum(dim=1), torch.ones(600).double())
    torch.testing.assert_close(probs[:, 2:].sum(dim=1), fitted.at_least(features)[:, 1])
    assert np.corrcoef(fitted.scores(features), quality)[0, 1] > 0.9
    assert (fitted.cuts.diff() > 0).all()
    shares = grades.bincount() / 600
    torch.testing.assert_close(probs.mean(dim=0), shares.double(), atol=0.02, rtol=0)


def test_the_rounded_expectation_is_the_better_guess_by_squared_error(parts):
    features, _, grades = parts
    probs = fit_grades(features, grades, classes=4).probs(features)
    guess = expected_grade(probs).round().long()
    every = torch.arange(4)
    risk = (probs[:, :, None] * (every[:, None] - every) ** 2).sum(dim=1)
    assert (guess == risk.argmin(dim=1)).all()
    assert cohen_kappa_score(grades, guess, weights="quadratic") > 0.7


def test_the_order_of_rows_and_the_units_of_features_do_not_matter(parts):
    features, _, grades = parts
    one = fit_grades(features, grades, classes=4).probs(features)
    order = torch.randperm(600, generator=torch.Generator().manual_seed(1))
    units = torch.tensor([1, 1000, 0.01, 1, 1]).double()
    other = fit_grades((features * units)[order], grades[order], classes=4).probs(features * units)
    torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


def test_a_constant_feature_and_separated_grades_do_no_harm():
    features = torch.stack([torch.arange(30.0), torch.ones(30)], dim=1)
    fitted = fit_grades(features, torch.arange(30) // 10, classes=3)
    assert fitted.weights.isfinite().all()
    assert fitted.weights[1].abs() < 1e-9
    assert (expected_grade(fitted.probs(features)).round() == torch.arange(30) // 10).sum() >= 26


def test_what_does_not_fit(parts):
    features, _, grades = parts
    fitted = fit_grades(features, grades, classes=4)
    with pytest.raises(ValueError, match="features must be N x 5"):
        fitted.probs(features[:, :4])
    with pytest.raises(ValueError, match="N x D and grades N"):
        fit_grades(features, grades[:5], classes=4)
    with pytest.raises(ValueError, match="N x D and grades N"):
        fit_grades(features[:0], grades[:0], classes=4)
    with pytest.raises(
        ValueError, match=r"each of the grades 0 to 4 must occur, got \[0, 1, 2, 3\]"
    ):
        fit_grades(features, grades, classes=5)
    with pytest.raises(ValueError, match="grades 0 to 2 must occur"):
        fit_grades(features, grades, classes=3)
    with pytest.raises(ValueError, match="decay lies above 0"):
        fit_grades(features, grades, classes=4, decay=0)
    with pytest.raises(ValueError, match="finite"):
        fit_grades(features / 0, grades, classes=4)
    with pytest.raises(ValueError, match="sum to 1"):
        expected_grade(torch.ones(3, 4))
    with pytest.raises(ValueError, match="N x K from 0 on"):
        expected_grade(torch.tensor([[1.5, -0.5]]))
