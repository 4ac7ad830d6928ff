"""Tiles: images of any size in overlapping pieces of one size, and the pieces joined again."""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch


class Tiling:
    """How images of one size are cut into tiles of one size.

    Sides are first continued to multiples of `multiple` by repeating the last row and column. Tiles
    begin every `tile - overlap` pixels, the last ones end at the border. Of each tile a core is
    kept; cores meet in the middle of an overlap, at a multiple of `multiple`.

    Args:
        height: of the images, in pixels.
        width: likewise.
        tile: largest side of a tile; a multiple of `multiple`.
        overlap: pixels that neighbours share at least; a multiple of `multiple`, below `tile`.
        multiple: sides and corners of tiles are multiples of it.

    Attributes:
        shape: height and width of a tile.

    Raises:
        ValueError: tile or overlap is no multiple, or a tile is not larger than the overlap.

    Example:
        >>> tiling = Tiling(50, 100, tile=64, overlap=16, multiple=8)
        >>> len(tiling), tiling.shape
        (2, (56, 64))
    """

    def __init__(self, height: int, width: int, *, tile: int, overlap: int, multiple: int = 1):
        if tile < 1 or overlap < 0 or tile % multiple or overlap % multiple:
            raise ValueError(
                f"tile and overlap must be multiples of {multiple}, got {tile} and {overlap}"
            )
        if overlap >= tile:
            raise ValueError(
                f"tiles of {tile} pixels cannot overlap by {overlap}; take larger tiles, or a "
                "smaller overlap, which leaves seams where a network looks further than half of it"
            )
        self._size = (height, width)
        padded = [-(-side // multiple) * multiple for side in self._size]
        self.shape = (min(tile, padded[0]), min(tile, padded[1]))
        rows, columns = (_spans(side, tile, overlap, multiple) for side in padded)
        self._places = [(*row, *column) for row in rows for column in columns]

    def __len__(self) -> int:
        """Tiles of one image."""
        return len(self._places)

    def cut(self, images: torch.Tensor, first: int, end: int) -> torch.Tensor:
        """Cut some tiles; they are numbered through all images, those of one image together.

        Args:
            images: N x C x height x width.
            first: number of the first tile, from 0.
            end: number after the last, at most N x tiles of one image.

        Returns:
            (end - first) x C x tile height x tile width.
        """
        tiles = []
        for number in range(first, end):
            image, place = divmod(number, len(self))
            top, _, _, left, _, _ = self._places[place]
            tiles.append(self._window(images[image], top, left))
        return torch.stack(tiles)

    def join(self, tiles: torch.Tensor) -> torch.Tensor:
        """Put the cores of all tiles together.

        Args:
            tiles: (N x tiles of one image) x K x tile height x tile width, in order.

        Returns:
            N x K x height x width.
        """
        height, width = self._size
        if len(self) == 1:
            return tiles[..., :height, :width]
        tiles = tiles.unflatten(0, (-1, len(self)))  # (N, T, K, h, w)
        whole = tiles.new_empty(len(tiles), tiles.shape[2], height, width)
        for place, (top, start, stop, left, begin, end) in enumerate(self._places):
            core = tiles[:, place, :, start - top : stop - top, begin - left : end - left]
            part = whole[..., start:stop, begin:end]
            part.copy_(core[..., : part.shape[-2], : part.shape[-1]])  # without what was continued
        return whole

    def _window(self, image: torch.Tensor, top: int, left: int) -> torch.Tensor:
        (height, width), (bottom, right) = self._size, (top + self.shape[0], left + self.shape[1])
        if bottom <= height and right <= width:
            return image[:, top:bottom, left:right]
        rows = torch.arange(top, bottom, device=image.device).clamp(max=height - 1)
        columns = torch.arange(left, right, device=image.device).clamp(max=width - 1)
        return image[:, rows[:, None], columns]


class TiledBatches:
    """The tiles of all images in batches, as `companion.training.predict` takes them.

    Args:
        images: N x C x H x W.
        tiling: made for that height and width.
        batch_size: tiles in a batch.
    """

    def __init__(self, images: torch.Tensor, tiling: Tiling, batch_size: int):
        if batch_size < 1:
            raise ValueError(f"batch_size starts at 1, got {batch_size}")
        self._images, self._tiling, self._size = images, tiling, batch_size
        self._count = len(images) * len(tiling)

    def __len__(self) -> int:
        """Number of batches."""
        return math.ceil(self._count / self._size)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, None]]:
        """Cut the tiles, batch by batch; there are no targets."""
        for first in range(0, self._count, self._size):
            end = min(first + self._size, self._count)
            yield self._tiling.cut(self._images, first, end), None


def _spans(side: int, tile: int, overlap: int, multiple: int) -> list[tuple[int, int, int]]:
    """Along one side: where each tile starts, where its core starts, where its core ends."""
    if side <= tile:
        return [(0, 0, side)]
    starts = [*range(0, side - tile, tile - overlap), side - tile]
    middles = [
        (second + first + tile) // 2 // multiple * multiple for first, second in pairwise(starts)
    ]
    return list(zip(starts, [0, *middles], [*middles, side], strict=True))
