"""Exact nearest neighbours of 128 numbers among many, by one matrix product on any device.

For all rows e at once, `|e - q|^2 = |q|^2 - 2 (e.q - |e|^2 / 2)`: the nearest row is the one with
the largest `e.q - |e|^2 / 2`, a product too if each row carries `|e|^2 / 2` as one more number and
each query -1. In float32 that product is off by a little, so every row that could
be the nearest within the bound of the error (Higham, 2002, section 3.1) is measured again in
float64.
"""

import numpy as np
import torch

_ROUNDING = {"highest": 2.0**-24, "high": 2.0**-10, "medium": 2.0**-8}
"""Relative error of one multiplication, by torch's setting for float32 matrix products."""

_SCORES_AT_ONCE = 1 << 24
"""Products held at a time, 64 MiB in float32."""

_BLOCK = 512
"""Products of which only the largest is kept at first."""


class Index:
    """An immutable table of embeddings that answers: which row is nearest?

    Args:
        rows: (N, D) float32, finite.
        device: where the products are computed.
    """

    def __init__(self, rows: np.ndarray, device: torch.device) -> None:
        table = torch.from_numpy(rows).to(device)
        half_squares = table.square().sum(1, keepdim=True) / 2  # (N, 1)
        self._table = torch.cat([table, half_squares], dim=1)  # (N, D + 1)
        self.rows = self._table[:, :-1]  # (N, D)
        self._longest = float((2 * half_squares).max().sqrt()) if len(rows) else 0.0

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
        queries = torch.cat([queries, queries.new_full((len(queries), 1), -1.0)], dim=1)
        if len(queries) == 1:  # a matrix times a vector: no need to walk the table as a transpose
            torch.mv(self._table, queries[0], out=scores[0])
        elif scores.device.type == "cpu":  # on some processors half the time of torch's product
            np.matmul(queries.numpy(), self._table.numpy().T, out=scores.numpy())
        else:
            torch.mm(queries, self._table.T, out=scores)
        return scores

    def _tolerances(self, queries: np.ndarray) -> torch.Tensor:
        """How far two scores may differ, though their true order is the other one: (m,)."""
        rounding = (self.rows.shape[1] + 3) * _ROUNDING[torch.get_float32_matmul_precision()]
        lengths = torch.from_numpy(queries).norm(dim=1)
        underflow = self.rows.shape[1] * torch.finfo(torch.float32).tiny
        return 2 * (rounding * self._longest * (lengths + self._longest) + underflow)


def _near_largest(scores: torch.Tensor, tolerances: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Where scores (m, N) reach their row's maximum, but for its tolerance: two (candidates,).

    One walk over all scores finds the largest of each block; only blocks that reach the maximum are
    looked at again.
    """
    if scores.device.type == "cpu" and len(scores) == 1:  # waking torch's threads takes longer
        table = scores.numpy()
        near = table >= table.max(1, keepdims=True) - tolerances.numpy()[:, None]
        query, row = np.nonzero(near)
        return query, row
    even = scores.shape[1] - scores.shape[1] % _BLOCK
    blocks, rest = scores[:, :even].unflatten(1, (-1, _BLOCK)), scores[:, even:]
    tops = blocks.amax(2)  # (m, blocks)
    largest = torch.cat([tops, rest], dim=1).amax(1)
    floors = (largest - tolerances.to(scores.device)).unsqueeze(1)
    query, block = (tops >= floors).nonzero(as_tuple=True)
    found, place = (blocks[query, block] >= floors[query]).nonzero(as_tuple=True)
    late_query, late_row = (rest >= floors).nonzero(as_tuple=True)
    queries = torch.cat([query[found], late_query])
    rows = torch.cat([block[found] * _BLOCK + place, late_row + even])
    return queries.cpu().numpy(), rows.cpu().numpy()
