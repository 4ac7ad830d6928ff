"""What a trained model is worth: losses and metrics over batches, and its raw outputs."""

import contextlib
import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from companion.data.nested import count_samples, map_tensors, move, rebuild
from companion.device import mixed_precision
from companion.training import distributed
from companion.training.progress import count_batches, progress_bar
from companion.training.step import Step, supervised

if TYPE_CHECKING:
    from torchmetrics import Metric  # it takes a second to import, and few programs need it

Loss = Callable[[Any, Any], torch.Tensor]


def evaluate(
    model: nn.Module,
    batches: Iterable,
    *,
    loss: Loss | None = None,
    metrics: "Mapping[str, Metric] | None" = None,
    step: Step | None = None,
    device: torch.device | None = None,
) -> dict[str, float]:
    """Measure a model on batches, each sample with the same weight.

    The model is put into evaluation mode and afterwards back, part by part, as it was. Several
    processes get the same result, each from the batches that it was given.

    Args:
        model: the network.
        batches: gives (inputs, targets), or what `step` takes.
        loss: called with (outputs, targets), gives the mean over the batch.
        metrics: torchmetrics by name; they are copied, and fed outputs and targets.
        step: replaces the call of model and loss; see `fit`.
        device: where to compute; the model's own by default.

    Returns:
        "loss", if there is one, and the value of each metric.

    Raises:
        ValueError: no batch, or a metric that is not one number.

    Example:
        >>> from torchmetrics.classification import BinaryAccuracy
        >>> batches = [(torch.tensor([0.2, -1.0, 3.0]), torch.tensor([1, 0, 0]))]
        >>> evaluate(nn.Sigmoid(), batches, metrics={"accuracy": BinaryAccuracy()})
        {'accuracy': 0.6666666865348816}
    """
    step = step or supervised(loss)
    device = device or device_of(model)
    metrics = {name: copy.deepcopy(metric).to(device) for name, metric in (metrics or {}).items()}
    for metric in metrics.values():
        metric.reset()
    losses, samples, seen = [], [], 0
    with evaluation_mode(model), torch.no_grad():
        for batch in batches:
            batch = move(batch, device)
            with mixed_precision(device):
                value, outputs, targets = step(model, batch)
            for metric in metrics.values():
                metric.update(outputs, targets)
            seen += 1
            if value is not None:
                losses.append(value.reshape(()))
                samples.append(count_samples(batch))
    if not seen:
        raise ValueError("there are no batches to evaluate on")
    result = {}
    if losses:
        values = torch.stack(losses).tolist()
        weighted = math.fsum(v * n for v, n in zip(values, samples, strict=True))
        weighted, count = distributed.total([weighted, sum(samples)], device)
        result["loss"] = weighted / count
    for name, metric in metrics.items():
        result[name] = _number(name, metric.compute())
    return result


def predict(
    model: nn.Module,
    inputs: torch.Tensor | Iterable,
    *,
    batch_size: int = 256,
    device: torch.device | None = None,
    progress: bool = False,
) -> Any:
    """The model's outputs for all inputs, in their order.

    Args:
        model: the network; it is put into evaluation mode and afterwards back as it was.
        inputs: a tensor, one sample per row, or something that gives (inputs, targets), of which
            the targets are not used.
        batch_size: samples at a time, if `inputs` is a tensor.
        device: where to compute; the model's own by default.
        progress: show a bar on a terminal and in a notebook that is being used.

    Returns:
        Outputs on the CPU, of all batches together: tensors joined along the first dimension, lists
        appended, tuples and dictionaries part by part. bfloat16 is given as float32.

    Raises:
        ValueError: the batches are shuffled, so that outputs would not belong to known inputs, or
            there are none.

    Example:
        >>> predict(nn.Flatten(), torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 64])
    """
    if getattr(inputs, "shuffle", False):
        raise ValueError("outputs would come in a random order; pass batches with shuffle=False")
    parts: Iterable
    if isinstance(inputs, torch.Tensor):
        parts = inputs.split(batch_size)
        steps = count_batches(parts)
    else:
        parts = (batch[0] for batch in inputs)
        steps = count_batches(inputs)
    device = device or device_of(model)
    outputs = []
    bar = progress_bar(steps, visible=progress)
    with bar, evaluation_mode(model), torch.no_grad():
        for part in parts:
            with mixed_precision(device):
                given = model(move(part, device))
            outputs.append(map_tensors(_to_cpu, given))
            bar.update()
    if not outputs:
        raise ValueError("there are no inputs to predict from")
    return _join(outputs)


@contextlib.contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Switch off dropout and the like, and put every part's mode back at the end."""
    with _kept_modes(model):
        model.eval()
        yield


@contextlib.contextmanager
def training_mode(model: nn.Module) -> Iterator[None]:
    """Switch a model that is in evaluation mode over, and put every part's mode back at the end.

    A model in training mode is left alone: a part of it that is not was put so on purpose.
    """
    with _kept_modes(model):
        if not model.training:
            model.train()
        yield


@contextlib.contextmanager
def _kept_modes(model: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def device_of(model: nn.Module) -> torch.device:
    """Where the model's weights are; the CPU for a model without any."""
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def _number(name: str, value: Any) -> float:
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        raise ValueError(
            f"metric {name!r} must give one number, got {value!r}; choose an average, or compute "
            "it from predict()"
        )
    return float(value)


def _to_cpu(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float().cpu() if tensor.dtype == torch.bfloat16 else tensor.cpu()


def _join(parts: list) -> Any:
    first = parts[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(parts)
    if isinstance(first, dict):
        return {name: _join([part[name] for part in parts]) for name in first}
    if isinstance(first, tuple):
        return rebuild(first, (_join(list(column)) for column in zip(*parts, strict=True)))
    return [entry for part in parts for entry in part]
