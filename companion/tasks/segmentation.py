"""Segmentation: say of every pixel what it belongs to.

The verbs; models are passed in, any network with the attributes `classes`, `stride` and `reach`
that `companion.models.unet` has:

    model = models.unet()
    history = segmentation.train(model, images, masks, epochs=20)
    probs = segmentation.predict_probs(model, images)         # N x 1 x H x W, any H and W
    scores = segmentation.score(probs >= 0.5, masks)          # scores.dice, scores.iou, ...

Images are N x C x H x W, uint8 or floats in [0, 1]. Where there is the thing and the rest, masks
are bool, N x 1 x H x W, and the network has one logit a pixel; for K classes they are int64,
N x H x W, with values below K.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torchmetrics import Metric
from torchmetrics.segmentation import DiceScore
from torchmetrics.wrappers import LambdaInputTransformer
from torchvision import tv_tensors

from companion.data.tensors import TensorBatches
from companion.tasks.segmentation_inputs import (
    SegmentationNetwork,
    check_images,
    check_masks,
    check_model,
)
from companion.tasks.segmentation_losses import cross_entropy, cross_entropy_and_dice, soft_dice
from companion.tasks.segmentation_scores import Scores, score
from companion.tasks.tiles import TiledBatches, Tiling
from companion.training import EarlyStopping, History, fit, predict

__all__ = [
    "Scores",
    "SegmentationNetwork",
    "cross_entropy",
    "cross_entropy_and_dice",
    "dice_metric",
    "predict_probs",
    "score",
    "soft_dice",
    "train",
]

Augment = Callable[[Any, Any], tuple[Any, Any]]


def train(
    model: SegmentationNetwork,
    images: torch.Tensor,
    masks: torch.Tensor,
    *,
    epochs: int,
    valid: tuple[torch.Tensor, torch.Tensor] | None = None,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = cross_entropy_and_dice,
    augment: Augment | None = None,
    batch_size: int = 16,
    learning_rate: float = 0.01,
    early_stopping: EarlyStopping | None = None,
    device: str | torch.device = "auto",
    generator: torch.Generator | None = None,
) -> History:
    """Train a network in place, by AdamW with a learning rate that rises and falls once.

    A batch that would be short is left out of each epoch, unless it is the only one. Whoever needs
    more choice calls `companion.training.fit` with the losses of this module.

    Args:
        model: the network.
        images: N x C x H x W, with H and W multiples of the network's `stride`.
        masks: what people have drawn on them.
        epochs: how often to go through the images.
        valid: images and masks that are measured after each epoch: their loss, and their mean
            `"dice"`.
        loss: called with (logits, masks).
        augment: changes images (then floats in [0, 1]) and masks together, as the transforms of
            `companion.data.augment` do.
        batch_size: images in a batch.
        learning_rate: the highest.
        early_stopping: when to stop; the model ends with its best epoch's weights.
        device: as for `companion.device.pick_device`.
        generator: source of order and augmentation, on the CPU.

    Returns:
        The history, one row for each epoch.

    Raises:
        TypeError: the network does not say its `classes`, `stride` and `reach`.
        ValueError: images or masks of another shape, type or number, or not one pixel marked.
    """
    check_model(model)
    assert isinstance(model, nn.Module)
    for some in ((images, masks), *([valid] if valid else [])):
        check_images(some[0])
        check_masks(some[1], some[0], model.classes)
    if not masks.any():
        raise ValueError(
            f"not one pixel is marked in {len(masks)} masks, there is nothing to learn; were they "
            "read with the right threshold?"
        )
    size = min(batch_size, len(images))
    batches = TensorBatches(
        images,
        tv_tensors.Mask(masks) if augment else masks,
        batch_size=size,
        shuffle=True,
        augment=_on_floats(augment) if augment else None,
        drop_last=True,
        generator=generator,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    steps = max(1, epochs) * len(batches)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
    return fit(
        model,
        batches,
        TensorBatches(*valid, batch_size=batch_size) if valid else None,
        loss=loss,
        optimizer=optimizer,
        schedule=schedule,
        schedule_every="step",
        epochs=epochs,
        metrics={"dice": dice_metric(model.classes)} if valid else None,
        early_stopping=early_stopping,
        device=device,
        generator=generator,
    )


def predict_probs(
    model: SegmentationNetwork,
    images: torch.Tensor,
    *,
    tile: int = 512,
    overlap: int | None = None,
    batch_size: int = 16,
    device: torch.device | None = None,
    progress: bool = False,
) -> torch.Tensor:
    """The probability of each class at each pixel, for images of any size.

    Sides that are no multiples of the network's `stride` are continued by their last row or column.
    Images larger than a tile are cut into tiles that overlap, each pixel's answer is taken from the
    tile in which it lies deeper, and tiles of all images go through the network in common batches.
    With the default overlap the result is, but for rounding, that of the whole image at once.

    Args:
        model: the network; it is put into evaluation mode and afterwards back as it was.
        images: N x C x H x W.
        tile: largest side of what goes through the network, in pixels, a multiple of `stride`.
        overlap: pixels that neighbouring tiles share, a multiple of `stride` and less than `tile`.
            By default twice the network's `reach`, rounded up; less is faster and leaves seams.
        batch_size: tiles at a time.
        device: where to compute; the model's own by default.
        progress: show a bar on a terminal and in a notebook that is being used.

    Returns:
        On the CPU, float32: N x 1 x H x W, the probability of the thing; or N x classes x H x W.

    Raises:
        TypeError: the network does not say its `classes`, `stride` and `reach`.
        ValueError: images of another shape or type, or without pixels; tiles that do not fit.
    """
    check_model(model)
    assert isinstance(model, nn.Module)
    check_images(images)
    if overlap is None:
        overlap = 2 * math.ceil(model.reach / model.stride) * model.stride
    height, width = images.shape[-2:]
    tiling = Tiling(height, width, tile=tile, overlap=overlap, multiple=model.stride)
    tiles = TiledBatches(images, tiling, batch_size)
    logits = tiling.join(predict(model, tiles, device=device, progress=progress))
    return logits.sigmoid() if model.classes == 1 else logits.softmax(dim=1)


def dice_metric(classes: int = 1) -> Metric:
    """Mean Dice of torchmetrics, for `fit` and `evaluate`: fed logits and masks.

    With several classes, class 0 counts as the background and does not enter. An image without the
    class, drawn or found, does not enter either.

    Args:
        classes: logits of each pixel.
    """
    if classes == 1:
        return LambdaInputTransformer(DiceScore(1), _marked, torch.Tensor.int)
    score = DiceScore(classes, include_background=False, input_format="index")
    return LambdaInputTransformer(score, _likeliest)


def _marked(logits: torch.Tensor) -> torch.Tensor:
    return (logits >= 0).int()


def _likeliest(logits: torch.Tensor) -> torch.Tensor:
    return logits.argmax(dim=1)


def _on_floats(augment: Augment) -> Augment:
    def augmented(images: torch.Tensor, masks: torch.Tensor) -> tuple[Any, Any]:
        return augment(images / 255 if images.dtype == torch.uint8 else images, masks)

    return augmented
