"""Several processes train one model: torchrun starts them, DistributedDataParallel sums gradients.

The same script runs alone (`python train.py`) and together (`torchrun --nproc-per-node 4
train.py`), if its training stands in `with session():`.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DistributedSampler

from companion.device import pick_device

Batches = TypeVar("Batches")
Value = TypeVar("Value")


@contextlib.contextmanager
def session(device: str | torch.device = "auto") -> Iterator[torch.device]:
    """Join the processes that torchrun started, and leave them at the end.

    They talk through NCCL on CUDA and through Gloo elsewhere. In a script that was started without
    torchrun this only picks the device.

    Args:
        device: as for `pick_device`; on accelerators each process of a machine takes its own.

    Yields:
        This process's device, to be passed on.

    Raises:
        ValueError: the device is not available, or the machine has fewer of them than processes.

    Example:
        >>> with session("cpu") as device:
        ...     print(device, rank(), "of", processes())
        cpu 0 of 1
    """
    chosen = pick_device(device)
    if not launched():
        yield chosen
        return
    if chosen.type != "cpu":
        chosen = pick_device(f"{chosen.type}:{os.environ['LOCAL_RANK']}")
        torch.accelerator.set_device_index(chosen.index)
    dist.init_process_group(
        "nccl" if chosen.type == "cuda" else "gloo",
        device_id=chosen if chosen.type == "cuda" else None,
    )
    try:
        yield chosen
    finally:
        dist.destroy_process_group()


def launched() -> bool:
    """Whether torchrun started this process together with others."""
    return dist.is_available() and int(os.environ.get("WORLD_SIZE", "1")) > 1


def joined() -> bool:
    """Whether this process has joined the others."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """Number of this process, from 0; process 0 writes the files."""
    return dist.get_rank() if joined() else 0


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if joined() else 1


def wrap(model: nn.Module) -> nn.Module:
    """What to call in training: the model itself, or one that sums gradients over processes.

    Raises:
        RuntimeError: torchrun started several processes that have not joined: each would train on
            its own and they would overwrite each other's files.
    """
    if launched() and not joined():
        raise RuntimeError(
            "torchrun started several processes but they have not joined; put the training into "
            "`with companion.training.distributed.session() as device:`"
        )
    if processes() == 1 or isinstance(model, DistributedDataParallel):
        return model
    return DistributedDataParallel(model)


def unwrap(model: nn.Module) -> nn.Module:
    """The model that DistributedDataParallel holds, or the model itself."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def share(batches: Batches, *, even: bool) -> Batches:
    """This process's part of the batches.

    Args:
        batches: `TensorBatches`, a DataLoader with a DistributedSampler, or in evaluation anything
            that gives batches.
        even: whether every process needs equally many samples, as training does.

    Raises:
        ValueError: batches to train with that would be the same in every process.
    """
    if processes() == 1 or batches is None:
        return batches
    if hasattr(batches, "shard"):
        require_same(_state(batches), "the generator of the batches")
        return batches.shard(rank(), processes(), even=even)
    if even and not isinstance(getattr(batches, "sampler", None), DistributedSampler):
        raise ValueError(
            f"{processes()} processes would all train on the same samples; pass TensorBatches, or "
            "a DataLoader with a torch.utils.data.DistributedSampler"
        )
    return batches


def start_epoch(batches: Any, epoch: int) -> None:
    """Have a DistributedSampler draw a new order; it repeats the old one otherwise."""
    sampler = getattr(batches, "sampler", None)
    if isinstance(sampler, DistributedSampler):
        sampler.set_epoch(epoch)


def total(values: Sequence[float], device: torch.device) -> list[float]:
    """The sum of each value over processes, in double precision where the device has it."""
    if processes() == 1:
        return list(values)
    kind = torch.float32 if device.type == "mps" else torch.float64
    sums = torch.tensor(values, device=device, dtype=kind)
    dist.all_reduce(sums)
    return sums.tolist()


def from_first(value: Value) -> Value:
    """What process 0 has, in every process."""
    if processes() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values)
    return values[0]


def require_same(value: Any, what: str) -> None:
    """Raise a ValueError in every process unless all of them have the same value."""
    if processes() == 1:
        return
    values: list[Any] = [None] * processes()
    dist.all_gather_object(values, value)
    if any(other != values[0] for other in values):
        raise ValueError(f"{what} must be the same in all processes; seed it alike everywhere")


def share_buffers(model: nn.Module) -> None:
    """Give every process the running statistics of process 0."""
    if processes() > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)


def wait() -> None:
    """Wait until every process has come here."""
    if processes() > 1:
        dist.barrier()


def _state(batches: Any) -> bytes | None:
    generator = batches.generator
    return None if generator is None else generator.get_state().numpy().tobytes()
