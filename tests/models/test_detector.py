"""The anchor-free detector: assignment against a slow one, its loss, what it learns, bad input."""

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torchvision.ops import box_iou, generalized_box_iou_loss

from companion.data.weights import mobilenet_weights
from companion.models.detector import STRIDE, CellHead, CellMaps, Detector, cell_middles
from companion.models.detector_loss import CORE, assign, detector_loss


def slow_assignment(boxes, height, width):
    """For every cell the smallest box that wants it: {cell: box}."""
    wanted = {}
    for cell in range(height // STRIDE * (width // STRIDE)):
        row, column = divmod(cell, width // STRIDE)
        x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        for x1, y1, x2, y2 in sorted(boxes, key=lambda b: (b[2] - b[0]) * (b[3] - b[1])):
            middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
            core = abs(x - middle_x) <= CORE * (x2 - x1) and abs(y - middle_y) <= CORE * (y2 - y1)
            inside_x = min(max(middle_x, 0), width - 1e-3) // STRIDE == column
            inside_y = min(max(middle_y, 0), height - 1e-3) // STRIDE == row
            if core or (inside_x and inside_y):
                wanted[cell] = [x1, y1, x2, y2]
                break
    return wanted


def random_boxes(count, generator):
    corner = torch.rand(count, 2, generator=generator) * torch.tensor([90.0, 60.0]) - 5
    return torch.cat([corner, corner + 6 + torch.rand(count, 2, generator=generator) * 40], dim=1)


def test_assignment_agrees_with_a_slow_one():
    generator = torch.Generator().manual_seed(0)
    boxes = [random_boxes(count, generator) for count in (4, 0, 9, 1)]
    labels = [torch.arange(len(each)) for each in boxes]
    given = assign(boxes, labels, size=(64, 96), classes=9)
    for image, each in enumerate(boxes):
        rows = given.image == image
        found = dict(zip(given.cell[rows].tolist(), given.boxes[rows].tolist(), strict=True))
        assert found == slow_assignment(each.tolist(), 64, 96)
        assert torch.equal(each[given.labels[rows]], given.boxes[rows])
        votes = torch.zeros(len(each)).index_add(0, given.labels[rows], given.weights[rows])
        torch.testing.assert_close(votes[votes > 0], torch.ones(int((votes > 0).sum())))


def test_every_thing_gets_a_cell_however_small_or_far_out():
    boxes = torch.tensor([[9.4, 9.4, 9.6, 9.6], [-50.0, 10, 1, 12], [60, 60, 200, 300]])
    given = assign([boxes], [torch.tensor([0, 1, 2])], size=(64, 64), classes=3)
    assert set(given.labels.tolist()) == {0, 1, 2}
    assert given.cell[given.labels == 0].tolist() == [2 * 16 + 2]


def maps_of(targets, size=(32, 32), classes=2, sure=9.0):
    """What a network would say that knows the truth."""
    given = assign(targets["boxes"], targets["labels"], size=size, classes=classes)
    cells = size[0] * size[1] // STRIDE**2
    logits = torch.full((len(targets["boxes"]), cells, classes), -sure)
    middles = cell_middles(*size).expand(len(logits), -1, -1)
    boxes = torch.cat([middles - 1, middles + 1], dim=2)
    quality = torch.full(logits.shape[:2], sure)
    logits[given.image, given.cell, given.labels] = sure
    boxes[given.image, given.cell] = given.boxes
    return CellMaps(logits, boxes, quality, size), given


TARGETS = {
    "boxes": [torch.tensor([[2.0, 2, 20, 18], [22, 20, 31, 31]]), torch.zeros(0, 4)],
    "labels": [torch.tensor([1, 0]), torch.zeros(0, dtype=torch.int64)],
}


def test_the_truth_costs_nothing_and_every_fault_costs():
    maps, given = maps_of(TARGETS)
    assert detector_loss(maps, TARGETS) < 0.01
    moved = maps._replace(boxes=maps.boxes + 3)
    each = generalized_box_iou_loss(given.boxes + 3, given.boxes)
    cost = detector_loss(moved, TARGETS)
    assert cost > 2 * (given.weights @ each) / 2  # twice, and the mean of two things
    swapped = maps._replace(logits=maps.logits.flip(2))
    assert detector_loss(swapped, TARGETS) > 1
    doubtful = maps._replace(quality=-maps.quality)
    assert detector_loss(doubtful, TARGETS) > 1


def test_quality_learns_the_overlap():
    maps, given = maps_of(TARGETS)
    moved = maps._replace(boxes=(maps.boxes + 2).requires_grad_(), quality=maps.quality.clone())
    overlap = box_iou(given.boxes + 2, given.boxes).diagonal()
    moved.quality[given.image, given.cell] = overlap.logit()
    moved.quality.requires_grad_()
    detector_loss(moved, TARGETS).backward()
    assert moved.quality.grad.abs().max() < 1e-6  # the best that quality can say
    assert moved.boxes.grad.abs().max() > 1e-3


def test_images_without_things_have_a_loss():
    nothing = {name: values[1:] for name, values in TARGETS.items()}
    maps, _ = maps_of(nothing, sure=0.0)
    maps.logits.requires_grad_()
    loss = detector_loss(maps, nothing)
    loss.backward()
    assert loss > 0
    assert (maps.logits.grad > 0).all()  # everything is pressed down


def squares(count, generator):
    """Bright squares, class 0, and bright frames, class 1, on noise."""
    images = torch.rand(count, 3, 64, 64, generator=generator) * 0.3
    boxes, labels = [], []
    for image in images:
        side = int(torch.randint(12, 28, (), generator=generator))
        x, y = torch.randint(0, 64 - side, (2,), generator=generator).tolist()
        image[:, y : y + side, x : x + side] = 0.9
        frame = bool(torch.rand((), generator=generator) < 0.5)
        if frame:
            image[:, y + 4 : y + side - 4, x + 4 : x + side - 4] = 0
        boxes.append(torch.tensor([[x, y, x + side, y + side]]).float())
        labels.append(torch.tensor([int(frame)]))
    return images, {"boxes": boxes, "labels": labels}


def test_it_learns_to_find_squares_and_frames():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network = Detector(2, mobilenet_weights(), size=(64, 64), width=16)
    images, targets = squares(96, generator)
    maps = [each.split(16) for each in network.backbone(images)]
    optimizer = torch.optim.Adam(network.head.parameters())
    schedule = OneCycleLR(optimizer, 0.02, total_steps=90)  # ends quietly, on every processor
    for step in range(90):
        part = step % 6
        some = {name: each[16 * part : 16 * part + 16] for name, each in targets.items()}
        optimizer.zero_grad()
        detector_loss(network.head([each[part] for each in maps]), some).backward()
        optimizer.step()
        schedule.step()
    network.eval()
    images, targets = squares(96, generator)
    with torch.no_grad():
        boxes, probs = network.candidates(images)
    best = probs.flatten(1).argmax(1)
    rows = torch.arange(96)
    hits = box_iou(boxes[rows, best // 2], torch.cat(targets["boxes"])).diagonal() > 0.5
    right = best % 2 == torch.cat(targets["labels"])
    assert (hits & right).float().mean() > 0.9, (hits.float().mean(), right.float().mean())


def test_the_untrained_network_expects_next_to_nothing():
    network = Detector(3, size=(64, 64)).eval()
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    with torch.no_grad():
        boxes, probs = network.candidates(images)
        torch.testing.assert_close(network.candidates(images / 255), (boxes, probs))
    assert boxes.shape == (2, 16 * 24, 4)
    assert probs.shape == (2, 16 * 24, 3)
    assert probs.mean() < 0.15
    assert not any(weight.requires_grad for weight in network.backbone.parameters())
    assert all(weight.requires_grad for weight in network.head.parameters())


def test_the_head_takes_maps_of_any_layout():
    torch.manual_seed(0)
    head = CellHead(2, channels=(4, 6), width=8).eval()
    maps = [torch.rand(2, 4, 16, 8), torch.rand(2, 6, 8, 4)]
    last = [each.contiguous(memory_format=torch.channels_last) for each in maps]
    torch.testing.assert_close(head(maps).boxes, head(last).boxes)
    assert head(maps).size == (64, 32)
    assert isinstance(head.output, nn.Conv2d)


@pytest.mark.parametrize(
    ("boxes", "labels", "message"),
    [
        ([[5, 5, 5, 9]], [0], r"\[5.0, 5.0, 5.0, 9.0\] has no area"),
        ([[5, 9, 8, 7]], [0], "has no area"),
        ([[5, 5, float("nan"), 9]], [0], "has no area"),
        ([[64, 5, 70, 9]], [0], r"lies outside of the image of 64 x 64 pixels"),
        ([[-9, -9, 0, 5]], [0], "lies outside"),
        ([[5, 5, 9, 9]], [2], "between 0 and 1, got 2 to 2"),
        ([[5, 5, 9, 9]], [-1], "between 0 and 1, got -1"),
        ([[5, 5, 9, 9]], [0, 1], r"got \[1\] boxes and \[2\] labels"),
    ],
)
def test_bad_targets(boxes, labels, message):
    with pytest.raises(ValueError, match=message):
        assign([torch.tensor(boxes).float()], [torch.tensor(labels)], size=(64, 64), classes=2)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 60, 64), (1, 3, 0, 64)])
def test_images_of_the_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"N x 3 x H x W|multiples of 16"):
        Detector(1)(torch.zeros(shape))


@pytest.mark.parametrize(("classes", "width"), [(0, 8), (2, 0)])
def test_settings_out_of_range(classes, width):
    with pytest.raises(ValueError, match="start at 1"):
        Detector(classes, width=width)
