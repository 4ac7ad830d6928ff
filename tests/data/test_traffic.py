import numpy as np
import pytest

from companion.data.traffic import LINES, PEOPLE, hand_count, load_junction


def test_the_film_is_what_the_module_says():
    film = load_junction(first=340)
    assert film.frames.shape == (10, 576, 704)
    assert film.frames.dtype == np.uint8
    assert film.rate == 30
    part = load_junction(first=341, count=2)
    np.testing.assert_array_equal(part.frames, film.frames[1:3])


def test_asking_beyond_the_end_is_an_error():
    with pytest.raises(ValueError, match="ends after 350"):
        load_junction(first=349, count=2)


def test_the_hand_count_adds_up():
    passages = hand_count()
    by_line = {name: [p for p in passages if p.line == name] for name in LINES}
    assert sum(map(len, by_line.values())) == len(passages)
    for of_line in by_line.values():
        pictures = [p.picture for p in of_line]
        assert pictures == sorted(pictures)
        assert pictures[0] >= 0
        assert pictures[-1] < 350
    # who comes in goes straight on or to the left, but for the two that are still on their way
    out = len(by_line["straight on"]) + len(by_line["left"])
    late = [p for p in by_line["in"] if p.picture > 300]
    assert len(by_line["in"]) == out + len(late)
    hidden = [sum(p.what == "beside" for p in by_line[name]) for name in ("in", "left")]
    assert hidden == [2, 2]


def test_lines_and_people_lie_in_the_picture():
    points = np.array([*LINES.values()]).reshape(-1, 2)
    people = np.array(PEOPLE)
    for x, y in (points.T, people[:, 1:].T):
        assert x.min() >= 0
        assert x.max() < 704
        assert y.min() >= 0
        assert y.max() < 576
    assert people[:, 0].max() < 350
