"""One loop for other tasks than classification: masks, boxes, embeddings, several inputs."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import BinaryJaccardIndex
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import box_iou

from companion.data.augment import FlipPerImage
from companion.data.tensors import TensorBatches
from companion.training import EarlyStopping, evaluate, fit, predict


def squares(count, seed=0, size=32):
    """Bright squares on dark noise: images, masks, boxes."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.2 * torch.rand(count, 3, size, size, generator=generator)
    corners = torch.randint(0, size - 16, (count, 2), generator=generator)
    masks = torch.zeros(count, 1, size, size)
    for image, mask, (x, y) in zip(images, masks, corners.tolist(), strict=True):
        image[:, y : y + 16, x : x + 16] += 0.7
        mask[:, y : y + 16, x : x + 16] = 1
    return images, masks, torch.cat([corners, corners + 16], dim=1).float()


def test_segmentation():
    torch.manual_seed(0)
    images, masks, _ = squares(32)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
    history = fit(
        model,
        TensorBatches(images, masks, batch_size=8, shuffle=True),
        TensorBatches(*squares(8, seed=1)[:2], batch_size=8),
        loss=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.1),
        epochs=10,
        metrics={"iou": BinaryJaccardIndex()},
        early_stopping=EarlyStopping(patience=8, monitor="iou", mode="max"),
        device="cpu",
    )
    assert history["iou"][0] < history.best("iou", "max").value
    assert history.best("iou", "max").value > 0.9


class FoundShare(Metric):
    """Share of images whose best box overlaps the true one by half."""

    def __init__(self):
        super().__init__()
        self.add_state("found", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("images", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, outputs, targets):
        for output, target in zip(outputs, targets, strict=True):
            self.images += 1
            if len(output["boxes"]):
                self.found += box_iou(output["boxes"][:1], target["boxes"]).item() > 0.5

    def compute(self):
        return self.found / self.images


def test_detection_with_lists_of_targets_and_losses_inside_the_model():
    torch.manual_seed(0)
    backbone = nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 16, 3, 2, 1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
    )  # fmt: skip
    backbone.out_channels = 32
    model = FCOS(
        backbone, num_classes=2, min_size=32, max_size=32,
        anchor_generator=AnchorGenerator(((8,),), ((1.0,),)), score_thresh=0.01,
    )  # fmt: skip

    def batches(count, seed, **settings):
        images, _, boxes = squares(count, seed)
        targets = [{"boxes": box[None], "labels": torch.tensor([1])} for box in boxes]
        return TensorBatches(list(images), targets, batch_size=8, **settings)

    def step(model, batch):
        images, targets = batch
        if model.training:
            return sum(model(images, targets).values()), None, None
        return None, model(images), targets

    valid = batches(8, seed=1)
    before = evaluate(model, valid, step=step, metrics={"found": FoundShare()})
    history = fit(
        model,
        batches(64, seed=0, shuffle=True),
        valid,
        step=step,
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        epochs=4,
        metrics={"found": FoundShare()},
        device="cpu",
    )
    assert history.names == ("train_loss", "found", "learning_rate")
    assert before["found"] < 0.5
    assert history["found"][-1] > 0.8
    outputs = predict(model, valid)
    assert len(outputs) == 8
    assert all(output["boxes"].shape[1] == 4 for output in outputs)


def test_embeddings_from_triplets():
    torch.manual_seed(0)
    centres = 0.6 * torch.randn(6, 12)
    anchors = torch.arange(6).repeat_interleave(20)
    others = (anchors + torch.randint(1, 6, anchors.shape)) % 6

    def around(which):
        return centres[which] + 0.5 * torch.randn(len(which), 12)

    triplets = (around(anchors), around(anchors), around(others))
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 4))

    def step(model, batch):
        triplet, _ = batch
        codes = [functional.normalize(model(part)) for part in triplet]
        distances = (codes[0] - codes[1]).norm(dim=1), (codes[0] - codes[2]).norm(dim=1)
        wrong = (distances[0] >= distances[1]).float()
        return functional.triplet_margin_loss(*codes, margin=0.5), wrong, anchors[: len(wrong)]

    class WrongShare(MeanMetric):
        def update(self, outputs, targets):
            super().update(outputs)

    batches = TensorBatches(triplets, anchors, batch_size=40, shuffle=True)
    history = fit(
        model, batches, batches, step=step, epochs=30, metrics={"wrong": WrongShare()},
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01), device="cpu",
    )  # fmt: skip
    assert history["wrong"][0] > 0.03
    assert history["wrong"][-1] < 0.01


def test_an_autoencoder_has_its_inputs_as_targets_and_augmentation_moves_both():
    torch.manual_seed(0)
    images = torch.rand(64, 1, 4, 4)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.Unflatten(1, (1, 4, 4)))
    same = []

    def step(model, batch):
        inputs, targets = batch
        same.append(torch.equal(inputs, targets))
        return functional.mse_loss(model(inputs), targets), None, None

    flip = FlipPerImage()

    def augment(inputs, targets):
        flipped = flip(inputs)
        return flipped, flipped

    history = fit(
        model, TensorBatches(images, images, batch_size=16, augment=augment), step=step, epochs=100,
        optimizer=torch.optim.Adam(model.parameters(), lr=0.02), device="cpu",
    )  # fmt: skip
    assert all(same)
    assert history["train_loss"][-1] < 0.1 * history["train_loss"][0]


def test_early_stopping_says_so_when_step_gives_no_loss_to_look_at():
    model = nn.Linear(1, 1)

    def step(model, batch):
        return (model(batch).sum() if model.training else None), None, None

    with pytest.raises(ValueError, match="monitor a metric"):
        fit(
            model, [torch.ones(2, 1)], [torch.ones(2, 1)], step=step, epochs=2, device="cpu",
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1), early_stopping=EarlyStopping(),
        )  # fmt: skip
