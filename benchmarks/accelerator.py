"""The small residual network on an accelerator: bfloat16, channels-last and compiled, or plain.

Images per second of training steps on images of 32 x 32 that are already there. Nothing is measured
where there is no accelerator.

    python benchmarks/accelerator.py
"""

import statistics
from collections.abc import Callable, Iterator

import torch
from torch import nn

from companion.device import (
    Stopwatch,
    describe_device,
    memory_format,
    mixed_precision,
    pick_device,
)
from companion.models import resnet

BATCH, STEPS, ROUNDS = 1024, 50, 5


def stepper(device: torch.device, *, fast: bool, batch: int = BATCH) -> Callable[[], None]:
    """One training step, with all that makes it fast or without."""
    torch.manual_seed(0)
    model = resnet(blocks=3).to(device)
    if fast:
        model = torch.compile(model.to(memory_format=memory_format(device)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    images = torch.rand(batch, 3, 32, 32, device=device)
    labels = torch.randint(10, (batch,), device=device)

    def step() -> None:
        with mixed_precision(device) if fast else torch.autocast(device.type, enabled=False):
            loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def images_per_second(step: Callable[[], None], device: torch.device) -> float:
    with Stopwatch(device) as watch:
        for _ in range(STEPS):
            step()
    return STEPS * BATCH / watch.seconds


def rows() -> Iterator[tuple[str, float, float, float]]:
    """Name with the card's, images per second fast and plain, and the median of fast / plain."""
    device = pick_device("auto")
    if device.type == "cpu":
        print("residual network on an accelerator: there is none here, left out")
        return
    fast, plain = stepper(device, fast=True), stepper(device, fast=False)
    for _ in range(5):  # compile and warm up
        fast(), plain()
    rounds = [
        (images_per_second(fast, device), images_per_second(plain, device)) for _ in range(ROUNDS)
    ]
    yield (
        f"ResNet-20, {describe_device(device)}, images/s; peer: plain float32",
        statistics.median(mine for mine, _ in rounds),
        statistics.median(other for _, other in rounds),
        statistics.median(mine / other for mine, other in rounds),
    )


if __name__ == "__main__":
    for row in rows():
        print("{:<75} {:8.0f} {:8.0f} {:6.2f}".format(*row))
