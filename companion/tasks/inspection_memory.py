"""A memory of what good parts look like anywhere (Roth et al., 2022, arXiv:2106.08265: PatchCore).

The descriptions of all places of all good parts are thinned out to a coreset, and a place of a new
part is as unusual as its distance from the nearest one that is remembered, wherever that was. The
published method also weighs the hottest place by how crowded the memory is around it; that is left
out here.
"""

from dataclasses import dataclass

import torch

_CHUNK = 1 << 24
"""Distances computed at once: 64 MB in single precision."""


@dataclass(frozen=True, eq=False)
class Memory:
    """Descriptions of good places.

    Attributes:
        points: M x D.
    """

    points: torch.Tensor

    def distances(self, patches: torch.Tensor) -> torch.Tensor:
        """Euclidean distance of each place from the nearest that is remembered.

        Args:
            patches: N x rows x columns x D, as `inspection.describe` gives them, or any ... x D.

        Returns:
            N x rows x columns, or ...

        Raises:
            ValueError: another D.
        """
        if patches.ndim < 2 or patches.shape[-1] != self.points.shape[1]:
            raise ValueError(
                f"this memory needs patches of {self.points.shape[1]} channels, got "
                f"{tuple(patches.shape)}"
            )
        flat = patches.flatten(0, -2)
        lengths = self.points.square().sum(dim=1)
        nearest = [
            torch.addmm(lengths, rows, self.points.T, alpha=-2).amin(dim=1)
            for rows in flat.split(max(1, _CHUNK // len(self.points)))
        ]
        squared = torch.cat(nearest) + flat.square().sum(dim=1) if nearest else flat.new_empty(0)
        return squared.clamp_(min=0).sqrt().view(patches.shape[:-1])


def fit_memory(
    patches: torch.Tensor,
    *,
    size: int,
    generator: torch.Generator,
    candidates: int = 50_000,
    projected: int | None = 32,
) -> Memory:
    """Remember good parts.

    Args:
        patches: N x rows x columns x D, of N good parts, or any ... x D.
        size: how many descriptions to keep.
        generator: draws the candidates, the projection and the first point; on the CPU.
        candidates: how many to draw, of which the coreset is chosen: its time grows with
            `candidates` x `size`.
        projected: dimensions in which the coreset is chosen, as `coreset` says.

    Returns:
        The memory, where the patches are; all candidates if they are no more than `size`.

    Raises:
        ValueError: no patches, values that are not finite, or numbers below 1.
    """
    if patches.ndim < 2 or patches.numel() == 0:
        raise ValueError(f"patches are N x rows x columns x D, got {tuple(patches.shape)}")
    if min(size, candidates) < 1:
        raise ValueError(f"size and candidates start at 1, got {size} and {candidates}")
    flat = patches.flatten(0, -2)
    if len(flat) > candidates:
        drawn = torch.randperm(len(flat), generator=generator)[:candidates]
        flat = flat[drawn.to(flat.device)]
    if not flat.isfinite().all():
        raise ValueError("patches must be finite, some are NaN or infinite")
    if len(flat) <= size:
        return Memory(flat.clone())
    return Memory(flat[coreset(flat, size, generator=generator, projected=projected)])


def coreset(
    points: torch.Tensor, size: int, *, generator: torch.Generator, projected: int | None = None
) -> torch.Tensor:
    """Choose points so that none is far from all of them: the farthest from those chosen is next.

    The largest distance of a point from its nearest chosen one is at most twice the smallest
    possible (Gonzalez, 1985, doi:10.1016/0304-3975(85)90224-5).

    Args:
        points: M x D.
        size: how many to choose, 1 to M.
        generator: draws the first point, and the projection; on the CPU.
        projected: choose in a random projection to so many dimensions, in which distances are
            nearly kept (Johnson and Lindenstrauss, 1984); None for all of them. It saves time only
            below D.

    Returns:
        `size` different indices, int64, in the order chosen.

    Raises:
        ValueError: points of another shape, a size out of range, or a projection below 1.

    Example:
        >>> line = torch.tensor([[0.0], [1.0], [2.0], [10.0]])
        >>> sorted(coreset(line, 2, generator=torch.Generator().manual_seed(0)).tolist())
        [0, 3]
    """
    if points.ndim != 2 or not 1 <= size <= len(points):
        raise ValueError(
            f"a coreset of {size} needs points M x D with M of at least as many, got "
            f"{tuple(points.shape)}"
        )
    if projected is not None and projected < 1:
        raise ValueError(f"projected is a number of dimensions from 1 on, got {projected}")
    if projected is not None and projected < points.shape[1]:
        directions = torch.randn(points.shape[1], projected, generator=generator)
        points = points @ (directions / projected**0.5).to(points)
    points = points - points.mean(dim=0)  # distances stay, rounding becomes less
    lengths = points.square().sum(dim=1)
    chosen = torch.empty(size, dtype=torch.int64, device=points.device)
    chosen[0] = torch.randint(len(points), (), generator=generator)
    nearest = torch.full_like(lengths, torch.inf)
    for number in range(size):
        if number:
            chosen[number] = nearest.argmax()
        latest = chosen[number]
        away = torch.addmv(lengths, points, points[latest], alpha=-2).add_(lengths[latest])
        torch.minimum(nearest, away.clamp_(min=0), out=nearest)
        nearest[latest] = -1  # never again
    return chosen
