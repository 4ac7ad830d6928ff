"""Multilayer perceptron (Rosenblatt, 1958; Rumelhart, Hinton and Williams, 1986)."""

import itertools
from collections.abc import Callable, Sequence

from torch import nn


def mlp(
    inputs: int = 64,
    hidden: Sequence[int] = (128,),
    classes: int = 10,
    *,
    activation: Callable[[], nn.Module] = nn.ReLU,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Build fully connected layers with an activation between them.

    The sum over layers of (inputs + 1) x outputs weights: 9,610 as built by default, for images
    of 8 x 8. Without hidden layers it is multinomial logistic regression.

    Args:
        inputs: values in one flattened image, C x H x W.
        hidden: outputs of each hidden layer.
        classes: number of logits.
        activation: builds the module after each hidden layer.
        dropout: share of hidden outputs set to zero in training, in [0, 1).

    Returns:
        A network from images, N x C x H x W or N x inputs, to logits, N x classes.

    Raises:
        ValueError: a size below 1, or dropout outside [0, 1).

    Example:
        >>> import torch
        >>> mlp()(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 10])
    """
    sizes = (inputs, *hidden, classes)
    if min(sizes) < 1:
        raise ValueError(f"every layer needs at least one output, got the sizes {sizes}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must lie in [0, 1), got {dropout}")
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(before, after), activation()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(sizes[-2], classes))
