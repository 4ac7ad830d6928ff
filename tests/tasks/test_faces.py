"""Detection and embedding: agreement with dlib, the portraits' figures, and clear refusals."""

import dlib
import numpy as np
import pytest
from skimage import data

from companion.tasks import faces
from companion.tasks.face_models import FaceModels


@pytest.fixture(scope="module")
def astronaut():
    return data.astronaut()


def test_hog_gives_what_dlib_gives(astronaut):
    detector = dlib.get_frontal_face_detector()
    for upsample in (0, 1):
        rectangles, scores, _ = detector.run(astronaut, upsample, 0.0)
        found = faces.detect(astronaut, upsample=upsample, method="hog")
        expected = [(r.left(), r.top(), r.right(), r.bottom()) for r in rectangles]
        assert sorted(map(tuple, found.boxes.tolist())) == sorted(expected)
        np.testing.assert_array_equal(found.scores, sorted(scores, reverse=True))
        assert found.method == "hog"


def test_finds_every_face_of_a_collage_and_the_largest_of_them(astronaut):
    small = astronaut[50:250:1, 100:350]
    collage = np.zeros((420, 520, 3), np.uint8)
    collage[:200, :250] = small
    collage[:200, 260:510] = small[:, ::-1]
    collage[210:410, 130:380] = small
    found = faces.detect(collage, upsample=1, method="hog")
    assert len(found) == 3
    assert (np.diff(found.scores) <= 0).all()
    boxes = np.array([[0, 0, 10, 10], [0, 0, 30, 9], [5, 5, 15, 15]], float)
    largest = faces.Detections(boxes, np.arange(3.0), "hog").largest()
    assert largest.boxes.tolist() == [[0, 0, 30, 9]]
    assert largest.scores.tolist() == [1.0]


def test_where_there_is_no_face_the_arrays_are_empty(models_folder):
    wall = data.brick()
    wall = np.stack([wall[:128, :128]] * 3, axis=-1)
    for method in ("hog", "cnn", "cascade"):
        found = faces.detect(wall, method=method)
        assert found.boxes.shape == (0, 4)
        assert found.scores.shape == (0,)
        assert len(found) == len(found.largest()) == 0
    none = np.empty((0, 4))
    assert faces.landmarks(wall, none).shape == (0, 5, 2)
    assert faces.landmarks(wall, none, points=68).shape == (0, 68, 2)
    assert faces.eye_centres(np.empty((0, 5, 2))).shape == (0, 2, 2)
    assert faces.align(wall, none).shape == (0, 150, 150, 3)
    assert faces.embed(wall, none).shape == (0, 128)
    assert faces.embed_chips([]).dtype == np.float32


def test_every_portrait_gets_its_face_and_the_eyes_lie_in_it(found):
    assert all(len(each) == 1 for each in found.detections)
    by_hog = sum(each.method == "hog" for each in found.detections)
    assert 145 <= by_hog <= 152  # HOG misses some, so that the cascade is really needed
    boxes = np.concatenate([each.boxes for each in found.detections])
    eyes = found.portraits.eyes
    assert (eyes > boxes[:, None, :2]).all()
    assert (eyes < boxes[:, None, 2:]).all()


def test_the_cascade_asks_the_cnn_only_where_hog_sees_nothing(found, monkeypatch):
    asked = []
    models = FaceModels()
    monkeypatch.setattr(
        models, "cnn", lambda *_: asked.append(1) or (np.empty((0, 4)), np.empty(0))
    )
    seen = next(i for i, each in enumerate(found.detections) if each.method == "hog")
    unseen = next(i for i, each in enumerate(found.detections) if each.method == "cnn")
    assert len(faces.detect(found.portraits.images[seen], models=models)) == 1
    assert not asked
    assert len(faces.detect(found.portraits.images[unseen], models=models)) == 0
    assert len(asked) == 1
    assert len(faces.detect(found.portraits.images[unseen], method="hog", models=models)) == 0
    assert len(asked) == 1


