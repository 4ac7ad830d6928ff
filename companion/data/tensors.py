"""Small sets as tensors that stay on the device: batched by index, augmented batch by batch.

For a set that fits into memory this replaces Dataset, DataLoader and worker processes: an epoch is
one permutation, and a batch is one indexing operation.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torchvision import tv_tensors

from companion.data.nested import map_tensors, rebuild
from companion.randomness import isolated_randomness, reseed


class TensorBatches:
    """Batches of (inputs, targets), drawn anew each time it is iterated over.

    Inputs and targets are tensors with one sample per row, lists with one entry per sample (images
    of several sizes, boxes of a detector), or tuples and dictionaries of these. A mask that is to
    be moved together with its image is passed as `torchvision.tv_tensors.Mask`.

    The order is drawn on the CPU and so is the same on every device. What is drawn comes from
    `generator`; without one it comes from torch's global generator, which `fit` seeds.

    A last batch that is short is one step of training like any other, at the full learning rate:
    its few samples weigh more than the rest. Choose a batch size that divides the number of
    samples, or leave the short batch out with `drop_last=True`.

    Args:
        inputs: N samples.
        targets: N targets.
        batch_size: samples in a batch; per process where several train together.
        shuffle: whether to draw a new order for each epoch.
        augment: called with (inputs, targets) of each batch, gives both back changed. Transforms of
            `torchvision.transforms.v2` fit; they draw once for the whole batch, those of
            `companion.data.augment` once for each sample.
        drop_last: whether to leave out a last batch that is not full.
        generator: source of order and augmentation, on the CPU.

    Raises:
        ValueError: inputs and targets differ in length, there are none, `batch_size` is below 1 or
            leaves no batch, or the generator is not on the CPU.

    Example:
        >>> batches = TensorBatches(torch.arange(5), torch.arange(5) % 2, batch_size=2)
        >>> [inputs.tolist() for inputs, targets in batches]
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        inputs: Any,
        targets: Any,
        *,
        batch_size: int = 64,
        shuffle: bool = False,
        augment: Callable[[Any, Any], tuple[Any, Any]] | None = None,
        drop_last: bool = False,
        generator: torch.Generator | None = None,
    ):
        lengths = sorted(_lengths((inputs, targets)))
        if not lengths or lengths[0] != lengths[-1]:
            raise ValueError(
                f"inputs and targets need one row for each sample, got lengths {lengths}"
            )
        self.samples = lengths[0]
        if self.samples == 0:
            raise ValueError("there are no samples to make batches of")
        if batch_size < 1 or (drop_last and batch_size > self.samples):
            raise ValueError(
                f"batch_size {batch_size} leaves no batch of {self.samples} samples"
                + ("; set drop_last=False" if drop_last else "; it starts at 1")
            )
        if generator is not None and generator.device.type != "cpu":
            raise ValueError(f"the generator must be on the CPU, got one on {generator.device}")
        self.inputs, self.targets = inputs, targets
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.augment = augment
        self.drop_last = drop_last
        self.generator = generator
        self._rank, self._processes, self._even = 0, 1, False

    def __len__(self) -> int:
        """Batches in an epoch."""
        size = self.batch_size * self._processes
        full, rest = divmod(self.samples, size)
        smallest = self._processes if self._even else self._rank + 1
        return full + (rest >= smallest and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Draw the epoch's order now and give an iterator over its batches."""
        order = None
        if self.shuffle:
            order = torch.randperm(self.samples, generator=self.generator)
            order = order.to(_device(self.inputs))
        return self._batches(order)

    def _batches(self, order: torch.Tensor | None) -> Iterator[tuple[Any, Any]]:
        size = self.batch_size * self._processes
        for number in range(len(self)):
            first, end = number * size, min((number + 1) * size, self.samples)
            if self._even:
                end -= (end - first) % self._processes
            rows: slice | torch.Tensor = slice(first + self._rank, end, self._processes)
            if order is not None:
                rows = order[rows]
            inputs, targets = _take(self.inputs, rows), _take(self.targets, rows)
            inputs, targets = self._augmented(inputs, targets)
            yield map_tensors(_plain, inputs), map_tensors(_plain, targets)

    def _augmented(self, inputs: Any, targets: Any) -> tuple[Any, Any]:
        if self.augment is None:
            return inputs, targets
        if self.generator is None:
            return self.augment(inputs, targets)
        seed = int(torch.randint(2**62, (), generator=self.generator))
        device = _device(self.inputs)
        with isolated_randomness(device):
            reseed(seed + self._rank, device)
            return self.augment(inputs, targets)

    def to(self, device: torch.device | str) -> "TensorBatches":
        """The same batches with all tensors on `device`; the generator is shared."""
        moved = copy.copy(self)
        moved.inputs, moved.targets = _move(self.inputs, device), _move(self.targets, device)
        return moved

    def shard(self, rank: int, processes: int, *, even: bool = True) -> "TensorBatches":
        """The part of every batch that one of several processes works on.

        A batch of all together has `batch_size` x `processes` samples. All processes must draw the
        same order: equal generators, or equal global seeds.

        Args:
            rank: number of the process, from 0.
            processes: how many there are.
            even: whether a last short batch is cut to a multiple of `processes`, as training
                needs; otherwise every sample is in exactly one part.

        Raises:
            ValueError: rank out of range, or fewer samples than processes.
        """
        if not 0 <= rank < processes:
            raise ValueError(f"rank must lie between 0 and {processes - 1}, got {rank}")
        part = copy.copy(self)
        part._rank, part._processes, part._even = rank, processes, even
        if len(part) == 0:
            raise ValueError(
                f"{self.samples} samples in batches of {self.batch_size} do not feed {processes} "
                "processes; use fewer processes or smaller batches"
            )
        return part


def _lengths(value: Any) -> set[int]:
    """Lengths of all columns in a structure."""
    if isinstance(value, list) or (isinstance(value, torch.Tensor) and value.ndim):
        return {len(value)}
    if isinstance(value, tuple):
        return set().union(*map(_lengths, value))
    if isinstance(value, dict):
        return set().union(*map(_lengths, value.values()))
    raise ValueError(
        "inputs and targets are tensors with one row per sample, lists with one entry per sample, "
        f"or tuples and dictionaries of these, got {type(value).__name__}: {value!r:.60}"
    )


def _device(value: Any) -> torch.device:
    """The device of the first tensor in a structure."""
    if isinstance(value, torch.Tensor):
        return value.device
    parts = list(value.values()) if isinstance(value, dict) else value
    return _device(parts[0]) if isinstance(parts, tuple | list) else torch.device("cpu")


def _take(value: Any, rows: slice | torch.Tensor) -> Any:
    """The same rows of every column."""
    if isinstance(value, torch.Tensor):
        if isinstance(rows, slice):
            return _like(value, value[rows])
        return _like(value, value.index_select(0, rows.to(value.device)))
    if isinstance(value, list):
        return value[rows] if isinstance(rows, slice) else [value[row] for row in rows.tolist()]
    if isinstance(value, dict):
        return {name: _take(part, rows) for name, part in value.items()}
    return rebuild(value, (_take(part, rows) for part in value))


def _like(tensor: torch.Tensor, changed: torch.Tensor) -> torch.Tensor:
    """Indexing and moving lose torchvision's kind of tensor (mask, boxes): put it back."""
    if isinstance(tensor, tv_tensors.TVTensor):
        return tv_tensors.wrap(changed, like=tensor)
    return changed


def _move(value: Any, device: torch.device | str) -> Any:
    return map_tensors(lambda tensor: _like(tensor, tensor.to(device)), value)


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """An ordinary tensor in place of torchvision's kinds."""
    return tensor.as_subclass(torch.Tensor) if type(tensor) is not torch.Tensor else tensor
