"""What a network costs: its weights, and the operations of one forward pass."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_weights(model: nn.Module, *, trainable_only: bool = False) -> int:
    """Count the numbers that training sets: weights and biases, shared ones once.

    Args:
        model: any network.
        trainable_only: leave out the frozen ones.

    Example:
        >>> count_weights(nn.Linear(64, 10))
        650
    """
    weights = model.parameters()
    return sum(p.numel() for p in weights if p.requires_grad or not trainable_only)


def count_operations(model: nn.Module, inputs: torch.Tensor) -> int:
    """Count the multiplications and additions of one forward pass, as torch counts them.

    Matrix products, convolutions and attention count, one multiplication and one addition for each
    weight used; element-wise work (activations, pooling, biases) does not. The products inside
    `nn.RNN`, `nn.LSTM` and `nn.GRU` are counted as well.

    Args:
        model: any network; it is run once in evaluation mode, and its mode is put back.
        inputs: what it takes, usually a batch of one, 1 x C x H x W.

    Returns:
        The operations for these inputs.

    Example:
        >>> count_operations(nn.Linear(64, 10, bias=False), torch.zeros(1, 64))
        1280
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with _plain_kernels(), FlopCounterMode(display=False) as counter, torch.no_grad():
            model(inputs.detach())  # the counter fails on views of inputs that require a gradient
    finally:
        for module, mode in modes:
            module.training = mode
    return counter.get_total_flops()


@contextlib.contextmanager
def _plain_kernels() -> Iterator[None]:
    """Do without fused recurrent kernels, which hide their products from the counter."""
    libraries: tuple[Any, ...] = (torch.backends.mkldnn, torch.backends.cudnn)
    before = [library.enabled for library in libraries]
    try:
        for library in libraries:
            library.enabled = False
        yield
    finally:
        for library, enabled in zip(libraries, before, strict=True):
            library.enabled = enabled
