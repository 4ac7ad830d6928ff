import numpy as np
import pytest
import torch

from companion.tasks.diagnosis_refusal import fit_familiar


@pytest.fixture
def known():
    """Features that vary much along one direction and little along another."""
    generator = np.random.default_rng(0)
    mix = np.array([[3.0, 3.0, 0.0], [0.1, -0.1, 0.0], [0.0, 0.0, 1.0]])
    return generator.normal(size=(3000, 3)) @ mix


def test_refuses_the_share_asked_for_of_new_pictures_of_the_same_kind(known):
    familiar = fit_familiar(known[:1000], known[1000:2000], refuse=0.05)
    assert (~familiar.accepts(known[1000:2000])).mean() == pytest.approx(0.05)
    assert (~familiar.accepts(known[2000:])).mean() == pytest.approx(0.05, abs=0.02)


def test_distance_is_mahalanobis_and_not_euclidean(known):
    familiar = fit_familiar(known[:1000], known[1000:])
    along, across = np.array([[4.0, 4.0, 0.0]]), np.array([[2.0, -2.0, 0.0]])
    assert familiar.accepts(along).all()  # far, where far is common
    assert not familiar.accepts(across).any()  # nearer, where nothing was ever seen
    covariance = familiar.gaussian.covariance_
    gap = across[0] - familiar.gaussian.location_
    wanted = np.sqrt(gap @ np.linalg.inv(covariance) @ gap)
    assert familiar.distance(across)[0] == pytest.approx(wanted)


def test_tensors_and_no_rows_are_fine(known):
    familiar = fit_familiar(torch.tensor(known[:1000]), torch.tensor(known[1000:]))
    assert familiar.distance(torch.empty(0, 3)).shape == (0,)
    assert familiar.accepts(torch.empty(0, 3)).shape == (0,)


def test_bad_input_says_what_is_needed(known):
    with pytest.raises(ValueError, match=r"20 to find a share of 0\.05 are needed, got 100 and 19"):
        fit_familiar(known[:100], known[:19], refuse=0.05)
    with pytest.raises(ValueError, match="at least 2 pictures to train on"):
        fit_familiar(known[:0], known)
    with pytest.raises(ValueError, match=r"refuse is a share in \(0, 1\), got 1"):
        fit_familiar(known, known, refuse=1)
    with pytest.raises(ValueError, match=r"N x D, got shape \(3,\)"):
        fit_familiar(known[0], known)
    with pytest.raises(ValueError, match="must be finite, 1 are not"):
        fit_familiar(known, np.where(known == known[0, 0], np.nan, known))
    familiar = fit_familiar(known[:1000], known[1000:])
    with pytest.raises(ValueError, match="need 3 features each, got 2"):
        familiar.distance(known[:, :2])
