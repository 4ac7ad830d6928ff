"""What holds for every picture and every box, tried on hundreds that hypothesis makes up."""

import io

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from torchvision.ops import box_iou

from companion.commands.pictures import with_boxes
from companion.data.augment import AffinePerImage, FlipPerImage, LightPerImage
from companion.data.images import read_image, write_image
from companion.seeding import torch_generator
from companion.tasks.counting import crossings
from companion.tasks.detection import Detections, letterbox, suppress
from companion.tasks.detection_scores import Truth, average_precision, match
from companion.tasks.diagnosis_crop import crop
from companion.tasks.privacy_blur import blur, cover, hide, pixelate
from companion.tasks.track_paths import Path
from companion.tasks.tracking import Sort

sides = st.integers(1, 40)
pixels = st.integers(0, 255)


@st.composite
def pictures(draw, channels=(3,)):
    shape = draw(st.tuples(sides, sides)) + channels
    return np.random.default_rng(draw(st.integers(0, 999))).integers(0, 256, shape, np.uint8)


@st.composite
def boxes(draw, most=8, low=-30, high=70):
    """Boxes with an area, inside of a picture or not."""
    count = draw(st.integers(0, most))
    corners = draw(arrays(np.float32, (count, 2), elements=st.integers(low, high)))
    size = draw(arrays(np.float32, (count, 2), elements=st.integers(1, 40)))
    return np.concatenate([corners, corners + size], axis=1)


@st.composite
def detections(draw):
    found = torch.from_numpy(draw(boxes(low=0)))
    probs = draw(st.permutations(range(1, len(found) + 1)))
    labels = draw(st.lists(st.integers(0, 2), min_size=len(found), max_size=len(found)))
    probs = torch.tensor(probs, dtype=torch.float32) / (len(found) + 1)
    return Detections(found, torch.tensor(labels, dtype=torch.int64), probs)


@given(pictures(), st.sampled_from([".png", ".bmp", ".tif"]))
def test_what_is_written_is_read(tmp_path_factory, picture, ending):
    path = tmp_path_factory.mktemp("pictures") / f"a{ending}"
    assert np.array_equal(read_image(write_image(picture, path)), picture)


@given(pictures(), st.integers(1, 8))
def test_a_picture_stands_upright_however_the_camera_was_held(picture, orientation):
    turned = {  # what a camera stores, so that the tag brings the picture back
        1: picture, 2: picture[:, ::-1], 3: picture[::-1, ::-1], 4: picture[::-1],
        5: picture.swapaxes(0, 1), 6: np.rot90(picture), 7: np.rot90(picture, 2).swapaxes(0, 1),
        8: np.rot90(picture, -1),
    }[orientation]  # fmt: skip
    image, stream, exif = Image.fromarray(np.ascontiguousarray(turned)), io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    image.save(stream, "PNG", exif=exif)
    assert np.array_equal(read_image(stream.getvalue()), picture)


@given(pictures((3,)), sides, sides, boxes(low=0, high=39))
def test_a_letterbox_holds_all_of_the_picture_and_boxes_find_back(picture, height, width, found):
    image = torch.from_numpy(picture).permute(2, 0, 1)
    boxed, frame = letterbox(image, (height, width))
    assert boxed.shape == (3, height, width)
    scale, offset = np.array(frame.scale * 2), np.array(frame.offset * 2)
    limits = np.array([picture.shape[1], picture.shape[0]] * 2)
    inside = np.clip(found, 0, limits)
    again = frame.to_image(torch.from_numpy(inside * scale + offset))
    np.testing.assert_allclose(again, inside, atol=1e-3)
    right, bottom = limits[:2] * scale[:2] + offset[:2]
    assert right <= width + 1e-6
    assert bottom <= height + 1e-6


@given(detections(), st.floats(0.05, 0.95))
def test_suppression_keeps_the_surest_and_nothing_that_overlaps_it(found, limit):
    probs = torch.zeros(1, len(found), 3)
    probs[0, torch.arange(len(found)), found.labels] = found.probs
    (kept,) = suppress(found.boxes[None], probs, torch.full((3,), 1e-6), overlap=limit)
    for label in found.labels.unique().tolist():
        ours, all_of_it = kept.of(label), found.of(label)
        assert ours.probs.max() == all_of_it.probs.max()
        overlaps = box_iou(ours.boxes, ours.boxes).fill_diagonal_(0)
        assert (overlaps <= limit + 1e-6).all()  # at the limit itself, rounding decides
        lost = box_iou(all_of_it.boxes, ours.boxes).amax(dim=1)
        assert ((lost > limit - 1e-6) | torch.isin(all_of_it.probs, ours.probs)).all()


