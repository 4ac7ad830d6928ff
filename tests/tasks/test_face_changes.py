"""Light and coverings: what changes, what stays, and that they lie on the face."""

import numpy as np
import pytest

from companion.tasks import faces
from companion.tasks.face_changes import SHADES, covered, occlude, relight


@pytest.fixture(scope="module")
def drawn():
    return np.random.default_rng(0).integers(0, 256, (3, 150, 150, 3), dtype=np.uint8)


def test_no_change_of_light_changes_nothing(drawn):
    np.testing.assert_array_equal(relight(drawn), drawn)


def test_light_is_a_product_that_is_cut_off(drawn):
    dark = relight(drawn, brightness=0.25)
    np.testing.assert_array_equal(dark, np.rint(drawn / 4).astype(np.uint8))
    bright = relight(drawn, brightness=3)
    np.testing.assert_array_equal(bright, np.minimum(3 * drawn.astype(int), 255))


def test_light_from_the_left_is_that_from_the_right_in_a_mirror(drawn):
    left, right = relight(drawn, side=-0.8), relight(drawn[:, :, ::-1], side=0.8)[:, :, ::-1]
    np.testing.assert_array_equal(left, right)
    grey = np.full((1, 150, 150, 3), 100, np.uint8)
    row = relight(grey, side=1)[0, 70, :, 0].astype(int)
    assert row[0] == 0
    assert row[-1] == 200
    assert (np.diff(row) >= 0).all()
    assert abs(row.mean() - 100) < 1


@pytest.mark.parametrize("covering", SHADES)
def test_a_covering_hides_its_pixels_and_no_others(drawn, covering):
    before = drawn.copy()
    changed = occlude(drawn, covering)
    hidden = covered(covering)
    assert set(np.unique(changed[:, hidden])) == {SHADES[covering]}
    np.testing.assert_array_equal(changed[:, ~hidden], before[:, ~hidden])
    np.testing.assert_array_equal(drawn, before)
    assert abs(hidden.astype(int) - hidden[:, ::-1].astype(int)).mean() < 0.03, "not symmetric"


def test_coverings_lie_where_the_landmarks_are(found):
    """Of all portraits, by dlib's own landmarks of the aligned faces."""
    eyes, noses = [], []
    for image, points in zip(found.portraits.images, found.points, strict=True):
        chip = faces.align(image, points[None])[0]
        whole = np.array([[15.0, 15.0, 135.0, 135.0]])
        marks = faces.landmarks(chip, whole)[0]
        eyes += [marks[[0, 1]].mean(axis=0), marks[[2, 3]].mean(axis=0)]
        noses.append(marks[4])
    for covering, points in (("sunglasses", eyes), ("bar", eyes), ("mask", noses)):
        columns, rows = np.rint(points).astype(int).T
        assert covered(covering)[rows, columns].mean() > 0.9, covering
    columns, rows = np.rint(eyes).astype(int).T
    assert covered("mask")[rows, columns].mean() < 0.05


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: relight(f / 255), TypeError, "float64"),
        (lambda f: relight(f[0]), ValueError, "faces.align"),
        (lambda f: occlude(f[:, :100], "mask"), ValueError, r"\(3, 100, 150, 3\)"),
        (lambda f: occlude(f, "scarf"), ValueError, "sunglasses, mask, bar"),
        (lambda f: relight(f, brightness=0), ValueError, "above 0"),
        (lambda f: relight(f, brightness=np.nan), ValueError, "above 0"),
        (lambda f: relight(f, side=1.5), ValueError, "got 1.5"),
        (lambda f: relight(f, side=np.nan), ValueError, "got nan"),
    ],
)
def test_what_does_not_fit_is_refused(drawn, call, error, message):
    with pytest.raises(error, match=message):
        call(drawn)
