"""Fashion-MNIST at full scale: the book's small residual network, ResNet-20, on all pictures.

    COMPANION_DATA=... python -m benchmarks.full_scale.fashion_mnist [SEED ...]

60,000 pictures to learn from, 10,000 to test on, once, after the last epoch. The recipe was written
down beforehand and nothing was chosen on the test pictures. Training is timed on the device that is
there, from the pictures in memory to the last step, the first epoch's warming up included. Without
an accelerator the run is shorter, by the same recipe.
"""

import sys
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from benchmarks.full_scale.measured import Measured, keep
from companion.data.augment import AffinePerImage, FlipPerImage
from companion.data.fashion_mnist import load_fashion_mnist
from companion.data.tensors import TensorBatches
from companion.device import Stopwatch, describe_device, pick_device
from companion.models import resnet
from companion.seeding import torch_generator
from companion.training import fit, predict

EPOCHS, EPOCHS_ON_CPU = 20, 2
BATCH, RATE, DECAY = 512, 0.4, 5e-4


def measure(seeds: Sequence[int] = (0,)) -> Iterator[Measured]:
    device = pick_device()
    train, test = load_fashion_mnist()
    where = describe_device(device)
    epochs = EPOCHS_ON_CPU if device.type == "cpu" else EPOCHS
    print(f"ResNet-20, {epochs} epochs, on {where}; torch {torch.__version__}", flush=True)
    for seed in seeds:
        torch.manual_seed(seed)
        network = nn.Sequential(nn.BatchNorm2d(1, affine=False), resnet(channels=1, blocks=3))
        with Stopwatch(device) as watch:
            trained(network, train, seed, epochs)
        found = predict(network, test.images / 255).argmax(dim=1).cpu()
        accuracy = (found == test.labels).double().mean().item()
        print(f"seed {seed}: accuracy {accuracy:.4f} after {watch.seconds:.1f} s", flush=True)
        yield Measured(
            "Fashion-MNIST",
            f"{len(train.labels):,} / {len(test.labels):,}",
            f"ResNet-20, {epochs} epochs, seed {seed}",
            "accuracy",
            accuracy,
            watch.seconds,
            where,
        )


def trained(network: nn.Module, train, seed: int, epochs: int) -> None:
    move, flip = AffinePerImage(translate=(0.1, 0.1)), FlipPerImage()
    batches = TensorBatches(
        train.images / 255,
        train.labels,
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        augment=lambda images, labels: (flip(move(images)), labels),
    )
    optimizer = torch.optim.SGD(
        network.parameters(), lr=RATE, momentum=0.9, nesterov=True, weight_decay=DECAY
    )
    fit(
        network,
        batches,
        loss=nn.CrossEntropyLoss(label_smoothing=0.05),
        optimizer=optimizer,
        epochs=epochs,
        schedule=torch.optim.lr_scheduler.OneCycleLR(
            optimizer, RATE, total_steps=epochs * len(batches)
        ),
        schedule_every="step",
        generator=torch_generator(seed),
    )


if __name__ == "__main__":
    keep(measure([int(word) for word in sys.argv[1:]] or [0]))
