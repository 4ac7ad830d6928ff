"""Blurred, cut into blocks, covered: what is kept of a face and what is not."""

from functools import partial

import numpy as np
import pytest
from skimage.filters import gaussian
from skimage.measure import block_reduce

from companion.tasks.privacy_blur import GREY, blur, cover, hide, pixelate


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (3, 60, 48, 3), dtype=np.uint8)


def test_blur_agrees_with_scikit_image(faces):
    for sigma in (0.5, 3, 8):
        for face, result in zip(faces, blur(faces, sigma), strict=True):
            expected = gaussian(
                face, sigma, mode="nearest", truncate=3, channel_axis=-1, preserve_range=True
            )
            np.testing.assert_allclose(result, expected, atol=0.51)


def test_no_blur_changes_nothing_and_a_flat_face_stays_flat(faces):
    np.testing.assert_array_equal(blur(faces, 0), faces)
    flat = np.full((1, 40, 40, 3), 77, np.uint8)
    np.testing.assert_array_equal(blur(flat, 9), flat)


@pytest.mark.parametrize("blocks", [2, 4, 12])
def test_blocks_hold_the_mean_as_scikit_image_has_it(faces, blocks):
    result = pixelate(faces, blocks)
    size = (60 // blocks, 48 // blocks, 1)
    for face, mosaic in zip(faces, result, strict=True):
        means = block_reduce(face, size, np.mean)
        np.testing.assert_allclose(mosaic[:: size[0], :: size[1]], means, atol=0.51)
    np.testing.assert_array_equal(pixelate(result, blocks), result)  # doing it twice adds nothing


def test_blocks_need_not_divide_the_side(faces):
    result = pixelate(faces, 7)
    assert result.shape == faces.shape
    assert len(np.unique(result[0, :, :, 0])) <= 49
    np.testing.assert_array_equal(pixelate(faces[:, :48], 48), faces[:, :48])


def test_covered_faces_are_all_alike_inside_and_as_before_outside(faces):
    assert (cover(faces) == GREY).all()
    result = cover(faces, margin=0.25)
    assert (result[:, 15:45, 12:36] == GREY).all()
    changed = (result != faces).any(axis=(0, 3))
    assert not changed[:15].any()
    assert not changed[:, 36:].any()
    np.testing.assert_array_equal(result[:, :15], faces[:, :15])


def test_effects_do_not_touch_what_they_are_given(faces):
    before = faces.copy()
    for effect in (partial(blur, sigma=2), partial(pixelate, blocks=4), cover):
        effect(faces)
        hide(faces[0], np.array([[0, 0, 20, 20]]), effect)
    np.testing.assert_array_equal(faces, before)


def test_hides_inside_the_boxes_only(faces):
    boxes = np.array([[10.2, 5, 20, 15], [-30, 40, 12, 900], [100, 100, 120, 120]])
    result = hide(faces[0], boxes, cover)
    inside = np.zeros((60, 48), bool)
    inside[5:15, 10:20] = inside[40:60, 0:12] = True
    assert (result[inside] == GREY).all()
    np.testing.assert_array_equal(result[~inside], faces[0][~inside])
    np.testing.assert_array_equal(hide(faces[0], np.empty((0, 4)), cover), faces[0])


@pytest.mark.parametrize(
    ("deed", "error", "message"),
    [
        (lambda faces: blur(faces, -1), ValueError, "0 or more, got -1"),
        (lambda faces: blur(faces, np.nan), ValueError, "0 or more"),
        (lambda faces: pixelate(faces, 0), ValueError, "1 to 48, got 0"),
        (lambda faces: pixelate(faces, 49), ValueError, "1 to 48"),
        (lambda faces: cover(faces, margin=0.5), ValueError, "below 0.5"),
        (lambda faces: cover(faces[0]), ValueError, r"faces\[None\]"),
        (lambda faces: cover(faces / 255), TypeError, "uint8"),
        (lambda faces: hide(faces[0], np.zeros(4), cover), ValueError, r"\(N, 4\)"),
    ],
)
def test_refuses_what_makes_no_sense(faces, deed, error, message):
    with pytest.raises(error, match=message):
        deed(faces)
