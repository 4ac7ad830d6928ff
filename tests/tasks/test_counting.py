import numpy as np
import pytest

from companion.tasks.counting import Crossing, agreement, count, crossings
from companion.tasks.track_paths import Path

LINE = {"mid": ((20, 50), (80, 50))}  # walked to the right: down the picture is forward


def way(points, identity=1, first=0):
    points = np.asarray(points, float)
    return Path(identity, first + np.arange(len(points)), points, np.ones((len(points), 2)))


def down(x=50.0, identity=1, first=0):
    return way([(x, y) for y in range(20, 81, 4)], identity, first)


def test_down_is_forward_and_up_is_backward():
    back = way(down().points[::-1], 2)
    found = crossings([down(), back], LINE)
    assert [(c.identity, c.forward) for c in found] == [(1, True), (2, False)]
    assert count(found, LINE) == {"mid": (1, 1)}
    turned = {"mid": LINE["mid"][::-1]}
    assert [c.forward for c in crossings([down(), back], turned)] == [False, True]


def test_picture_and_place_of_a_crossing():
    (found,) = crossings([down(first=100)], LINE)
    assert found.picture == 108  # the first across: y = 52
    assert found.along == 30
    slanted = way([(30, 44), (40, 56)])
    (found,) = crossings([slanted], LINE)
    assert found.along == pytest.approx(15)


def test_beyond_the_ends_nothing_is_counted():
    assert crossings([down(x=19.9), down(x=80.1, identity=2)], LINE) == []
    assert len(crossings([down(x=20), down(x=80, identity=2)], LINE)) == 2


def test_who_turns_back_is_not_counted_and_who_dithers_is_counted_once():
    back = way([(50, y) for y in (40, 48, 56, 48, 40)])
    dithers = way([(50, y) for y in (40, 52, 48, 52, 60)], 2)
    assert crossings([back], LINE) == []
    (found,) = crossings([dithers], LINE)
    assert found.picture == 3
    along_the_line = way([(x, 50) for x in range(30, 70)], 3)
    assert crossings([along_the_line], LINE) == []


def test_paths_of_one_picture_and_no_paths_are_defined():
    assert crossings([way([(50, 50)])], LINE) == []
    assert crossings([], LINE) == []
    assert count([], LINE) == {"mid": (0, 0)}


def test_random_ways_are_counted_as_their_ends_say():
    generator = np.random.default_rng(0)
    wide = {"mid": ((-1000, 50), (1000, 50))}
    for number in range(50):
        walk = way(50 + np.cumsum(generator.normal(0, 9, (40, 2)), axis=0), number)
        found = crossings([walk], wide)
        before, after = walk.points[[0, -1], 1] >= 50
        assert [c.forward for c in found] == ([] if before == after else [bool(after)])


def test_agreement_pairs_as_many_as_possible():
    found = [Crossing("a", i, picture, 0.0, True) for i, picture in enumerate((10, 18, 40, 90))]
    result = agreement(found, [("a", 16), ("a", 24), ("a", 60), ("b", 90)], tolerance=15)
    assert result.pairs.tolist() == [[0, 0], [1, 1]]
    assert result.missed == [2, 3]
    assert result.false == [2, 3]


def test_agreement_ignores_traffic_the_wrong_way_and_takes_nothing():
    backward = [Crossing("a", 1, 10, 0.0, False)]
    result = agreement(backward, [("a", 10)])
    assert (len(result.pairs), result.missed, result.false) == (0, [0], [0])
    empty = agreement([], [])
    assert (len(empty.pairs), empty.missed, empty.false) == (0, [], [])


def test_bad_lines_are_named():
    for ends in (((1, 1), (1, 1)), ((1, 2, 3), (4, 5, 6)), ((0, 0), (np.nan, 3))):
        with pytest.raises(ValueError, match="'mid' needs two different points"):
            crossings([], {"mid": ends})
