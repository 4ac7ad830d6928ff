"""What a training run went through: one row of numbers for each epoch."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Best(NamedTuple):
    """The best value of a column.

    Attributes:
        epoch: epoch that reached it first, from 1.
        value: the value.
    """

    epoch: int
    value: float


@dataclass(frozen=True)
class History:
    """Per-epoch values of a run; two runs that went through the same are equal.

    Args:
        names: the columns: train_loss; valid_loss, if there was a loss in validation; each metric
            by its name; learning_rate.
        rows: one row for each whole epoch, one value for each column.
        seconds: wall-clock seconds of each epoch; left out when runs are compared.
        interrupted: whether the run was ended by Ctrl-C.

    Example:
        >>> history = History(("train_loss", "accuracy"), ((0.9, 0.5), (0.4, 0.75)))
        >>> history["train_loss"]
        (0.9, 0.4)
        >>> history.best("accuracy", "max")
        Best(epoch=2, value=0.75)
        >>> print(history)
        epoch  train_loss  accuracy
            1      0.9000    0.5000
            2      0.4000    0.7500
    """

    names: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    seconds: tuple[float, ...] = field(default=(), compare=False)
    interrupted: bool = False

    def __len__(self) -> int:
        """Whole epochs."""
        return len(self.rows)

    def __getitem__(self, name: str) -> tuple[float, ...]:
        """One column, a value for each epoch.

        Raises:
            KeyError: there is no such column.
        """
        return tuple(row[self._column(name)] for row in self.rows)

    def best(self, name: str, mode: Literal["min", "max"] | None = None) -> Best:
        """The best value of a column and the first epoch that reached it; NaN is never best.

        Args:
            name: the column.
            mode: whether small or large is good; "min" is understood for losses.

        Raises:
            KeyError: there is no such column.
            ValueError: no epoch, or no mode for a column that is not a loss.
        """
        sign = 1 if direction(name, mode) == "min" else -1
        values = [(sign * value, epoch) for epoch, value in enumerate(self[name], 1)]
        values = [pair for pair in values if pair[0] == pair[0]]
        if not values:
            raise ValueError(f"no epoch has a value of {name}")
        value, epoch = min(values)
        return Best(epoch, sign * value)

    def table(self, rows: int | None = None, digits: int = 4) -> str:
        """The history as lines of text, epochs counted from 1.

        Args:
            rows: at most so many epochs, evenly chosen, with the first and the last; all by
                default.
            digits: decimals of each value; learning rates are shown to three significant digits.

        Raises:
            ValueError: `rows` is below 1.
        """
        if rows is not None and rows < 1:
            raise ValueError(f"a table needs at least one row, got {rows}")
        count = len(self) if rows is None else min(rows, len(self))
        step = (len(self) - 1) / (count - 1) if count > 1 else 0
        chosen = [len(self) - 1 - round(step * k) for k in reversed(range(count))]
        cells = [["epoch", *self.names]]
        for index in chosen:
            values = zip(self.names, self.rows[index], strict=True)
            cells.append([str(index + 1), *(_shown(n, v, digits) for n, v in values)])
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in cells
        )

    def __str__(self) -> str:
        return self.table()

    def _column(self, name: str) -> int:
        if name not in self.names:
            raise KeyError(f"no column {name!r}; there are {', '.join(self.names)}")
        return self.names.index(name)


def direction(name: str, mode: str | None) -> str:
    """Whether small or large values of a column are good: "min" or "max".

    Raises:
        ValueError: the mode is unknown, or was not given for a column that is not a loss.
    """
    if mode is None and name.endswith("loss"):
        return "min"
    if mode not in ("min", "max"):
        raise ValueError(f'say whether small or large {name} is good: mode="min" or "max"')
    return mode


def _shown(name: str, value: float, digits: int) -> str:
    return f"{value:.3g}" if name == "learning_rate" else f"{value:.{digits}f}"
