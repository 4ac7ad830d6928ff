"""Batches are tensors, or tuples, lists and dictionaries of them: the few walks through them."""

from collections.abc import Callable, Iterator
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


def count_samples(value: Any) -> int:
    """Rows of the first tensor, or entries of the first list, in a structure.

    Example:
        >>> count_samples((torch.zeros(5, 3), torch.zeros(5))), count_samples([{}, {}])
        (5, 2)

    Raises:
        TypeError: the structure holds neither.
    """
    if isinstance(value, torch.Tensor | list) and getattr(value, "ndim", 1):
        return len(value)
    if isinstance(value, tuple) and value:
        return count_samples(value[0])
    if isinstance(value, dict) and value:
        return count_samples(next(iter(value.values())))
    raise TypeError(
        f"cannot tell how many samples a {type(value).__name__} holds; batches are tensors, lists "
        "with one entry per sample, or tuples and dictionaries of these"
    )
