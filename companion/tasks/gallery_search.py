"""Exact nearest neighbours of 128 numbers among many, by one matrix product on any device.

For all rows e at once, `|e - q|^2 = |q|^2 - 2 (e.q - |e|^2 / 2)`: the nearest row is the one with
the largest `e.q - |e|^2 / 2`. In float32 that product is off by a little, so every row that could
be the nearest within the bound of the error (Higham, 2002, section 3.1) is measured again in
float64.
"""

import numpy as np
import torch

_ROUNDING = {"highest": 2.0**-24, "high": 2.0**-10, "medium": 2.0**-8}
"""Relative error of one multiplication, by torch's setting for float32 matrix products."""

_SCORES_AT_ONCE = 1 << 24
"""Products held at a time, 64 MiB in float32."""


class Index:
    """An immutable table of embeddings that answers: which row is nearest?

    Args:
        rows: (N, D) float32, finite.
        device: where the products are computed.
    """

    def __init__(self, rows: np.ndarray, device: torch.device) -> None:
        self.rows = torch.from_numpy(rows).to(device)  # (N, D)
        self._half_squares = self.rows.square().sum(1) / 2  # (N,)
        self._longest = float((2 * self._half_squares).max().sqrt()) if len(rows) else 0.0

    def __len__(self) -> int:
        return len(self.rows)

    def nearest(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nearest row of every query; of equally near ones the first.

        Args:
            queries: (M, D) float32, finite.

        Returns:
            Row numbers (M,) int64 and Euclidean distances (M,) float64.

        Raises:
            ValueError: the index has no rows.
        """
        if not len(self):
            raise ValueError("the index is empty")
        numbers = np.empty(len(queries), np.int64)
        distances = np.empty(len(queries), np.float64)
        step = max(1, min(len(queries), _SCORES_AT_ONCE // len(self)))
        memory = self.rows.new_empty(step, len(self))  # used again and again: new pages cost time
        for start in range(0, len(queries), step):
            part = queries[start : start + step]
            scores = self._scores(torch.from_numpy(part).to(self.rows.device), memory)  # (m, N)
            query, row = _near_largest(scores, self._tolerances(part))  # both (candidates,)
            found = self.rows[torch.from_numpy(row).to(self.rows.device)].cpu().numpy()
            exact = np.linalg.norm(found.astype(np.float64) - part[query], axis=1)
            order = np.lexsort((row, exact, query))  # by query, then distance, then row
            first = order[np.unique(query[order], return_index=True)[1]]  # (m,)
            numbers[start : start + step] = row[first]
            distances[start : start + step] = exact[first]
        return numbers, distances

    def _scores(self, queries: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        """Scores of m queries, (m, N), in the first m rows of `memory`."""
        scores = memory[: len(queries)]
        if len(queries) == 1:  # a matrix times a vector: no need to walk the table as a transpose
            torch.addmv(self._half_squares, self.rows, queries[0], beta=-1, out=scores[0])
        else:
            torch.addmm(self._half_squares, queries, self.rows.T, beta=-1, out=scores)
        return scores

    def _tolerances(self, queries: np.ndarray) -> torch.Tensor:
        """How far two scores may differ, though their true order is the other one: (m,)."""
        rounding = (self.rows.shape[1] + 3) * _ROUNDING[torch.get_float32_matmul_precision()]
        lengths = torch.from_numpy(queries).norm(dim=1)
        underflow = self.rows.shape[1] * torch.finfo(torch.float32).tiny
        return 2 * (rounding * self._longest * (lengths + self._longest) + underflow)


def _near_largest(scores: torch.Tensor, tolerances: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Where scores (m, N) reach their row's maximum, but for its tolerance: two (candidates,)."""
    if scores.device.type == "cpu":  # numpy: waking torch's threads takes longer than the work
        table = scores.numpy()
        near = table >= table.max(1, keepdims=True) - tolerances.numpy()[:, None]
        return np.divmod(np.flatnonzero(near), table.shape[1])  # faster than nonzero of a table
    floors = scores.amax(1, keepdim=True) - tolerances.to(scores.device)[:, None]
    query, row = (scores >= floors).nonzero(as_tuple=True)
    return query.cpu().numpy(), row.cpu().numpy()
