"""Landmarks against the eyes that people marked, and against dlib's own answers."""

import dlib
import numpy as np
import pytest
from skimage import data

from companion.tasks import faces


@pytest.fixture(scope="module")
def astronaut():
    return data.astronaut()


@pytest.fixture(scope="module")
def boxes(astronaut):
    return faces.detect(astronaut, method="hog").boxes


def error_in_eye_distances(eyes, truth):
    apart = np.linalg.norm(truth[:, 1] - truth[:, 0], axis=1)
    return np.linalg.norm(eyes - truth, axis=2).mean(1) / apart


@pytest.mark.parametrize("points", [5, 68])
def test_without_refinement_it_is_dlibs_own_answer(astronaut, boxes, models_folder, points):
    file = models_folder / f"shape_predictor_{points}_face_landmarks.dat"
    shape = dlib.shape_predictor(str(file))(astronaut, dlib.rectangle(*boxes[0].astype(int)))
    expected = [[(point.x, point.y) for point in shape.parts()]]
    got = faces.landmarks(astronaut, boxes, points=points, refinements=0)
    np.testing.assert_array_equal(got, expected)


def test_the_eyes_lie_where_people_marked_them(found):
    errors = error_in_eye_distances(faces.eye_centres(found.points), found.portraits.eyes)
    assert errors.mean() <= 0.065
    assert errors.max() <= 0.25


def test_5_and_68_points_name_the_same_eyes(astronaut, boxes):
    five, many = (faces.eye_centres(faces.landmarks(astronaut, boxes, points=n)) for n in (5, 68))
    assert five[0, 0, 0] < five[0, 1, 0]  # the image's left comes first
    assert error_in_eye_distances(five, many).max() < 0.1


def test_refinement_makes_the_answer_depend_less_on_the_box(astronaut, boxes):
    """Ten boxes around one face, moved and scaled as detectors differ."""
    rng = np.random.default_rng(0)
    side = boxes[0, 2] - boxes[0, 0]
    middles = boxes[:, :2] + side / 2 + rng.uniform(-0.08, 0.08, (10, 2)) * side
    halves = side / 2 * rng.uniform(0.9, 1.15, (10, 1))
    others = np.concatenate([middles - halves, middles + halves], axis=1)
    spread = [faces.landmarks(astronaut, others, refinements=n).std(axis=0).mean() for n in (0, 2)]
    assert spread[1] < 0.5 * spread[0]


def test_points_move_with_the_picture(astronaut, boxes):
    step = np.array([16, 24])
    moved = np.pad(astronaut, ((24, 0), (16, 0), (0, 0)), mode="edge")
    there = faces.landmarks(moved, boxes + np.tile(step, 2))
    np.testing.assert_allclose(there, faces.landmarks(astronaut, boxes) + step, atol=1.5)


def test_alignment_undoes_a_rotation(astronaut, boxes):
    points = faces.landmarks(astronaut, boxes)
    turned = np.rot90(astronaut).copy()  # counter-clockwise: (x, y) goes to (y, width - 1 - x)
    width = astronaut.shape[1]
    elsewhere = np.stack([points[..., 1], width - 1 - points[..., 0]], axis=-1)
    upright = faces.align(astronaut, points).astype(float)
    difference = np.abs(faces.align(turned, elsewhere) - upright).mean()
    assert difference < 4
    assert np.abs(faces.align(turned, boxes) - upright).mean() > 4 * difference


def test_alignment_puts_the_eyes_of_everybody_in_one_place(found):
    eyes = []
    for image, points in zip(found.portraits.images[:20], found.points[:20], strict=True):
        chip = faces.align(image, points[None])[0]
        middle = np.array([[38.0, 38.0, 112.0, 112.0]])
        eyes.append(faces.eye_centres(faces.landmarks(chip, middle))[0])
    eyes = np.array(eyes)  # (20, 2, 2)
    assert np.abs(eyes[:, 0, 1] - eyes[:, 1, 1]).mean() < 3  # level
    assert (eyes.std(axis=0) < 4).all()


def test_size_and_padding(astronaut, boxes):
    assert faces.align(astronaut, boxes, size=64).shape == (1, 64, 64, 3)
    tight, wide = (faces.align(astronaut, boxes, padding=p) for p in (0.1, 0.5))
    assert not np.array_equal(tight, wide)
    for arguments, message in (({"size": 1}, "2 to 2048"), ({"padding": -0.1}, "0 to 2")):
        with pytest.raises(ValueError, match=message):
            faces.align(astronaut, boxes, **arguments)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(4), r"\(N, 4\).*got \(4,\)"),
        (np.array([[5.0, 5, 5, 9]]), "x1 < x2"),
        (np.array([[0.0, 0, 9, np.nan]]), "finite"),
        (np.array([[0.0, 0, 9, 1e12]]), "within a million"),
    ],
)
def test_refuses_boxes(astronaut, bad, message):
    with pytest.raises(ValueError, match=message):
        faces.landmarks(astronaut, bad)


def test_refuses_other_settings(astronaut, boxes):
    with pytest.raises(ValueError, match="5 or 68, got 6"):
        faces.landmarks(astronaut, boxes, points=6)
    with pytest.raises(ValueError, match="0 to 10"):
        faces.landmarks(astronaut, boxes, refinements=-1)
    with pytest.raises(ValueError, match=r"5 or 68, 2\), got \(1, 6, 2\)"):
        faces.eye_centres(np.zeros((1, 6, 2)))
