"""Magnitude pruning: the smallest weights of a network are set to zero, and stay there.

Han, Pool, Tran and Dally, 2015, arXiv:1506.02626, by `torch.nn.utils.prune`.

    prune_smallest(network, 0.8)
    fit(network, ...)               # the zeros stay
    finish_pruning(network)
"""

from torch import nn
from torch.nn.utils import prune

_Layer = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear


def prune_smallest(network: nn.Module, share: float) -> None:
    """Set the smallest weights of all convolutions and linear layers to zero, in place.

    The layers compete with one another: one threshold holds for all. Until `finish_pruning` masks
    keep the zeros zero in training; an optimizer must be made after this call, for the layers'
    parameters are new ones. Biases stay.

    Args:
        network: any network with convolutions or linear layers.
        share: of these layers' weights, in (0, 1); those that are zero already count.

    Raises:
        ValueError: the share is out of range, there is no such layer, or masks of an earlier
            pruning are still there.

    Example:
        >>> network = nn.Linear(8, 5)
        >>> prune_smallest(network, 0.75)
        >>> finish_pruning(network)
        >>> share_of_zeros(network)
        0.75
    """
    if not 0 < share < 1:
        raise ValueError(f"the share to prune lies between 0 and 1, both left out, got {share}")
    layers = _layers(network)
    if prune.is_pruned(network):
        raise ValueError("the network has masks of an earlier pruning; call finish_pruning first")
    for layer in layers:  # torch's pruning needs rows side by side; training on a GPU reorders them
        layer.weight.data = layer.weight.data.contiguous()
    prune.global_unstructured(
        [(layer, "weight") for layer in layers],
        pruning_method=prune.L1Unstructured,
        amount=round(share * sum(layer.weight.numel() for layer in layers)),
    )


def finish_pruning(network: nn.Module) -> None:
    """Make the zeros part of the weights and take the masks away, in place.

    Raises:
        ValueError: the network was not pruned.
    """
    pruned = [layer for layer in _layers(network) if prune.is_pruned(layer)]
    if not pruned:
        raise ValueError("there are no masks to finish; call prune_smallest first")
    for layer in pruned:
        prune.remove(layer, "weight")
        bias = dict(layer.named_parameters()).get("bias")
        del layer.bias  # behind the weight again, where optimizers of other networks expect it
        layer.register_parameter("bias", bias)


def share_of_zeros(network: nn.Module) -> float:
    """The share of the weights of convolutions and linear layers that are zero.

    Raises:
        ValueError: there is no such layer.
    """
    weights = [layer.weight for layer in _layers(network)]
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    return zeros / sum(weight.numel() for weight in weights)


def _layers(network: nn.Module) -> list[_Layer]:
    layers = [module for module in network.modules() if isinstance(module, _Layer)]
    if not layers:
        raise ValueError("the network has no convolution and no linear layer to prune")
    return layers
