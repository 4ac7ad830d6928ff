"""Where a run stands: its epoch, history, seed and best weights, kept on disk if wished."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from companion.training import distributed
from companion.training.checkpoint import (
    Checkpoint,
    bare,
    put_weights,
    read_checkpoint,
    write_checkpoint,
)
from companion.training.history import History
from companion.training.progress import count_batches
from companion.training.stopping import BestWeights, EarlyStopping

_OURS = ("train_loss", "valid_loss", "learning_rate")


@dataclass(frozen=True)
class Plan:
    """The settings of a run, checked against each other.

    Args:
        optimizer: made from the model's parameters.
        epochs: how many in all.
        schedule: changes the learning rate, or None.
        schedule_every: "epoch" or "step".
        early_stopping: when to stop, or None.
        metrics: names of the metrics.

    Raises:
        ValueError: a setting is out of range or contradicts another.
    """

    optimizer: torch.optim.Optimizer
    epochs: int
    schedule: LRScheduler | None
    schedule_every: str
    early_stopping: EarlyStopping | None
    metrics: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs start at 1, got {self.epochs}")
        if self.schedule_every not in ("epoch", "step"):
            raise ValueError(f'schedule_every is "epoch" or "step", got {self.schedule_every!r}')
        if isinstance(self.schedule, ReduceLROnPlateau) and self.schedule_every == "step":
            raise ValueError(
                'ReduceLROnPlateau looks at validation, so it needs schedule_every="epoch"'
            )
        if self.schedule is not None and self.schedule.optimizer is not self.optimizer:
            raise ValueError("the schedule was made for another optimizer than the one given")
        if taken := set(self.metrics) & set(_OURS):
            raise ValueError(f"the history has its own {', '.join(taken)}; rename the metric")

    def check(self, model: nn.Module, validates: bool) -> None:
        """Raise a ValueError if the settings do not suit the model and the data."""
        known = {id(weight) for weight in model.parameters()}
        held = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        if any(id(weight) not in known for weight in held):
            raise ValueError(
                "the optimizer holds parameters that are not the model's; make it from "
                "model.parameters(), and make a loss with weights a part of the model"
            )
        if self.metrics and not validates:
            raise ValueError("metrics are measured on valid, which was not given")
        if self.early_stopping is not None:
            columns = ("train_loss", *(("valid_loss", *self.metrics) if validates else ()))
            if self.early_stopping.monitor not in columns:
                raise ValueError(
                    f"early stopping looks at {self.early_stopping.monitor!r}, but this run "
                    f"measures {', '.join(columns)}"
                )

    def summary(self) -> dict[str, str]:
        """What must be the same for a run to go on from a checkpoint."""
        settings = {
            "optimizer": type(self.optimizer).__name__,
            "schedule": f"{type(self.schedule).__name__} every {self.schedule_every}",
            "early stopping": repr(self.early_stopping),
            "metrics": ", ".join(self.metrics),
        }
        for number, group in enumerate(self.optimizer.param_groups):
            for name, value in group.items():
                if name != "params":
                    settings[f"{name} of parameter group {number}"] = repr(value)
        return settings


class Run:
    """The state of a run.

    It starts where the newest checkpoint in `folder` ends, otherwise at the beginning.

    Args:
        plan: the settings.
        model: the network, on its device.
        train: the batches to train with.
        valid: the batches to measure on, or None.
        folder: where checkpoints go, or None.
        generator: gives the run's seed, or None for torch's global generator.

    Attributes:
        epoch: whole epochs behind it.

    Raises:
        ValueError: the settings do not fit together, or the checkpoint is of another run.
    """

    def __init__(
        self,
        plan: Plan,
        model: nn.Module,
        train: Iterable,
        valid: Iterable | None,
        folder: str | Path | None,
        generator: torch.Generator | None,
    ):
        self.plan, self.model = plan, bare(model)
        plan.check(self.model, valid is not None)
        self.folder = None if folder is None else Path(folder)
        self.batches = count_batches(train)
        self.summary = plan.summary() | {"batches in an epoch": str(self.batches)}
        sources = (getattr(batches, "generator", None) for batches in (train, valid))
        self.generators: list[torch.Generator] = [own for own in sources if own is not None]
        device = "cpu" if generator is None else generator.device
        seed = int(torch.randint(2**63 - 1, (), generator=generator, device=device))
        self.seed_was_given = generator is not None
        if self.seed_was_given:
            distributed.require_same(seed, "fit's generator")
        self.seed: int = distributed.from_first(seed)
        self.epoch = 0
        self.rows: list[dict[str, float]] = []
        self.seconds: list[float] = []
        self.best = None if plan.early_stopping is None else BestWeights(plan.early_stopping)
        if self.folder is not None:
            self._resume(self.folder)

    @property
    def stopped(self) -> bool:
        """Whether early stopping has ended the run."""
        return self.best is not None and self.best.exhausted(self.epoch)

    @property
    def steps(self) -> int | None:
        """Steps in all, where that is known."""
        return None if self.batches is None else self.batches * self.plan.epochs

    @property
    def steps_done(self) -> int:
        """Steps behind the run when it starts."""
        return (self.batches or 0) * self.epoch

    def seed_of(self, epoch: int, process: int | None = None) -> int:
        """The seed of an epoch: the same for all processes, or a process's own."""
        words = (self.seed, epoch) if process is None else (self.seed, epoch, process)
        return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def end_epoch(self, row: dict[str, float], seconds: float) -> None:
        """Record an epoch, move the schedule, look for a new best, and write a checkpoint."""
        self.epoch += 1
        row["learning_rate"] = float(self.plan.optimizer.param_groups[0]["lr"])
        self.rows.append(row)
        self.seconds.append(seconds)
        rule = self.plan.early_stopping
        if self.plan.schedule is not None and self.plan.schedule_every == "epoch":
            if isinstance(self.plan.schedule, ReduceLROnPlateau):
                default = "valid_loss" if "valid_loss" in row else "train_loss"
                self.plan.schedule.step(row[rule.monitor if rule else default])
            else:
                self.plan.schedule.step()
        if self.best is not None:
            monitor = self.best.rule.monitor
            if monitor not in row:
                raise ValueError(
                    f"early stopping looks at {monitor!r}, but step gave no loss in validation; "
                    "monitor a metric"
                )
            self.best.see(self.epoch, row[monitor], self.model)
        if self.folder is not None:
            self._save(self.folder)

    def finish(self, interrupted: bool) -> History:
        """Give the model its best weights under early stopping, and the history."""
        if self.best is not None:
            self.best.restore(self.model)
        names = tuple(self.rows[0]) if self.rows else ()
        rows = tuple(tuple(row.values()) for row in self.rows)
        return History(names, rows, tuple(self.seconds), interrupted)

    def _save(self, folder: Path) -> None:
        if distributed.rank() == 0:
            state: dict[str, Any] = {
                "summary": self.summary,
                "seed": self.seed,
                "rows": self.rows,
                "seconds": self.seconds,
                "optimizer": self.plan.optimizer.state_dict(),
                "schedule": self.plan.schedule and self.plan.schedule.state_dict(),
                "generators": [generator.get_state() for generator in self.generators],
                "best": self.best and (self.best.epoch, self.best.value),
            }
            weights = self.model.state_dict()
            best = None if self.best is None else self.best.weights
            write_checkpoint(folder, Checkpoint(self.epoch, weights, best, state))
        distributed.wait()

    def _resume(self, folder: Path) -> None:
        found = read_checkpoint(folder)
        if found is None:
            return
        state = found.state
        saved: dict[str, str | int] = dict(state["summary"])
        now: dict[str, str | int] = dict(self.summary)
        if self.seed_was_given:
            saved["seed"], now["seed"] = state["seed"], self.seed
        for what in saved | now:
            theirs, ours = saved.get(what, "not set"), now.get(what, "not set")
            if theirs != ours:
                raise ValueError(
                    f"the checkpoint in {folder} is of another run: its {what} is {theirs}, now "
                    f"it is {ours}; name another folder, or delete that one to train anew"
                )
        if found.epoch > self.plan.epochs:
            raise ValueError(
                f"the checkpoint in {folder} has {found.epoch} epochs behind it, but epochs is "
                f"{self.plan.epochs}; ask for at least as many"
            )
        if self.best is not None:
            self.best.epoch, self.best.value = state["best"]
            self.best.weights = found.best
            if self.best.epoch and found.best is None:
                raise ValueError(
                    f"the checkpoint epoch-{found.epoch:05d} in {folder} lacks best.safetensors; "
                    "delete it to train anew"
                )
        put_weights(self.model, found.weights, folder)
        self.plan.optimizer.load_state_dict(state["optimizer"])
        if self.plan.schedule is not None:
            self.plan.schedule.load_state_dict(state["schedule"])
        for generator, numbers in zip(self.generators, state["generators"], strict=True):
            generator.set_state(numbers)
        self.epoch, self.seed = found.epoch, state["seed"]
        self.rows, self.seconds = state["rows"], state["seconds"]
