"""Early stopping (Prechelt, 1998): end when validation no longer gets better, keep the best."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from companion.training.history import direction


@dataclass(frozen=True)
class EarlyStopping:
    """When to stop, and which epoch's weights to keep.

    Args:
        patience: epochs without a new best before training ends; a number as large as all epochs
            only keeps the best weights.
        monitor: the column of the history that decides.
        mode: whether small or large is good; "min" is understood for losses.
        min_delta: how much better a new best must be.

    Raises:
        ValueError: patience below 1, negative `min_delta`, or no mode for a column that is no loss.
    """

    patience: int = 5
    monitor: str = "valid_loss"
    mode: Literal["min", "max"] | None = None
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise ValueError(f"patience starts at 1 epoch, got {self.patience}")
        if not self.min_delta >= 0:
            raise ValueError(f"min_delta must not be negative, got {self.min_delta}")
        object.__setattr__(self, "mode", direction(self.monitor, self.mode))


class BestWeights:
    """The best epoch so far and a copy of its weights.

    Args:
        rule: when a value is better, and how long to wait for the next.

    Attributes:
        epoch: the best epoch, 0 before the first.
        value: what the monitored column was there.
        weights: the model's state then, or None.
    """

    def __init__(self, rule: EarlyStopping):
        self.rule = rule
        self.epoch = 0
        self.value = math.inf if rule.mode == "min" else -math.inf
        self.weights: dict[str, torch.Tensor] | None = None

    def see(self, epoch: int, value: float, model: nn.Module) -> None:
        """Keep the weights if `value` is better than all before; NaN never is."""
        gain = self.value - value if self.rule.mode == "min" else value - self.value
        if gain > self.rule.min_delta:
            self.epoch, self.value = epoch, value
            state = model.state_dict()
            self.weights = {name: tensor.detach().clone() for name, tensor in state.items()}

    def exhausted(self, epoch: int) -> bool:
        """Whether, after `epoch`, patience is at its end."""
        return epoch - self.epoch >= self.rule.patience

    def restore(self, model: nn.Module) -> None:
        """Give the model the best weights; it keeps its own if no epoch had a value."""
        if self.weights is not None:
            model.load_state_dict(self.weights)
