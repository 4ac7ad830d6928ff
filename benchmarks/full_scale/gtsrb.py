"""Traffic signs of GTSRB: a small residual network, chosen and tested without mixing tracks.

    COMPANION_DATA=... python -m benchmarks.full_scale.gtsrb

It learns from four fifths of the training part's tracks, is watched on the last fifth, and tested
on the test part. Where the folder holds a part of the set only, the first line says so by its
counts. To show what mixing tracks does, the same network is also watched on pictures drawn at
random, whose neighbours of the same track it has learnt from.
"""

import time

import torch
from torch.nn import functional
from torchvision.transforms import v2

from companion.data.augment import AffinePerImage, LightPerImage
from companion.data.gtsrb import CLASSES, TrafficSigns, load_gtsrb
from companion.data.splits import Split, grouped_folds, stratified_split
from companion.data.tensors import TensorBatches
from companion.models import resnet
from companion.seeding import torch_generator
from companion.training import fit, predict

EPOCHS, SEED = 15, 0


def main() -> None:
    signs, test = load_gtsrb("train"), load_gtsrb("test")
    tracks = len(set(signs.tracks))
    print(f"{len(signs)} pictures of {tracks} tracks to learn from, {len(test)} to test on")
    by_track = next(grouped_folds(signs.labels, signs.tracks, folds=5, seed=SEED))
    at_random = stratified_split(signs.labels, held_out=0.2, seed=SEED)
    for name, split in (("by track", by_track), ("at random", at_random)):
        start = time.perf_counter()
        network = trained(signs, split)
        taken = time.perf_counter() - start
        held_out = accuracy(network, signs.images[split.test], signs.labels[split.test])
        unseen = accuracy(network, test.images, test.labels)
        print(f"split {name}: held-out {held_out:.3f}, test {unseen:.3f}; {taken:.0f} s")


def trained(signs: TrafficSigns, split: Split) -> torch.nn.Module:
    torch.manual_seed(SEED)
    network = resnet(CLASSES, 3)
    turned = v2.Compose([AffinePerImage(10, (0.1, 0.1), (0.85, 1.15)), LightPerImage(0.4, 0.4)])
    images, labels = signs.images[split.train] / 255, signs.labels[split.train]
    batches = TensorBatches(
        images,
        labels,
        batch_size=32,
        shuffle=True,
        drop_last=True,
        augment=lambda images, labels: (turned(images), labels),
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, EPOCHS * len(batches))
    fit(
        network, batches, loss=functional.cross_entropy, optimizer=optimizer, epochs=EPOCHS,
        schedule=schedule, schedule_every="step", generator=torch_generator(SEED),
    )  # fmt: skip
    return network


def accuracy(network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    return float((predict(network, images / 255).argmax(1) == labels).float().mean())


if __name__ == "__main__":
    main()
