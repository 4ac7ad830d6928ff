"""What happens to one batch: outputs and their loss."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from companion.training import distributed

Step = Callable[[nn.Module, Any], tuple[torch.Tensor | None, Any, Any]]


def supervised(loss: Callable[[Any, Any], torch.Tensor] | None) -> Step:
    """The usual step: batches are (inputs, targets), the loss compares outputs with targets.

    Args:
        loss: called with (outputs, targets); None where only outputs are wanted.

    Returns:
        A function from model and batch to (loss or None, outputs, targets).
    """

    def step(model: nn.Module, batch: Any) -> tuple[torch.Tensor | None, Any, Any]:
        inputs, targets = batch
        outputs = model(inputs)
        return None if loss is None else loss(outputs, targets), outputs, targets

    return step


class NonFiniteLossError(ArithmeticError):
    """The loss became infinite or NaN.

    Attributes:
        epoch: in which epoch, from 1.
        step: at which batch of it, from 1; None if it was in validation.
    """

    def __init__(self, epoch: int, step: int | None, value: float):
        where = "validation" if step is None else f"step {step}"
        super().__init__(
            f"the loss is {value} in epoch {epoch}, {where}; lower the learning rate, clip the "
            "gradients (clip=1.0) or look for empty or non-finite samples"
        )
        self.epoch, self.step = epoch, step


class LossSum:
    """Adds up the losses of an epoch and reads them from the device only now and then.

    Reading waits for an accelerator, so it is done once in 64 steps.

    Args:
        epoch: named if a loss is not finite.
    """

    EVERY = 64

    def __init__(self, epoch: int):
        self.epoch = epoch
        self.samples = 0
        self.steps = 0
        self._sum = 0.0
        self._waiting: list[tuple[torch.Tensor, int]] = []

    def add(self, loss: torch.Tensor, samples: int) -> None:
        """Add the mean loss of a batch.

        Raises:
            NonFiniteLossError: one of the losses read now is not finite.
        """
        self._waiting.append((loss.detach(), samples))
        if len(self._waiting) == self.EVERY:
            self.read()

    def mean(self, device: torch.device) -> float:
        """The mean over all samples, those of other processes included.

        Raises:
            NonFiniteLossError: one of the losses is not finite.
            ValueError: there were none.
        """
        self.read()
        loss, samples = distributed.total([self._sum, self.samples], device)
        if not samples:
            raise ValueError(
                f"there were no batches in epoch {self.epoch}; pass something that can be iterated "
                "over again and again, such as TensorBatches, a DataLoader or a list"
            )
        return loss / samples

    def read(self) -> None:
        """Read the losses that are waiting.

        Raises:
            NonFiniteLossError: one of the losses is not finite.
        """
        if self._waiting:
            losses = torch.stack([loss for loss, _ in self._waiting])
            numbers = losses.reshape(len(self._waiting)).tolist()  # one each
            for loss, (_, samples) in zip(numbers, self._waiting, strict=True):
                self.steps += 1
                if loss - loss != 0:  # true of infinities and NaN alone
                    raise NonFiniteLossError(self.epoch, self.steps, loss)
                self._sum += loss * samples
                self.samples += samples
            self._waiting.clear()
