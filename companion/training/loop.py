"""The training loop."""

import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from companion.data.nested import count_samples, move
from companion.device import memory_format, mixed_precision, pick_device
from companion.randomness import isolated_randomness, reseed
from companion.training import distributed
from companion.training.distributed import Batches
from companion.training.evaluation import Loss, evaluate, training_mode
from companion.training.history import History
from companion.training.progress import progress_bar
from companion.training.run import Plan, Run
from companion.training.step import LossSum, NonFiniteLossError, Step, supervised
from companion.training.stopping import EarlyStopping

if TYPE_CHECKING:
    from torchmetrics import Metric  # it takes a second to import, and few programs need it


def fit(
    model: nn.Module,
    train: Iterable,
    valid: Iterable | None = None,
    *,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    loss: Loss | None = None,
    step: Step | None = None,
    metrics: "Mapping[str, Metric] | None" = None,
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
    schedule_every: Literal["epoch", "step"] = "epoch",
    clip: float | None = None,
    early_stopping: EarlyStopping | None = None,
    checkpoint: str | Path | None = None,
    device: str | torch.device = "auto",
    generator: torch.Generator | None = None,
) -> History:
    """Train a model in place.

    The model goes to the device, and so do batches of `TensorBatches`, once and for all; batches of
    anything else follow one by one. On accelerators it computes in bfloat16 where they have it;
    convolutions run in channels-last order where that is faster. A model in training mode is
    trained as it stands, so parts that were put into evaluation mode (a frozen BatchNorm) stay
    there; a model in evaluation mode is switched over as a whole. Afterwards the modes are as
    before.

    Ctrl-C ends the run and keeps what was learnt: the history has `interrupted=True`, the model its
    weights of that moment, or the best ones under early stopping.

    Args:
        model: any network, compiled ones too.
        train: gives (inputs, targets), each a tensor or lists, tuples and dictionaries of them, and
            can be iterated over again and again: `TensorBatches`, a DataLoader, a list of batches.
        valid: likewise, measured after each epoch.
        optimizer: made from the model's parameters.
        epochs: how often to go through `train`, those before an interruption included.
        loss: called with (outputs, targets), gives the mean over the batch.
        step: instead of `loss`, for other batches and models: called with (model, batch), gives
            (loss, outputs, targets). In validation the model is in evaluation mode and loss may be
            None; outputs and targets go to the metrics.
        metrics: torchmetrics by name, measured on `valid`.
        schedule: changes the optimizer's learning rate. ReduceLROnPlateau follows what early
            stopping monitors, otherwise the loss in validation, or in training if that is all.
        schedule_every: whether the schedule counts epochs, or steps, as OneCycleLR usually does.
        clip: longest norm of all gradients together; longer ones are shortened to it.
        early_stopping: when to stop; the model ends with its best epoch's weights.
        checkpoint: folder of this run. After each epoch it gets all that is needed to go on, and a
            run that finds one there goes on from it: on the same device to the same weights, bit by
            bit, if its kernels are deterministic. Delete the folder to train anew.
        device: as for `pick_device`.
        generator: source of all randomness: order, augmentation, dropout; it gives one seed, from
            which each epoch gets its own. Without one, torch's global generator gives the seed.

    Returns:
        The history: one row for each whole epoch.

    Raises:
        ValueError: the arguments contradict each other, there are no batches, `step` gives no loss,
            or the checkpoint is of another run.
        NonFiniteLossError: a loss is infinite or NaN; the checkpoint of the last whole epoch stays.
        RuntimeError: torchrun started several processes that have not joined.

    Example:
        >>> inputs = torch.linspace(-1, 1, 32).unsqueeze(1)
        >>> model = nn.Linear(1, 1)
        >>> history = fit(
        ...     model,
        ...     [(inputs, 2 * inputs + 1)],
        ...     loss=nn.functional.mse_loss,
        ...     optimizer=torch.optim.SGD(model.parameters(), lr=0.5),
        ...     epochs=50,
        ...     device="cpu",
        ... )
        >>> f"{model.weight.item():.3f} {model.bias.item():.3f}"
        '2.000 1.000'
    """
    if (loss is None) == (step is None):
        raise ValueError("give either loss, or step for batches and models of another kind")
    step = step or supervised(loss)
    device = pick_device(device)
    model.to(device).to(memory_format=memory_format(device))
    train = distributed.share(_resident(train, device), even=True)
    valid = distributed.share(_resident(valid, device), even=False)
    engine, alone = distributed.wrap(model), distributed.unwrap(model)
    plan = Plan(optimizer, epochs, schedule, schedule_every, early_stopping, tuple(metrics or ()))
    run = Run(plan, model, train, valid, checkpoint, generator)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    precision, interrupted = mixed_precision(device), False

    with (
        isolated_randomness(device),
        training_mode(engine),
        progress_bar(run.steps, done=run.steps_done, visible=distributed.rank() == 0) as bar,
    ):
        try:
            while run.epoch < epochs and not run.stopped:
                epoch = run.epoch + 1
                losses = LossSum(epoch)
                started = time.perf_counter()
                reseed(run.seed_of(epoch), device)
                distributed.start_epoch(train, epoch)
                batches = iter(train)  # draws the order, which all processes share
                if distributed.processes() > 1:
                    reseed(run.seed_of(epoch, distributed.rank()), device)
                for batch in batches:
                    batch = move(batch, device)
                    with precision:
                        value, _, _ = step(engine, batch)
                    if value is None:
                        raise ValueError("step gave None for the loss, which training needs")
                    optimizer.zero_grad()
                    value.backward()
                    if clip is not None:
                        nn.utils.clip_grad_norm_(weights, clip)
                    optimizer.step()
                    if schedule_every == "step" and schedule is not None:
                        schedule.step()
                    losses.add(value, count_samples(batch))
                    bar.update()
                row = {"train_loss": losses.mean(device)}
                if valid is not None:
                    distributed.share_buffers(alone)
                    measured = evaluate(alone, valid, metrics=metrics, step=step, device=device)
                    row |= _validated(epoch, measured)
                run.end_epoch(row, time.perf_counter() - started)
                bar.set_postfix(row, refresh=False)
        except KeyboardInterrupt:
            if distributed.processes() > 1:  # the others would wait for this process for ever
                raise
            interrupted = True
    return run.finish(interrupted)


def _resident(batches: Batches, device: torch.device) -> Batches:
    """All batches on the device, where they can go there together."""
    return batches.to(device) if hasattr(batches, "to") else batches


def _validated(epoch: int, measured: dict[str, float]) -> dict[str, float]:
    """Results of validation under the names that they have in the history."""
    loss = measured.pop("loss", None)
    if loss is None:
        return measured
    if not math.isfinite(loss):
        raise NonFiniteLossError(epoch, None, loss)
    return {"valid_loss": loss, **measured}
