"""Randomness from one seed.

Functions of this package take a generator as an argument; these helpers make one. Only a notebook,
where libraries draw from their own global state, calls `seed_everything`.
"""

import operator
import random

import numpy as np
import torch

_SEEDS = 2**32  # NumPy's global state takes no larger seed


def numpy_generator(seed: int) -> np.random.Generator:
    """A NumPy generator of its own.

    Args:
        seed: 0 to 2**32 - 1.

    Raises:
        ValueError: the seed is out of range.
        TypeError: the seed is not an integer.

    Example:
        >>> numpy_generator(7).integers(100, size=3).tolist()
        [94, 62, 68]
    """
    return np.random.default_rng(_checked(seed))


def torch_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator of its own.

    The same seed gives other numbers on another kind of device.

    Args:
        seed: 0 to 2**32 - 1.
        device: where the tensors are drawn that it is used for.

    Raises:
        ValueError: the seed is out of range.
        TypeError: the seed is not an integer.

    Example:
        >>> torch.randint(100, (3,), generator=torch_generator(7)).tolist()
        [15, 92, 21]
    """
    return torch.Generator(device=device).manual_seed(_checked(seed))


def seed_everything(seed: int) -> None:
    """Seed the global state of Python's `random`, of NumPy and of torch on every device.

    Args:
        seed: 0 to 2**32 - 1.

    Raises:
        ValueError: the seed is out of range.
        TypeError: the seed is not an integer.
    """
    seed = _checked(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries that draw from it are the reason
    torch.manual_seed(seed)


def _checked(seed: int) -> int:
    try:
        value = operator.index(seed)
    except TypeError:
        raise TypeError(f"a seed is an integer, got {seed!r}") from None
    if not 0 <= value < _SEEDS:
        raise ValueError(f"a seed lies between 0 and {_SEEDS - 1}, got {value}")
    return value
