"""Torch's global generators, borrowed and given back.

Dropout, DataLoader and torchvision's transforms draw from the global generators and take no other.
"""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def isolated_randomness(device: torch.device) -> Iterator[None]:
    """Put the global generators of the CPU and of `device` back as they were, at the end.

    Example:
        >>> before = torch.random.get_rng_state()
        >>> with isolated_randomness(torch.device("cpu")):
        ...     reseed(1, torch.device("cpu"))
        >>> torch.equal(before, torch.random.get_rng_state())
        True
    """
    cpu = torch.default_generator.get_state()
    module = None if device.type == "cpu" else torch.get_device_module(device)
    place = () if device.type == "mps" else (device,)  # torch.mps has one device and no argument
    accelerator = module.get_rng_state(*place) if module else None
    try:
        yield
    finally:
        torch.default_generator.set_state(cpu)
        if module:
            module.set_rng_state(accelerator, *place)


def reseed(seed: int, device: torch.device) -> None:
    """Seed the global generators of the CPU and of `device`, and no other's.

    Args:
        seed: any 64-bit integer.
        device: what computes.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cpu":
        return
    module = torch.get_device_module(device)
    if device.type == "mps":
        module.manual_seed(seed)
    else:
        with module.device(device):
            module.manual_seed(seed)
