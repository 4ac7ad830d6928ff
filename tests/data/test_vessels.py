"""Drawn vessels: the mask is true of the picture, and the picture can be told by its seed."""

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation, label

from companion.data.vessels import draw_vessels, even_out, plant_vessel


@pytest.fixture(scope="module")
def drawn():
    return draw_vessels(60, size=64, generator=np.random.default_rng(0))


def test_pictures_and_masks_are_what_they_say(drawn):
    assert drawn.images.shape == drawn.masks.shape == (60, 1, 64, 64)
    assert drawn.images.dtype == torch.float32
    assert drawn.masks.dtype == torch.bool
    assert drawn.images.min() >= 0
    assert drawn.images.max() <= 1
    shares = drawn.masks.float().mean(dim=(1, 2, 3))
    assert (shares > 0.005).float().mean() > 0.9
    assert shares.max() < 0.7
    assert 0.05 < shares.mean() < 0.35


def test_vessels_are_darker_than_what_lies_beside_them(drawn):
    differences = []
    for image, mask in zip(drawn.images[:, 0].numpy(), drawn.masks[:, 0].numpy(), strict=True):
        beside = binary_dilation(mask, iterations=4) & ~binary_dilation(mask, iterations=2)
        differences.append(image[beside].mean() - image[mask].mean())
    assert np.mean(np.array(differences) > 0) > 0.95
    assert 0.04 < np.mean(differences) < 0.2


def test_vessels_are_lines_that_cross_the_picture(drawn):
    spans = []
    for mask in drawn.masks[:, 0].numpy():
        regions, _ = label(mask, np.ones((3, 3)))
        largest = regions == np.bincount(regions.ravel())[1:].argmax() + 1
        spans.append(max(largest.any(axis).sum() for axis in (0, 1)))
    assert np.mean(np.array(spans) > 30) > 0.8


def test_the_generator_decides():
    one, again = (draw_vessels(4, size=32, generator=np.random.default_rng(1)) for _ in range(2))
    other = draw_vessels(4, size=32, generator=np.random.default_rng(2))
    assert torch.equal(one.images, again.images)
    assert not torch.equal(one.images, other.images)


def test_a_planted_vessel_is_where_its_mask_says():
    image = np.full((40, 50), 0.5)
    darker, mask = plant_vessel(image, np.array([[5, 20], [45, 20]]), width=3, depth=0.2)
    assert mask.sum(axis=0).max() == 3
    assert mask[19:22, 5:46].all()
    change = image - darker
    assert change[~binary_dilation(mask, iterations=4)].max() < 1e-3
    assert change[20, 20] == pytest.approx(0.2, abs=0.02)
    assert (image == 0.5).all()
    same, nothing = plant_vessel(image, np.array([[60, 5], [70, 9]]), width=3, depth=0.2)
    assert (same == image).all()
    assert not nothing.any()


def test_evened_pictures_do_not_tell_light_or_contrast(drawn):
    images = drawn.images[:8]
    rows = torch.linspace(0, 0.2, 64)[:, None]
    plain, changed = even_out(images), even_out(0.4 * images + 0.2 + rows)
    middle = (..., slice(16, 48), slice(16, 48))
    together = torch.stack([plain[middle].flatten(), changed[middle].flatten()])
    assert torch.corrcoef(together)[0, 1] > 0.98
    assert plain.dtype == torch.float32
    assert abs(plain.mean()) < 0.1
    assert 0.7 < plain.std() < 1.3


@pytest.mark.parametrize(("count", "size"), [(0, 64), (1, 15)])
def test_too_few_or_too_small_is_refused(count, size):
    with pytest.raises(ValueError, match=f"got {count} and {size}"):
        draw_vessels(count, size=size, generator=np.random.default_rng(0))
