"""Recurrent networks that read an image row by row.

The plain cell is Elman's (1990), LSTM is of Hochreiter and Schmidhuber (1997) with a forget gate
(Gers, Schmidhuber and Cummins, 2000), GRU of Cho et al. (2014, arXiv:1406.1078).
"""

from typing import Literal

import torch
from torch import nn

_CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RowReader(nn.Module):
    """One recurrent layer or more over the rows of an image, then a linear layer.

    The rows, from top to bottom, are the sequence; the pixels of a row are one input. The state
    after the last row decides.

    Args:
        row: values in one row, C x W.
        classes: number of logits.
        cell: "rnn", "lstm" or "gru".
        hidden: size of the state.
        layers: recurrent layers on top of each other.

    Raises:
        ValueError: an unknown cell, or a size below 1.
    """

    def __init__(self, row: int, classes: int, cell: str, hidden: int, layers: int):
        super().__init__()
        if cell not in _CELLS:
            raise ValueError(f"cell must be one of {', '.join(_CELLS)}, got {cell!r}")
        if min(row, classes, hidden, layers) < 1:
            raise ValueError(
                f"row, classes, hidden and layers start at 1, got {(row, classes, hidden, layers)}"
            )
        self.recurrent = _CELLS[cell](row, hidden, layers, batch_first=True)
        self.classifier = nn.Linear(hidden, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images, N x C x H x W, to logits, N x classes."""
        rows = images.transpose(1, 2).flatten(2)  # (N, H, C * W)
        states, _ = self.recurrent(rows)  # (N, H, hidden)
        return self.classifier(states[:, -1])


def rnn(
    row: int = 8,
    classes: int = 10,
    *,
    cell: Literal["rnn", "lstm", "gru"] = "gru",
    hidden: int = 64,
    layers: int = 1,
) -> RowReader:
    """Build a recurrent network that reads an image row by row.

    Weights of a first layer: gates x hidden x (row + hidden + 2), where gates is 1 for "rnn", 4 for
    "lstm" and 3 for "gru"; a further layer reads `hidden` values instead of `row`. With the
    classifier's (hidden + 1) x classes, for one layer of 64 over rows of 8: 5,386 "rnn", 19,594
    "lstm", 14,858 "gru".

    Args:
        row: values in one row, C x W.
        classes: number of logits.
        cell: kind of recurrent cell.
        hidden: size of the state.
        layers: recurrent layers on top of each other.

    Returns:
        A network from images, N x C x H x W of any height, to logits, N x classes.

    Raises:
        ValueError: an unknown cell, or a size below 1.

    Example:
        >>> rnn()(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 10])
    """
    return RowReader(row, classes, cell, hidden, layers)
