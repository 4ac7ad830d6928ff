"""Augmenting whole batches on the spot against torchvision's transforms in a DataLoader.

CPU seconds of one thread for the batches of an epoch, nothing trained: the same rotation, shift,
resizing and flip, drawn anew for each image on both sides. No worker processes: they would share
the work out over cores and not make it less.
"""

import time
from collections.abc import Iterable

import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode, v2

from benchmarks.measure import Row, turns
from companion.data.augment import AffinePerImage, FlipPerImage
from companion.data.tensors import TensorBatches

COUNT, BATCH, ROUNDS = 2048, 128, 7
DEGREES, SHIFT, SCALE = 15, (0.1, 0.1), (0.9, 1.1)
PER_IMAGE = v2.Compose([
    v2.RandomAffine(DEGREES, SHIFT, SCALE, interpolation=InterpolationMode.BILINEAR),
    v2.RandomHorizontalFlip(),
])  # fmt: skip
WHOLE_BATCH = v2.Compose([AffinePerImage(DEGREES, SHIFT, SCALE), FlipPerImage()])


class Images(Dataset):
    """Images that are augmented one by one as they are asked for."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor):
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return PER_IMAGE(self.images[index]), self.labels[index]


def rows() -> list[Row]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [compare(shape) for shape in ((1, 28, 28), (3, 32, 32), (3, 64, 64))]
    finally:
        torch.set_num_threads(threads)


def consume(batches: Iterable) -> None:
    """Draw every batch and let go of it, as training does."""
    for _ in batches:
        pass


def compare(shape: tuple[int, int, int]) -> Row:
    images, labels = torch.rand(COUNT, *shape), torch.arange(COUNT)
    whole = TensorBatches(images, labels, batch_size=BATCH, shuffle=True, augment=WHOLE_BATCH)
    single = DataLoader(Images(images, labels), batch_size=BATCH, shuffle=True)
    ours, theirs = turns(
        lambda: consume(whole), lambda: consume(single), times=ROUNDS, clock=time.process_time
    )
    task = f"augment {COUNT} images of {'x'.join(map(str, shape))}, CPU time"
    return Row(task, ours, "torchvision v2, image by image", theirs, 1 / 3)