def test_the_same_person_lies_closer_than_another(found):
    """Eight people, four portraits each: nearest neighbours, and the two kinds of distances."""
    people = found.portraits.people
    chosen = [i for who in sorted(set(people))[:8] for i in np.flatnonzero(people == who)[:4]]
    chips = [faces.align(found.portraits.images[i], found.points[i : i + 1])[0] for i in chosen]
    codes = faces.embed_chips(chips)
    assert codes.shape == (len(chosen), 128)
    distances = np.linalg.norm(codes[:, None] - codes, axis=2)
    same = people[chosen][:, None] == people[chosen]
    np.fill_diagonal(distances, np.inf)
    right = people[chosen][distances.argmin(1)] == people[chosen]
    assert right.mean() >= 0.9
    others = ~np.eye(len(chosen), dtype=bool)
    assert np.median(distances[same & others]) < 0.5 < np.median(distances[~same])


def test_embed_is_align_and_embed_chips(astronaut, models_folder):
    boxes = faces.detect(astronaut, method="hog").boxes
    codes = faces.embed(astronaut, boxes)
    assert codes.dtype == np.float32
    points = faces.landmarks(astronaut, boxes)
    np.testing.assert_array_equal(faces.embed(astronaut, points), codes)
    np.testing.assert_array_equal(faces.embed_chips(faces.align(astronaut, points)), codes)


def test_a_face_and_its_mirror_image_have_the_same_numbers(astronaut, models_folder):
    chip = faces.align(astronaut, faces.detect(astronaut, method="hog").boxes)[0]
    both = faces.embed_chips([chip, chip[:, ::-1]])
    np.testing.assert_allclose(both[0], both[1], atol=1e-5)
    single = faces.embed_chips([chip, chip[:, ::-1]], mirror=False)
    assert np.linalg.norm(single[0] - single[1]) > 0.05
    np.testing.assert_allclose(single.mean(0), both[0], atol=1e-5)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        ([[1]], TypeError, "numpy array, got list"),
        (np.zeros((90, 90, 3)), TypeError, "uint8 from 0 to 255, got float64"),
        (np.zeros((90, 90), np.uint8), ValueError, "make a grey one RGB"),
        (np.zeros((90, 90, 4), np.uint8), ValueError, r"RGB, got \(90, 90, 4\)"),
        (np.zeros((0, 90, 3), np.uint8), ValueError, "no pixels"),
        (np.zeros((39, 90, 3), np.uint8), ValueError, "at least 40 pixels.*got 90 x 39"),
    ],
)
def test_refuses_what_is_no_photograph(image, error, message):
    with pytest.raises(error, match=message):
        faces.detect(image)


def test_reads_a_view_as_well_as_a_copy(astronaut):
    view = astronaut[:, ::-1]
    assert not view.flags.c_contiguous
    np.testing.assert_array_equal(
        faces.detect(view, method="hog").boxes, faces.detect(view.copy(), method="hog").boxes
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "haar"}, ValueError, "'hog', 'cnn' or 'cascade', got 'haar'"),
        ({"upsample": -1}, ValueError, "0 to 4, got -1"),
        ({"upsample": 5}, ValueError, "0 to 4, got 5"),
        ({"upsample": 1.0}, TypeError, "integer, got float"),
        ({"upsample": True}, TypeError, "integer, got bool"),
    ],
)
def test_refuses_senseless_settings(astronaut, arguments, error, message):
    with pytest.raises(error, match=message):
        faces.detect(astronaut, **arguments)


def test_refuses_a_chip_of_another_size(models_folder):
    with pytest.raises(ValueError, match=r"150 x 150 x 3, got \(96, 96, 3\); cut it out"):
        faces.embed_chips(np.zeros((2, 96, 96, 3), np.uint8))
    with pytest.raises(TypeError, match="float32"):
        faces.embed_chips(np.zeros((2, 150, 150, 3), np.float32))
