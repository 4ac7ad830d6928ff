import numpy as np
import pytest
from scipy.ndimage import binary_fill_holes
from skimage.filters import gaussian
from skimage.measure import label, regionprops

from companion.tasks.background import RunningMedian
from companion.tasks.moving_objects import View, area, find, foretold_shadows, outlines_of

ROAD, LIGHT, DARK, SHADE = 140, 220, 70, 90


@pytest.fixture
def background():
    generator = np.random.default_rng(0)
    return RunningMedian(generator.normal(ROAD, 2, (15, 120, 200)).round().astype(np.uint8))


@pytest.fixture
def street(background):
    return background.median.copy()


def has_box(found, box, within=3):
    return bool((np.abs(found.boxes - box).max(axis=1, initial=0) <= within).any())


def test_an_empty_street_has_no_objects(background, street):
    found = find(street, background)
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.outlines == ()


def test_light_and_dark_things_are_found_where_they_are(background, street):
    street[20:40, 30:60] = LIGHT
    street[70:90, 120:150] = DARK
    found = find(street, background)
    np.testing.assert_allclose(found.boxes, [[30, 20, 60, 40], [120, 70, 150, 90]], atol=1)
    assert found.dark.tolist() == [False, True]
    np.testing.assert_allclose(found.areas, [600, 600], rtol=0.1)
    assert [area(outline) for outline in found.outlines] == found.areas.tolist()


def test_a_cast_shadow_is_no_object_and_on_the_wrong_side_it_is_one(background, street):
    street[50:70, 100:120] = LIGHT
    street[50:70, 80:100] = SHADE  # to the left of it, as long as it
    assert len(find(street, background)) == 2
    west, east = (find(street, background, View(shadow=(x, 0.0))) for x in (-1.1, 1.1))
    assert len(west) == 1
    assert has_box(west, [100, 50, 120, 70])
    assert len(east) == 2


def test_a_dark_car_beyond_the_shadow_of_a_light_one_is_found(background, street):
    street[50:70, 120:140] = LIGHT
    street[50:70, 100:120] = SHADE
    street[50:70, 60:85] = DARK
    found = find(street, background, View(shadow=(-1.1, 0.0)))
    assert len(found) == 2
    assert has_box(found, [60, 50, 85, 70])


def test_parts_along_the_way_are_one_vehicle_and_across_it_two(background, street):
    street[40:60, 100:118] = LIGHT
    street[64:90, 100:118] = LIGHT  # behind a windscreen of 4 pixels
    street[40:90, 122:140] = LIGHT  # the neighbour, 4 pixels beside
    assert len(find(street, background)) == 3
    found = find(street, background, View(travel=(0, 3)))
    assert len(found) == 2
    assert has_box(found, [100, 40, 118, 90])


def test_small_specks_are_left_out(background, street):
    street[10:14, 10:14] = LIGHT
    assert len(find(street, background, View(least=30))) == 0
    assert len(find(street, background, View(least=9))) == 1


def test_shadows_are_as_long_as_things_are_large_and_stop_at_the_edge():
    mask = np.zeros((60, 160), np.uint8)
    mask[10:14, 80:84], mask[30:46, 80:96] = 1, 1
    small, large = sorted(outlines_of(mask), key=area)
    shadow = foretold_shadows([small, large], mask.shape, (-2.0, 0.0))
    assert np.flatnonzero(shadow[12])[0] == 80 - 2 * 4 - 2
    assert np.flatnonzero(shadow[38])[0] == 80 - 2 * 16 - 2
    far = foretold_shadows([large], mask.shape, (-20.0, 0.0))
    assert far[38, 0]
    assert not far[12].any()
    itself = foretold_shadows([large], mask.shape, (0.0, 0.0))
    assert itself.sum() == (16 + 2 * 2) * (16 + 2 * 4)


def test_windows_are_no_things_of_their_own(background, street):
    street[40:90, 100:140] = LIGHT
    street[55:70, 104:136] = DARK
    found = find(street, background)
    assert len(found) == 1
    assert found.dark.tolist() == [False]


def test_outlines_are_those_of_the_connected_components():
    generator = np.random.default_rng(1)
    mask = (gaussian(generator.normal(size=(80, 90)), 2) > 0.05).astype(np.uint8)
    mask = binary_fill_holes(mask).astype(np.uint8)
    regions = regionprops(label(mask, connectivity=2))
    outlines = outlines_of(mask)
    assert len(outlines) == len(regions) > 10
    ours = sorted((area(o), *o.min(axis=0).tolist(), *o.max(axis=0).tolist()) for o in outlines)
    theirs = sorted(
        (int(r.area), r.bbox[1], r.bbox[0], r.bbox[3] - 1, r.bbox[2] - 1) for r in regions
    )
    assert ours == theirs
    assert len(outlines_of(mask, least=20)) == sum(r.area >= 20 for r in regions)


def test_bad_settings_and_pictures_are_named(background):
    for wrong in ({"least": 0}, {"dark": 1.1}, {"dark": 0.0}):
        with pytest.raises(ValueError, match="least is at least 1"):
            View(**wrong)
    with pytest.raises(ValueError, match="as the background is"):
        find(np.zeros((3, 3), np.uint8), background)
