"""Darknet networks against a slow reading of the same two files in NumPy, and bad files."""

import re

import cv2
import numpy as np
import pytest
import torch

from companion.data.weights import yolov4_tiny
from companion.models.darknet import Darknet
from companion.models.darknet_cfg import parse_cfg

EVERY_KIND = """
[net]
width=20   # a comment
height=12
channels=3
learning_rate=0.1

[convolutional]
batch_normalize=1
filters=4
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=1

[maxpool]
size=3
stride=1

[route]
layers=-1
groups=2
group_id=1

[convolutional]
filters=6
size=3
stride=2
pad=0
activation=linear

[maxpool]
size=2
stride=2

[upsample]
stride=2

[route]
layers=-1,-1

[convolutional]
filters=14
activation=linear

[yolo]
mask=1,2
anchors=3,4, 5,6, 8,7
num=3
classes=2
scale_x_y=1.2

[route]
layers=3

[convolutional]
filters=7
activation=linear
[yolo]
mask=0
anchors=3,4, 5,6, 8,7
num=3
classes=2
"""


def reference(cfg: str, numbers: np.ndarray, image: np.ndarray):
    """Boxes (A, 4) and probabilities (A, classes) of one image (C, H, W), in float64."""
    sections = [
        (kind, dict(re.findall(r"^\s*(\w+)\s*=\s*([^#\n]+?)\s*(?:#.*)?$", body, re.M)))
        for kind, body in re.findall(r"^\[(\w+)\]([^\[]*)", cfg, re.M)
    ]
    used, outputs, boxes, probs = 0, [], [], []

    def take(count):
        nonlocal used
        used += count
        return numbers[used - count : used].astype(float)

    maps = image.astype(float)
    for kind, options in sections[1:]:

        def number(name, default=0, options=options):
            return int(options.get(name, default))

        if kind == "convolutional":
            filters, size, stride = number("filters"), number("size", 1), number("stride", 1)
            shift, scale = take(filters), np.ones(filters)
            if number("batch_normalize"):
                scale, mean, variance = take(filters), take(filters), take(filters)
                scale = scale / np.sqrt(variance + 1e-5)
                shift = shift - mean * scale
            kernel = take(filters * len(maps) * size**2).reshape(filters, len(maps), size, size)
            edge = size // 2 if number("pad") else 0
            padded = np.pad(maps, ((0, 0), (edge, edge), (edge, edge)))
            height = (padded.shape[1] - size) // stride + 1
            width = (padded.shape[2] - size) // stride + 1
            total = np.zeros((filters, height, width))
            for row in range(size):
                for column in range(size):
                    part = padded[:, row::stride, column::stride][:, :height, :width]
                    total += np.einsum("oc,chw->ohw", kernel[:, :, row, column], part)
            maps = total * scale[:, None, None] + shift[:, None, None]
            if options["activation"] == "leaky":
                maps = np.where(maps > 0, maps, 0.1 * maps)
        elif kind == "maxpool":
            size, stride = number("size"), number("stride")
            before = (size - 1) // 2
            height, width = ((side + size - 1 - size) // stride + 1 for side in maps.shape[1:])
            pooled = np.empty((len(maps), height, width))
            for row in range(height):
                for column in range(width):
                    top, left = row * stride - before, column * stride - before
                    window = maps[:, max(0, top) : top + size, max(0, left) : left + size]
                    pooled[:, row, column] = window.max(axis=(1, 2))
            maps = pooled
        elif kind == "upsample":
            maps = maps.repeat(number("stride"), axis=1).repeat(number("stride"), axis=2)
        elif kind == "route":
            sources = [int(layer) for layer in options["layers"].split(",")]
            parts = [outputs[source] for source in sources]  # negative numbers count from the end
            groups, group = number("groups", 1), number("group_id")
            maps = np.concatenate([np.split(part, groups)[group] for part in parts])
        else:
            sides = [float(side) for side in options["anchors"].split(",")]
            reach = float(options.get("scale_x_y", 1))
            stride = image.shape[1] // maps.shape[1]
            mask = [int(one) for one in options["mask"].split(",")]
            for anchor, part in zip(mask, np.split(maps, len(mask)), strict=True):
                wide, high = sides[2 * anchor : 2 * anchor + 2]
                for row in range(maps.shape[1]):
                    for column in range(maps.shape[2]):
                        x, y, w, h, sure, *classes = part[:, row, column]
                        x = (column + reach * sigmoid(x) - (reach - 1) / 2) * stride
                        y = (row + reach * sigmoid(y) - (reach - 1) / 2) * stride
                        w, h = wide * np.exp(w) / 2, high * np.exp(h) / 2
                        boxes.append((x - w, y - h, x + w, y + h))
                        probs.append(sigmoid(sure) * sigmoid(np.array(classes)))
        outputs.append(maps)
    assert used == len(numbers)
    return np.array(boxes), np.array(probs)


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def write(folder, cfg=EVERY_KIND, numbers=None, header=(0, 2, 5, 0, 0)):
    """The two files, with random numbers by default."""
    (folder / "net.cfg").write_text(cfg)
    if numbers is None:
        wanted = sum(t.numel() for layer in Darknet(folder / "net.cfg", fold=False).layers
                     if hasattr(layer, "in_file_order") for t in layer.in_file_order())  # fmt: skip
        numbers = np.random.default_rng(0).uniform(0.1, 0.6, wanted).astype("<f4")
        numbers *= np.random.default_rng(1).choice([1, 1, -1], wanted)
        numbers[12:16] = np.abs(numbers[12:16])  # the first layer's variances
    data = np.array(header, "<i4").tobytes() + np.asarray(numbers, "<f4").tobytes()
    (folder / "net.weights").write_bytes(data)
    return folder / "net.cfg", folder / "net.weights", np.asarray(numbers)


@pytest.fixture(scope="module")
def yolo():
    return Darknet(*yolov4_tiny()[:2])


@pytest.mark.parametrize("fold", [True, False])
def test_every_kind_of_layer_computes_what_the_files_say(tmp_path, fold):
    cfg, weights, numbers = write(tmp_path)
    images = np.random.default_rng(2).random((2, 3, 12, 20), np.float32)
    network = Darknet(cfg, weights, fold=fold).eval()
    with torch.no_grad():
        boxes, probs = network.candidates(torch.from_numpy(images))
    for image, some_boxes, some_probs in zip(images, boxes, probs, strict=True):
        expected_boxes, expected_probs = reference(EVERY_KIND, numbers, image)
        np.testing.assert_allclose(some_boxes, expected_boxes, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(some_probs, expected_probs, rtol=1e-4, atol=1e-5)


def test_older_header_is_shorter(tmp_path):
    write(tmp_path)
    _, weights, numbers = write(tmp_path, header=(0, 1, 0, 0))
    network = Darknet(tmp_path / "net.cfg", weights, fold=False)
    np.testing.assert_array_equal(network.layers[0].norm.bias.detach(), numbers[:4])


def test_yolov4_tiny_computes_what_its_files_say(yolo):
    files = yolov4_tiny()
    numbers = np.frombuffer(files.weights.read_bytes(), "<f4", offset=20)
    image = np.random.default_rng(0).random((3, 64, 96), np.float32)
    boxes, probs = yolo.candidates(torch.from_numpy(image)[None])
    expected_boxes, expected_probs = reference(files.cfg.read_text(), numbers, image)
    np.testing.assert_allclose(boxes[0], expected_boxes, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(probs[0], expected_probs, atol=1e-5)


@pytest.mark.skipif(
    not hasattr(cv2.dnn, "readNetFromDarknet"),
    reason=f"OpenCV {cv2.__version__} reads no Darknet files; 4.10 does",
)
def test_yolov4_tiny_computes_what_opencv_does(yolo):
    files = yolov4_tiny()
    images = torch.rand(1, 3, 416, 416, generator=torch.Generator().manual_seed(0))
    boxes, probs = (part[0].numpy() for part in yolo.candidates(images))
    peer = cv2.dnn.readNetFromDarknet(str(files.cfg), str(files.weights))
    peer.setInput(images.numpy())
    rows = np.concatenate(peer.forward(peer.getUnconnectedOutLayersNames()))  # centre, size, ...
    theirs = np.hstack([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2]) * 416
    numbers = np.arange(len(boxes))  # in OpenCV the anchors of a cell stand together
    maps = np.split(numbers, [3 * 13**2])
    order = np.concatenate([part.reshape(3, -1).T.ravel() for part in maps])
    np.testing.assert_allclose(boxes[order], theirs, atol=0.1)
    shown = rows[:, 5:] > 0  # small probabilities are set to zero there
    np.testing.assert_allclose(probs[order][shown], rows[:, 5:][shown], atol=1e-3)


def test_batch_shape_and_size_are_free(yolo):
    images = torch.rand(3, 3, 96, 64)
    together = yolo.candidates(images)
    assert together.boxes.shape == (3, 3 * (3 * 2 + 6 * 4), 4)
    alone = yolo.candidates(images[1:2])
    torch.testing.assert_close(together.boxes[1:2], alone.boxes, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(together.probs[1:2], alone.probs, rtol=1e-3, atol=1e-5)


def test_unfolded_network_can_be_trained_on(tmp_path):
    cfg, weights, _ = write(tmp_path)
    network = Darknet(cfg, weights, fold=False)
    sum(maps.square().mean() for maps in network(torch.rand(2, 3, 12, 20))).backward()
    assert all(weight.grad is not None for weight in network.parameters())
    assert not any(weight.requires_grad for weight in Darknet(cfg, weights).parameters())


@pytest.mark.parametrize("change", [-4, 4, -1])
def test_weights_of_the_wrong_length(tmp_path, change):
    cfg, weights, _ = write(tmp_path)
    data = weights.read_bytes()
    weights.write_bytes(data + bytes(change) if change > 0 else data[:change])
    with pytest.raises(ValueError, match=rf"has {len(data) + change} bytes.*needs {len(data)}"):
        Darknet(cfg, weights)


def test_damaged_and_missing_weights(tmp_path):
    cfg, weights, numbers = write(tmp_path)
    weights.write_bytes(b"short")
    with pytest.raises(ValueError, match="too few for the header"):
        Darknet(cfg, weights)
    numbers[3] = np.nan
    write(tmp_path, numbers=numbers)
    with pytest.raises(ValueError, match="not finite"):
        Darknet(cfg, weights)
    with pytest.raises(FileNotFoundError, match="no such weights file"):
        Darknet(cfg, tmp_path / "none.weights")
    with pytest.raises(FileNotFoundError, match="no such cfg file"):
        Darknet(tmp_path / "none.cfg")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (EVERY_KIND, "", "at least one layer, got 0"),
        (EVERY_KIND, "\xff\x00[net]", "neither"),
        ("[net]", "[maxpool]", "first section, and no other"),
        ("[upsample]", "[shortcut]", r"line 40, \[shortcut\]: this kind of layer is not known"),
        ("stride=2\npad=0", "stride=2\ndilation=2", "with dilation=.*could change the result"),
        ("classes=2\nscale_x_y=1.2", "classes=2\nnew_coords=1", "with new_coords="),
        ("activation=leaky", "activation=mish", "leaky or linear, got mish"),
        ("filters=4", "filters=four", "filters=four is no whole number"),
        ("filters=4\n", "", "needs the option filters"),
        ("filters=4", "filters=0", "filters must be at least 1"),
        ("filters=4", "filters=4\nfilters=4", "filters stands twice"),
        ("filters=4", "filters", "neither"),
        ("layers=-1,-1", "layers=-1,-99", "must name some of the 7 before"),
        ("layers=-1,-1", "layers=-1,0", "maps of different sizes"),
        ("layers=-1,-1", "layers=-1 -1", "no list of numbers"),
        ("groups=2", "groups=3", "group 1 of 3 cannot be cut from"),
        ("group_id=1", "group_id=2", "group 2 of 2 cannot be cut"),
        ("filters=14", "filters=15", "need 14 channels, the layer before gives 15"),
        ("mask=1,2", "mask=1,3", "mask numbers below it"),
        ("3,4, 5,6, 8,7", "3,4, 5,6", "as many pairs of anchors"),
        ("[route]\nlayers=3\n", "", "nothing can follow a"),
        ("filters=7\nactivation=linear\n[yolo]\nmask=0\nanchors=3,4, 5,6, 8,7\nnum=3\nclasses=2",
         "filters=8\nactivation=linear\n[yolo]\nmask=0\nanchors=3,4\nnum=1\nclasses=3",
         r"same number of classes, got \[2, 3\]"),
    ],
)  # fmt: skip
def test_damaged_cfg(tmp_path, old, new, message):
    assert old in EVERY_KIND
    (tmp_path / "bad.cfg").write_text(EVERY_KIND.replace(old, new))
    with pytest.raises(ValueError, match=message) as raised:
        Darknet(tmp_path / "bad.cfg")
    assert "bad.cfg" in str(raised.value)


def test_cfg_that_is_no_text(tmp_path):
    (tmp_path / "bad.cfg").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"bad\.cfg"):
        Darknet(tmp_path / "bad.cfg")


def test_sections_know_their_lines():
    net, layer = parse_cfg("; comment\n\n[net]\nwidth = 8 # wide\n[upsample]")
    assert (net.line, net.options, layer.line) == (3, {"width": "8"}, 5)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 64, 65), (1, 3, 0, 64)])
def test_images_of_the_wrong_shape(yolo, shape):
    with pytest.raises(ValueError, match=r"N x 3 x H x W|multiples of 32"):
        yolo.candidates(torch.zeros(shape))
