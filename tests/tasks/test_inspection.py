import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from companion.tasks.inspection import describe, hottest, limit_for, smooth


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_descriptions_hold_each_map_at_its_place():
    fine, coarse = numbers(2, 3, 8, 6), numbers(2, 5, 4, 3, seed=1)
    joined = describe([fine, coarse], neighbourhood=1)
    assert joined.shape == (2, 8, 6, 8)
    torch.testing.assert_close(joined[..., :3], fine.permute(0, 2, 3, 1))
    flat = describe([fine, torch.full_like(coarse, 2.5)])
    torch.testing.assert_close(flat[..., 3:], torch.full((2, 8, 6, 5), 2.5))
    upside = describe([fine.flip(3), coarse.flip(3)])
    torch.testing.assert_close(upside.flip(2), describe([fine, coarse]))


def test_a_description_is_the_mean_of_its_neighbourhood_without_what_lies_outside():
    fine = numbers(1, 2, 7, 5)
    averaged = describe([fine])
    for row, column in ((3, 2), (0, 0), (6, 4), (0, 3)):
        around = fine[0, :, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        torch.testing.assert_close(averaged[0, row, column], around.mean(dim=(1, 2)))


@pytest.mark.parametrize(
    ("shapes", "neighbourhood", "message"),
    [
        ([], 3, "maps are N x channels x height x width"),
        ([(2, 3, 4)], 3, "maps are N x channels"),
        ([(2, 3, 4, 4), (3, 3, 4, 4)], 3, "of the same N"),
        ([(2, 3, 4, 4)], 2, "odd number of places, got 2"),
        ([(2, 3, 4, 4)], -1, "odd number of places, got -1"),
    ],
)
def test_maps_that_do_not_fit(shapes, neighbourhood, message):
    with pytest.raises(ValueError, match=message):
        describe([torch.zeros(shape) for shape in shapes], neighbourhood=neighbourhood)


def test_smoothing_is_scipys_gaussian():
    heat = numbers(3, 20, 16).double()
    ours = smooth(heat, sigma=1.5)
    theirs = gaussian_filter(heat.numpy(), (0, 1.5, 1.5), mode="mirror", radius=(0, 4, 4))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert torch.equal(smooth(heat, sigma=0), heat)
    assert smooth(heat[:, :2, :1], sigma=2).shape == (3, 2, 1)
    assert smooth(heat[:0], size=40).shape[0] == 0


def test_enlarged_heat_stays_where_it_was():
    heat = torch.zeros(1, 10, 10)
    heat[0, 2, 7] = 1
    large = smooth(heat, size=160, sigma=0.5)
    assert large.shape == (1, 160, 160)
    row, column = divmod(int(large[0].argmax()), 160)
    assert (row // 16, column // 16) == (2, 7)


def test_hottest_places():
    heat = numbers(4, 6, 6)
    torch.testing.assert_close(hottest(heat), heat.amax(dim=(1, 2)))
    torch.testing.assert_close(hottest(heat, places=36), heat.mean(dim=(1, 2)))
    with pytest.raises(ValueError, match="places lie between 1 and 36"):
        hottest(heat, places=37)
    for wrong in (heat[0], heat[:, :0]):
        with pytest.raises(ValueError, match="heat is N x rows x columns"):
            hottest(wrong)
    with pytest.raises(ValueError, match="sigma is a number of places"):
        smooth(heat, sigma=-1)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_the_limit_allows_no_more_false_alarms_than_asked_for(share):
    scores = numbers(1000)
    limit = limit_for(scores, false_alarms=share)
    assert (scores.double() >= limit).sum() == round(1000 * share)
    assert (numbers(100_000, seed=5) >= limit).float().mean() == pytest.approx(share, rel=0.5)


def test_the_limit_steps_above_scores_that_are_shared():
    scores = torch.tensor([1.0] * 10 + [2.0] * 8 + [3.0] * 2)
    assert limit_for(scores, false_alarms=0.2) == 3
    assert limit_for(scores, false_alarms=0.5) == 2
    limit = limit_for(torch.ones(10), false_alarms=0.5)
    assert 1 < limit < 1.001


def test_a_limit_needs_enough_good_parts():
    with pytest.raises(
        ValueError, match=r"10 good parts cannot show a share of 0\.05; at least 20"
    ):
        limit_for(numbers(10), false_alarms=0.05)
    with pytest.raises(ValueError, match="share in"):
        limit_for(numbers(10), false_alarms=1.0)
    with pytest.raises(ValueError, match="N finite numbers"):
        limit_for(torch.tensor([1.0, torch.nan]), false_alarms=0.5)
    with pytest.raises(ValueError, match="N finite numbers"):
        limit_for(numbers(10, 1), false_alarms=0.5)
