"""Distances between clouds of features, against closed forms, libraries and slow loops."""

import numpy as np
import pytest
import scipy.linalg
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance

from companion.seeding import torch_generator
from companion.tasks.generation_scores import census, frechet_distance, overlap


def cloud(count, size, seed=0, scale=1.0):
    return scale * torch.randn(count, size, generator=torch_generator(seed), dtype=torch.float64)


def exact_cloud(mean, covariance, count=200):
    """Samples with exactly this mean and covariance."""
    points = cloud(count, len(mean), seed=3)
    points = points - points.mean(dim=0)
    white = torch.linalg.inv(torch.linalg.cholesky(points.T.cov()))
    return points @ white.T @ torch.linalg.cholesky(covariance).T + mean


def test_the_distance_of_two_gaussians_is_the_closed_form():
    """For diagonal covariances it is |m - n|^2 + sum (s - t)^2 over the deviations s and t."""
    mean, other = torch.tensor([1.0, 2.0, 3.0]).double(), torch.tensor([0.0, 4.0, 3.5]).double()
    deviations, others = torch.tensor([1.0, 0.5, 2.0]).double(), torch.tensor([3.0, 0.5, 1.0])
    first = exact_cloud(mean, torch.diag(deviations**2))
    second = exact_cloud(other, torch.diag(others.double() ** 2), count=77)
    expected = (mean - other).square().sum() + (deviations - others).square().sum()
    assert frechet_distance(first, second) == pytest.approx(expected.item(), abs=1e-9)


def test_the_distance_equals_that_of_scipy_and_torchmetrics():
    first, second = cloud(300, 6), cloud(120, 6, seed=1) @ cloud(6, 6, seed=2) + 0.3
    s, t = np.cov(first.T), np.cov(second.T)
    gap = (first.mean(dim=0) - second.mean(dim=0)).square().sum().item()
    by_scipy = gap + np.trace(s + t - 2 * scipy.linalg.sqrtm(s @ t).real)
    assert frechet_distance(first, second) == pytest.approx(by_scipy, rel=1e-9)

    features = nn.Identity()
    features.num_features = 6
    metric = FrechetInceptionDistance(features)
    metric.update(first, real=True)
    metric.update(second, real=False)
    assert frechet_distance(first, second) == pytest.approx(metric.compute().item(), rel=1e-9)


def test_the_distance_is_symmetric_zero_for_itself_and_blind_to_rotation():
    first, second = cloud(100, 5), cloud(80, 5, seed=1, scale=2.0) + 1
    distance = frechet_distance(first, second)
    assert frechet_distance(second, first) == pytest.approx(distance)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    turn = torch.linalg.qr(cloud(5, 5, seed=2)).Q
    assert frechet_distance(first @ turn, second @ turn) == pytest.approx(distance)


def test_fewer_samples_than_features_and_constant_features_are_allowed():
    first = torch.cat([cloud(6, 10), torch.zeros(6, 3)], dim=1)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(first, first + 1) == pytest.approx(13)
    assert frechet_distance(first.float(), first.float() + 1) == pytest.approx(13, rel=1e-5)


def test_the_overlap_equals_slow_loops_with_scikit_learns_neighbours():
    real, made, k = cloud(60, 3), cloud(40, 3, seed=1, scale=1.3) + 0.5, 4

    def radius(points):
        found = NearestNeighbors(n_neighbors=k + 1).fit(points)
        return found.kneighbors(points)[0][:, -1]

    real_radius, made_radius = radius(real), radius(made)
    plausible = reached = within = covered = 0
    for y in made:
        balls = sum((y - x).norm() <= r for x, r in zip(real, real_radius, strict=True))
        plausible, within = plausible + bool(balls), within + int(balls)
    for x, r in zip(real, real_radius, strict=True):
        reached += any((x - y).norm() <= q for y, q in zip(made, made_radius, strict=True))
        covered += any((x - y).norm() <= r for y in made)
    expected = plausible / 40, reached / 60, within / (40 * k), covered / 60
    assert overlap(real, made, neighbours=k) == pytest.approx(expected)
    assert 0 < expected[0] < 1
    assert 0 < expected[3] < 1


def test_a_lost_mode_costs_recall_and_coverage_but_not_precision():
    real = torch.cat([cloud(200, 2), cloud(200, 2, seed=1) + 50])
    collapsed = cloud(200, 2, seed=2)
    lost = overlap(real, collapsed)
    assert lost.precision > 0.9
    assert lost.recall == pytest.approx(0.5, abs=0.05)
    assert lost.coverage == pytest.approx(0.5, abs=0.05)
    both = overlap(real, torch.cat([collapsed, cloud(200, 2, seed=3) + 50]))
    assert min(both.recall, both.coverage) > 0.9


def test_noise_costs_precision_but_not_coverage():
    real = cloud(300, 2)
    noisy = torch.cat([cloud(300, 2, seed=1), 100 * cloud(300, 2, seed=2)])
    measured = overlap(real, noisy)
    assert measured.precision < 0.6
    assert measured.coverage > 0.9
    assert measured.density == pytest.approx(0.5, abs=0.1)


def test_the_census_counts_classes_and_their_entropy():
    labels = torch.tensor([0] * 8 + [1] * 4 + [2] * 4)
    counted = census(labels, 4)
    assert counted.counts.tolist() == [8, 4, 4, 0]
    assert counted.present == 3
    assert counted.entropy == pytest.approx(1.5)
    assert census(labels, 4, least_share=0.3).present == 1
    assert census(labels, 4, least_share=0.0).present == 3, "nothing is not present"
    assert census(torch.full((5,), 7), 10).entropy == 0
    assert census(torch.arange(10), 10).entropy == pytest.approx(np.log2(10))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: frechet_distance(torch.zeros(1, 3), torch.zeros(5, 3)), ValueError, "real"),
        (lambda: frechet_distance(torch.zeros(5, 3), torch.zeros(5)), ValueError, "generated"),
        (lambda: frechet_distance(torch.zeros(5, 3), torch.zeros(5, 4)), ValueError, "3 and 4"),
        (lambda: frechet_distance(torch.zeros(5, 3).int(), torch.zeros(5, 3)), TypeError, "int32"),
        (
            lambda: frechet_distance(torch.full((5, 3), torch.nan), torch.ones(5, 3)),
            ValueError,
            "NaN",
        ),
        (lambda: overlap(torch.zeros(5, 3), torch.zeros(5, 3)), ValueError, "got 5 for 5"),
        (lambda: overlap(torch.zeros(5, 3), torch.zeros(9, 3), neighbours=0), ValueError, "got 0"),
        (lambda: overlap(torch.zeros(0, 3), torch.zeros(9, 3)), ValueError, "at least 1"),
        (lambda: census(torch.zeros(3), 2), TypeError, "argmax"),
        (lambda: census(torch.tensor([0, 2]), 2), ValueError, "got 0 to 2"),
        (lambda: census(torch.tensor([-1, 0]), 2), ValueError, "got -1"),
        (lambda: census(torch.tensor([], dtype=torch.int64), 2), ValueError, "at least 1"),
        (lambda: census(torch.tensor([0]), 2, least_share=2), ValueError, "least share"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
