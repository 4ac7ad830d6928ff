import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from companion.tasks.visual_words import VisualWords


def stripes(count, seed):
    """Noisy stripes, upright or lying: the same grey values, other edges."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    wave = np.sin(np.arange(48) / 2)[None] * 60 + 128
    images = np.stack([np.broadcast_to(wave if y else wave.T, (48, 48)) for y in labels])
    noisy = images + generator.normal(0, 10, images.shape)
    return noisy.clip(0, 255).astype(np.uint8), labels


def test_tells_textures_apart_inside_a_pipeline():
    model = make_pipeline(VisualWords(words=16), LogisticRegression())
    model.fit(*stripes(20, seed=0))
    assert model.score(*stripes(20, seed=1)) == 1


@pytest.mark.parametrize("step", [8, None])
def test_counts_are_those_of_the_nearest_words(step):
    images = np.random.default_rng(0).integers(0, 256, (6, 64, 64), np.uint8)
    model = VisualWords(words=8, step=step).fit(images)
    words = model.vocabulary_.cluster_centers_
    for image, found in zip(images, model.transform(images), strict=True):
        described = model._describe_one(image)
        gaps = ((described[:, None] - words[None]) ** 2).sum(2)
        shares = np.bincount(gaps.argmin(1), minlength=8) / len(described)
        np.testing.assert_allclose(found**2, shares, atol=1e-6)
    assert np.linalg.norm(model.transform(images), axis=1) == pytest.approx(1)


def test_a_place_is_described_by_its_patch_and_nothing_beyond():
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (96, 96), np.uint8)
    model = VisualWords(step=96, patch=24)  # one place, in the middle
    near, far = image.copy(), image.copy()
    near[48:52, 48:52] = 255
    far[:20], far[-20:], far[:, :20], far[:, -20:] = 0, 0, 0, 0  # 28 pixels away
    [before], [same], [other] = (model._describe_one(x) for x in (image, far, near))
    assert np.abs(before - same).max() <= 2
    assert np.abs(before - other).max() > 20


def test_equal_seeds_give_equal_words_whatever_the_threads():
    images, _ = stripes(10, seed=0)
    first, second = (VisualWords(words=8, seed=3).fit_transform(images) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_image_without_key_points_is_a_row_of_zeros():
    images, _ = stripes(6, seed=0)
    model = VisualWords(words=4, step=None).fit(images)
    assert model.transform([np.zeros((48, 48), np.uint8), images[0]]).any(axis=1).tolist() == [
        False,
        True,
    ]


def test_bad_input_says_what_is_needed():
    images, _ = stripes(2, seed=0)
    with pytest.raises(ValueError, match="height x width, uint8; got float64"):
        VisualWords(words=2).fit(images / 255)
    with pytest.raises(ValueError, match=r"got uint8 of shape \(48, 48, 3\)"):
        VisualWords(words=2).fit(np.repeat(images[..., None], 3, 3))
    with pytest.raises(ValueError, match="72 descriptors do not make 500 words"):
        VisualWords(words=500).fit(images)
    with pytest.raises(ValueError, match="start at 1, got 0"):
        VisualWords(words=0).fit(images)
    with pytest.raises(NotFittedError):
        VisualWords().transform(images)
