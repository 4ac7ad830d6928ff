"""Batches are tensors, or tuples, lists and dictionaries of them: the few walks through them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch


def map_tensors(function: Callable[[torch.Tensor], Any], value: Any) -> Any:
    """Rebuild a structure with `function` applied to each tensor; the rest stays as it is.

    Example:
        >>> map_tensors(torch.Tensor.tolist, {"boxes": [torch.ones(2)], "name": "bus"})
        {'boxes': [[1.0, 1.0]], 'name': 'bus'}
    """
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, dict):
        return {name: map_tensors(function, part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return rebuild(value, (map_tensors(function, part) for part in value))
    return value


def rebuild(like: tuple | list, parts: Iterator[Any]) -> Any:
    """A tuple, named tuple or list of the same kind as `like`, with other parts."""
    return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)


def move(value: Any, device: torch.device) -> Any:
    """A structure with all its tensors on `device`; those that are there are not copied."""

    def place(tensor: torch.Tensor) -> torch.Tensor:
        return tensor if tensor.device == device else tensor.to(device, non_blocking=True)

    return map_tensors(place, value)


def take_rows(record: Any, rows: Any, names: Sequence[str]) -> Any:
    """A dataclass with some rows of its columns, by index, in the order given.

    Args:
        record: the dataclass.
        rows: indices: integers, a list of them, an array or a tensor.
        names: which fields are columns: tensors, arrays or tuples with one entry per row.

    Returns:
        A copy with these columns cut and all other fields as they were.
    """
    rows = torch.as_tensor(rows, dtype=torch.int64)

    def cut(column: Any) -> Any:
        if isinstance(column, tuple):
            return tuple(column[row] for row in rows.tolist())
        return column[rows] if isinstance(column, torch.Tensor) else column[rows.numpy()]

    return replace(record, **{name: cut(getattr(record, name)) for name in names})


def count_samples(value: Any) -> int:
    """Rows of the first tensor, or entries of the first list, in a structure.

    Example:
        >>> count_samples((torch.zeros(5, 3), torch.zeros(5))), count_samples([{}, {}])
        (5, 2)

    Raises:
        TypeError: the structure holds neither.
    """
    if isinstance(value, list) or (isinstance(value, torch.Tensor) and value.ndim):
        return len(value)
    if isinstance(value, tuple) and value:
        return count_samples(value[0])
    if isinstance(value, dict) and value:
        return count_samples(next(iter(value.values())))
    raise TypeError(
        f"cannot tell how many samples a {type(value).__name__} holds; batches are tensors, lists "
        "with one entry per sample, or tuples and dictionaries of these"
    )
