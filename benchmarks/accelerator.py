"""The small residual network on an accelerator: bfloat16, channels-last and compiled, or plain.

Seconds of training steps on images of 32 x 32 that are already there. Without an accelerator there
are no rows.
"""

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.measure import Row, turns
from companion.device import (
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


def rows() -> list[Row]:
    device = pick_device("auto")
    if device.type == "cpu":
        return []

    def steps(step: Callable[[], None]) -> None:
        for _ in range(STEPS):
            step()
        torch.accelerator.synchronize(device)

    fast, plain = stepper(device, fast=True), stepper(device, fast=False)
    ours, theirs = turns(lambda: steps(fast), lambda: steps(plain), times=ROUNDS)
    images = STEPS * BATCH / ours
    task = (
        f"ResNet-20, {STEPS} steps of {BATCH} images on {describe_device(device)} ({images:.0f}/s)"
    )
    return [Row(task, ours, "plain float32", theirs, 1.0)]
