"""The pyramid in one picture: laid out as dlib does it, and the same faces found."""

from concurrent.futures import ThreadPoolExecutor

import dlib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from companion.models.face_detector import FaceDetector
from companion.tasks import face_models, face_pyramid, faces


@pytest.fixture(scope="module")
def astronaut():
    return data.astronaut()


@pytest.fixture(scope="module")
def theirs(models_folder):
    return dlib.cnn_face_detection_model_v1(str(models_folder / face_models.FILES["cnn"]))


def both(theirs, image, upsample):
    """dlib's boxes and scores, and ours."""
    answer = theirs(image, upsample)
    boxes = [[f.rect.left(), f.rect.top(), f.rect.right(), f.rect.bottom()] for f in answer]
    expected = np.reshape(np.array(boxes, float), (-1, 4)), [f.confidence for f in answer]
    return expected, faces.detect(image, upsample=upsample, method="cnn")


@pytest.mark.parametrize(
    ("cut", "upsample"),
    [
        (np.s_[:360, :360], 0),  # square
        (np.s_[:300, 100:300], 0),  # high
        (np.s_[60:200, 130:], 0),  # wide
        (np.s_[60:101, 150:290], 0),  # hardly higher than the smallest that is searched
        (np.s_[40:220, 130:310], 0),  # the face fills it: the window reaches beyond the edge
        (np.s_[40:220, 130:310], 1),
        (np.s_[60:130, 150:290], 2),
    ],
)
def test_finds_what_dlib_finds_in_pictures_of_any_shape(theirs, astronaut, cut, upsample):
    (boxes, scores), found = both(theirs, np.ascontiguousarray(astronaut[cut]), upsample)
    np.testing.assert_array_equal(found.boxes, boxes)
    np.testing.assert_allclose(found.scores, scores, atol=1e-3)
    assert found.method == "cnn"


def test_finds_what_dlib_finds_among_many_faces(theirs, astronaut):
    face = astronaut[20:220, 120:300]
    several = np.hstack([face, face[:, ::-1], face // 2 + 60])
    crowd = np.ascontiguousarray(np.vstack([several, several[::2].repeat(2, axis=0)]))
    (boxes, scores), found = both(theirs, crowd, 0)
    assert len(boxes) >= 5
    order = np.argsort(-np.array(scores), kind="stable")
    np.testing.assert_array_equal(found.boxes, boxes[order])
    np.testing.assert_allclose(found.scores, np.array(scores)[order], atol=1e-3)


def test_finds_what_dlib_finds_in_portraits(theirs, found):
    for image in found.portraits.images[::20]:
        (boxes, scores), ours = both(theirs, image, 0)
        assert len(boxes)
        np.testing.assert_array_equal(ours.boxes, boxes)
        np.testing.assert_allclose(ours.scores, scores, atol=1e-3)


@given(st.integers(40, 700), st.integers(40, 700))
def test_levels_lie_apart_and_inside(height, width):
    plan = face_pyramid.layout(height, width)
    levels = plan.boxes
    assert levels[0].tolist() == [11, 11, width + 10, height + 10]
    assert (levels[:, :2] >= 11).all()
    assert (levels[:, 2:] < [plan.width - 11, plan.height - 11]).all()
    cover = np.zeros((plan.height, plan.width), int)
    for left, top, right, bottom in levels:
        cover[top : bottom + 1, left : right + 1] += 1
    assert cover.max() == 1
    sides = levels[:, 2:] - levels[:, :2] + 1
    assert (np.diff(sides, axis=0) < 0).all()


def test_the_picture_holds_the_photograph_and_smaller_ones_on_the_mean_colour(astronaut):
    photograph = torch.from_numpy(astronaut[:100, :120].copy()).permute(2, 0, 1).float()
    plan = face_pyramid.layout(100, 120)
    picture = face_pyramid.tile(photograph, plan)
    assert picture.shape == (1, 3, plan.height, plan.width)
    colours = picture[0] * 256 + torch.tensor([122.782, 117.001, 104.298]).view(3, 1, 1)
    torch.testing.assert_close(colours[:, 11:111, 11:131], photograph, atol=1e-3, rtol=0)
    left, top, right, bottom = plan.boxes[1]
    smaller = colours[:, top : bottom + 1, left : right + 1]
    assert smaller.shape == (3, 83, 100)
    torch.testing.assert_close(smaller[:, 0, 0], photograph[:, 0, 0], atol=1e-3, rtol=0)
    torch.testing.assert_close(smaller[:, -1, -1], photograph[:, -1, -1], atol=1e-3, rtol=0)
    assert (picture[0, :, :11] == 0).all()
    assert (picture[0, :, -11:] == 0).all()


def test_refuses_a_photograph_of_another_size():
    plan = face_pyramid.layout(100, 120)
    for shape in ((3, 120, 100), (100, 120, 3), (1, 3, 100, 120)):
        with pytest.raises(ValueError, match=r"\(3, 100, 120\), got \(.*make one with layout"):
            face_pyramid.tile(torch.zeros(shape), plan)


def test_reads_pictures_that_must_not_be_changed(astronaut, recwarn):
    locked = astronaut.copy()
    locked.flags.writeable = False
    found = faces.detect(locked, method="cnn")
    np.testing.assert_array_equal(found.boxes, faces.detect(astronaut, method="cnn").boxes)
    assert not recwarn.list


def test_where_no_score_is_above_zero_there_is_no_face():
    network = FaceDetector().eval()
    for conv in (module for module in network if isinstance(module, torch.nn.Conv2d)):
        torch.nn.init.zeros_(conv.weight)
        torch.nn.init.zeros_(conv.bias)
    boxes, scores = face_pyramid.search(network, np.zeros((64, 64, 3), np.uint8))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


def test_threads_share_the_network(astronaut):
    expected = faces.detect(astronaut, method="cnn")
    with ThreadPoolExecutor(4) as pool:
        results = pool.map(lambda _: faces.detect(astronaut, method="cnn"), range(4))
    for found in results:
        np.testing.assert_array_equal(found.boxes, expected.boxes)
