"""Augmenting whole batches on the spot against torchvision's transforms in a DataLoader.

Images per second through one epoch of batches, nothing trained: the same rotation, shift, resizing
and flip, drawn anew for each image on both sides. One thread, and no worker processes, which would
take cores and not make either side faster. The two take turns; the ratio is the median over rounds.

    python benchmarks/augmentation.py
"""

import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode, v2

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


def images_per_second(batches) -> float:
    start = time.process_time()
    seen = sum(len(images) for images, _ in batches)
    return seen / (time.process_time() - start)


def compare(shape: tuple[int, int, int]) -> tuple[float, float, float]:
    """Images per second of ours and of the peer, and the median of ours / peer."""
    images = torch.rand(COUNT, *shape)
    labels = torch.arange(COUNT)
    ours = TensorBatches(images, labels, batch_size=BATCH, shuffle=True, augment=WHOLE_BATCH)
    peer = DataLoader(Images(images, labels), batch_size=BATCH, shuffle=True)
    sides: tuple[Callable, Callable] = (
        lambda: images_per_second(ours),
        lambda: images_per_second(peer),
    )
    for side in sides:
        side()  # warm up
    rounds = [tuple(side() for side in sides) for _ in range(ROUNDS)]
    return (
        statistics.median(mine for mine, _ in rounds),
        statistics.median(other for _, other in rounds),
        statistics.median(mine / other for mine, other in rounds),
    )


def rows() -> Iterator[tuple[str, float, float, float]]:
    """Name, images per second of ours and of the peer, and the median of ours / peer."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for shape in ((1, 28, 28), (3, 32, 32), (3, 64, 64)):
        size = "x".join(map(str, shape))
        yield (
            f"augment images {size}, images/s; peer: torchvision in a DataLoader",
            *compare(shape),
        )
    torch.set_num_threads(threads)


if __name__ == "__main__":
    for row in rows():
        print("{:<75} {:8.0f} {:8.0f} {:6.2f}".format(*row))
