from dataclasses import dataclass

import numpy as np
import pytest

from companion.tasks.track_paths import CarSize, Path, heat_map, paths


@dataclass
class Entry:
    boxes: np.ndarray
    identities: np.ndarray


def straight(identity=1, start=(10.0, 20.0), step=(3.0, 4.0), count=20, side=12.0):
    pictures = np.arange(count)
    points = np.asarray(start) + pictures[:, None] * np.asarray(step)
    return Path(identity, pictures, points, np.full((count, 2), side))


def test_tracks_become_paths_in_order_with_gaps():
    tracks = [
        Entry(np.array([[0, 0, 10, 20], [50, 50, 60, 60]]), np.array([7, 3])),
        Entry(np.zeros((0, 4)), np.zeros(0, int)),
        Entry(np.array([[52, 54, 62, 64], [4, 0, 14, 20]]), np.array([3, 7])),
    ]
    three, seven = paths(tracks)
    assert (three.identity, seven.identity) == (3, 7)
    assert seven.pictures.tolist() == [0, 2]
    np.testing.assert_array_equal(seven.points, [[5, 10], [9, 10]])
    np.testing.assert_array_equal(seven.sizes, [[10, 20], [10, 20]])
    assert seven.side == pytest.approx(np.sqrt(200))
    assert paths(tracks, shortest=3) == []


def test_nothing_tracked_gives_no_paths():
    assert paths([]) == []
    assert paths([Entry(np.zeros((0, 4)), np.zeros(0, int))] * 3) == []


def test_speed_is_way_by_time_whatever_the_span():
    way = straight(step=(3.0, 4.0))
    for span in (1, 7, 19):
        np.testing.assert_allclose(way.speed(30.0, span=span), 150.0)
    assert len(way.speed(30.0, span=20)) == 0
    every_second = Path(1, way.pictures[::2], way.points[::2], way.sizes[::2])
    np.testing.assert_allclose(every_second.speed(30.0, span=3), 150.0)


@pytest.mark.parametrize(
    ("step", "heading"), [((1, 0), 0), ((0, 1), 90), ((-1, 0), 180), ((0, -2), 270)]
)
def test_heading_is_clockwise_from_right(step, heading):
    assert straight(step=step).heading == pytest.approx(heading)


def test_the_heat_map_counts_things_not_pictures():
    passing = straight(1, start=(4, 20), step=(8, 0), count=10)
    standing = straight(2, start=(20, 20), step=(0, 0), count=500)
    used = heat_map([passing, standing], (64, 100), cell=8)
    assert used.shape == (8, 13)
    assert used[2].tolist() == [1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]
    assert used.sum() == 11


def test_the_heat_map_has_no_holes_where_things_are_fast_and_none_outside():
    fast = straight(1, start=(-30, 4), step=(40, 0), count=5)
    used = heat_map([fast], (8, 80), cell=8)
    assert used.tolist() == [[1] * 10]


def test_car_size_follows_the_height_and_lorries_do_not_bend_it():
    cars = [
        straight(i, start=(0, y), step=(1, 0), side=10 + 0.05 * y)
        for i, y in enumerate((40, 90, 150, 200, 260, 320, 370))
    ]
    lorry = straight(9, start=(0, 300), step=(1, 0), side=60)
    size = CarSize.fit([*cars, lorry])
    assert size.base == pytest.approx(10, abs=1.5)
    assert size.slope == pytest.approx(0.05, abs=0.01)
    person = straight(10, start=(0, 200), step=(1, 0), side=8)
    assert CarSize.fit(cars).relative(person) == pytest.approx(0.4)
    assert CarSize.fit(cars).relative(cars[2]) == pytest.approx(1)


def test_bad_input_is_named():
    twice = Entry(np.array([[0, 0, 4, 4], [5, 5, 9, 9]]), np.array([1, 1]))
    with pytest.raises(ValueError, match="picture 0: an identity"):
        paths([twice])
    with pytest.raises(ValueError, match="shortest"):
        paths([], shortest=0)
    for wrong in ({"rate": 0.0}, {"rate": 30.0, "span": 0}):
        with pytest.raises(ValueError, match="rate is above 0"):
            straight().speed(**wrong)
    with pytest.raises(ValueError, match="at least 1"):
        heat_map([], (10, 10), cell=0)
    with pytest.raises(ValueError, match="at least 3 cars"):
        CarSize.fit([straight(), straight(2)])
    with pytest.raises(ValueError, match="different heights"):
        CarSize.fit([straight(i) for i in range(5)])
