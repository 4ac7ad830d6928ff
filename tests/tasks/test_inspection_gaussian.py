import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import EmpiricalCovariance

from companion.tasks.inspection_gaussian import RIDGE, fit_gaussians


@pytest.fixture(scope="module")
def patches():
    """Descriptions whose channels hang together, otherwise at each of 3 x 2 places."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(3, 2, 5, 5, generator=generator, dtype=torch.float64)
    raw = torch.randn(80, 3, 2, 5, generator=generator, dtype=torch.float64)
    return torch.einsum("nrci,rcij->nrcj", raw, mixing) + torch.arange(5.0)


def test_distances_are_scipys(patches):
    model = fit_gaussians(patches[:60])
    found = model.distances(patches[60:])
    for row, column in np.ndindex(3, 2):
        part = patches[:60, row, column].numpy()
        inverse = np.linalg.inv(np.cov(part.T) + RIDGE * np.eye(5))
        for number in range(20):
            wanted = mahalanobis(patches[60 + number, row, column], part.mean(axis=0), inverse)
            assert found[number, row, column] == pytest.approx(wanted, rel=1e-9)


def test_without_a_ridge_worth_naming_it_is_scikit_learns(patches):
    model = fit_gaussians(patches, ridge=1e-12)
    reference = EmpiricalCovariance().fit(patches[:, 1, 1].numpy())
    squared = reference.mahalanobis(patches[:, 1, 1].numpy()) * 79 / 80  # it divides by N
    np.testing.assert_allclose(model.distances(patches)[:, 1, 1].square(), squared, rtol=1e-6)


def test_a_planted_fault_is_the_hottest_place(patches):
    model = fit_gaussians(patches[:60])
    faulty = patches[60:].clone()
    usual = model.distances(faulty)[:, 2, 0]
    faulty[:, 2, 0] += 6 * patches[:, 2, 0].std(dim=0)
    heat = model.distances(faulty)
    assert (heat[:, 2, 0] > usual + 2).all()
    assert (heat.flatten(1).argmax(dim=1) == 4).all()


def test_scale_and_mixing_of_channels_do_not_matter(patches):
    mixing = torch.randn(5, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    plain = fit_gaussians(patches[:60], ridge=1e-12).distances(patches[60:])
    mixed = fit_gaussians(patches[:60] @ mixing, ridge=1e-12).distances(patches[60:] @ mixing)
    torch.testing.assert_close(plain, mixed, rtol=1e-5, atol=1e-6)


def test_fewer_parts_than_channels_work_in_single_precision(patches):
    model = fit_gaussians(patches[:3].float())
    found = model.distances(patches[3:].float())
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert model.distances(patches[:0].float()).shape == (0, 3, 2)


def test_what_does_not_fit(patches):
    model = fit_gaussians(patches)
    with pytest.raises(ValueError, match=r"need patches N x 3 x 2 x 5, got \(80, 2, 2, 5\)"):
        model.distances(patches[:, 1:])
    with pytest.raises(ValueError, match="N of at least 2"):
        fit_gaussians(patches[:1])
    with pytest.raises(ValueError, match="rows x columns"):
        fit_gaussians(patches[:, 0])
    with pytest.raises(ValueError, match="ridge is added"):
        fit_gaussians(patches, ridge=0)
    with pytest.raises(ValueError, match="finite"):
        fit_gaussians(patches / 0)