@given(detections(), st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_things(found, chance):
    rows = list(range(len(found)))
    chance.shuffle(rows)
    truth = Truth(found.boxes[rows], found.labels[rows])
    chosen = match(found, truth, iou=0.999)
    if len({tuple(box) for box in found.boxes.tolist()}) == len(found):
        assert torch.equal(truth.boxes[chosen], found.boxes)
    assert sorted(chosen.tolist()) == list(range(len(found)))
    if len(found):
        assert average_precision([found], [truth]).map_50 == pytest.approx(1)


@given(boxes(most=5), st.integers(1, 4), st.integers(2, 12))
@settings(max_examples=40)
def test_what_stands_still_keeps_its_number(found, keep, count):
    apart = found + 200 * np.arange(len(found))[:, None]  # far from each other
    tracker = Sort(keep=keep)
    for _ in range(count):
        tracks = tracker.update(apart)
        assert tracks.identities.tolist() == list(range(1, len(found) + 1))
        np.testing.assert_allclose(tracks.boxes, apart, atol=1e-2)


@given(st.lists(boxes(most=4), max_size=12))
@settings(max_examples=40)
def test_no_two_tracks_of_a_picture_have_one_number(sequence):
    tracker, given_before = Sort(), 0
    for found in sequence:
        tracks = tracker.update(found)
        assert len(set(tracks.identities.tolist())) == len(tracks) <= len(found)
        assert np.isfinite(tracks.boxes).all()
        given_before = max(given_before, *tracks.identities.tolist(), 0)
    assert given_before <= sum(map(len, sequence))


point = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(np.array)


@given(point, point, st.lists(point, min_size=2, max_size=9), st.sampled_from([0, 0.37]))
@example(np.array([0, 2]), np.array([24, 1]), [(23, 0), (24, 1)], 0.37)  # passes the very end
def test_a_line_turned_round_counts_the_other_way(start, end, points, shift):
    if (start == end).all():
        return
    steps = np.array(points) + shift
    way = Path(1, np.arange(len(steps)), steps, np.ones((len(steps), 2)))
    there = crossings([way], {"line": [start, end]})
    back = crossings([way], {"line": [end, start]})
    assert [each.picture for each in there] == [each.picture for each in back]
    assert [each.forward for each in there] == [not each.forward for each in back]
    length = np.hypot(*(end - start))
    for one, other in zip(there, back, strict=True):
        assert np.isclose(one.along + other.along, length)


@given(pictures(), boxes(), st.sampled_from(["cover", "blur", "pixelate"]))
def test_hiding_changes_nothing_outside_of_the_boxes(picture, found, name):
    effect = {
        "cover": cover, "blur": lambda f: blur(f, 2.0), "pixelate": lambda f: pixelate(f, 1),
    }[name]  # fmt: skip
    hidden = hide(picture, found, effect)
    outside = np.ones(picture.shape[:2], bool)
    for x1, y1, x2, y2 in found.clip(0, None):
        outside[int(np.floor(y1)) : int(np.ceil(y2)), int(np.floor(x1)) : int(np.ceil(x2))] = False
    assert hidden.shape == picture.shape
    assert hidden.dtype == np.uint8
    assert np.array_equal(hidden[outside], picture[outside])


@given(pictures(), boxes())
def test_frames_can_be_drawn_anywhere(picture, found):
    before = picture.copy()
    drawn = with_boxes(picture, found, [f"thing {number}" for number in range(len(found))])
    assert drawn.shape == picture.shape
    assert drawn.dtype == np.uint8
    assert np.array_equal(picture, before)
    if not len(found):
        assert np.array_equal(drawn, picture)


@given(pictures((1,)), st.integers(2, 20))
def test_the_whole_picture_cut_out_is_the_picture(picture, size):
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    height, width = picture.shape[:2]
    whole = torch.tensor([[0.0, 0.0, width, height]])
    same = crop(image, whole, size=size)
    assert same.shape == (1, 1, size, size)
    assert same.min() >= image.min() - 1e-5
    assert same.max() <= image.max() + 1e-5


@given(
    st.integers(1, 5), st.sampled_from([1, 3]), st.integers(2, 20), st.integers(2, 20),
    st.integers(0, 99),
)  # fmt: skip
def test_augmentation_keeps_shape_and_range_and_does_nothing_when_asked_for_nothing(
    count, channels, height, width, seed
):
    generator = torch_generator(seed)
    images = torch.rand(count, channels, height, width, generator=generator)
    still = AffinePerImage(degrees=0, translate=(0.0, 0.0))
    torch.manual_seed(seed)
    torch.testing.assert_close(still(images), images, atol=1e-4, rtol=0)
    for change in (AffinePerImage(degrees=30, translate=(0.2, 0.2)), LightPerImage()):
        changed = change(images)
        assert changed.shape == images.shape
        assert changed.min() >= 0
        assert changed.max() <= 1 + 1e-6
    flipped = FlipPerImage(p=1.0)(images)
    assert torch.equal(flipped, images.flip(3))
