"""Tiles: whatever is cut comes together again, and cores lie deep inside."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.tasks.tiles import TiledBatches, Tiling


@settings(max_examples=80)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    multiple=st.sampled_from([1, 2, 4]),
    tile=st.integers(2, 8),
    overlap=st.integers(0, 7),
    batch=st.integers(1, 9),
)
def test_what_is_cut_comes_together_again(height, width, multiple, tile, overlap, batch):
    tile, overlap = tile * multiple, min(overlap, tile - 1) * multiple
    images = torch.arange(2 * 3 * height * width).reshape(2, 3, height, width)
    tiling = Tiling(height, width, tile=tile, overlap=overlap, multiple=multiple)
    batches = TiledBatches(images, tiling, batch)
    parts = [tiles for tiles, _ in batches]
    assert len(parts) == len(batches)
    assert {part.shape[1:] for part in parts} == {(3, *tiling.shape)}
    assert all(side % multiple == 0 for side in tiling.shape)
    assert torch.equal(tiling.join(torch.cat(parts)), images)


def test_of_each_tile_only_the_core_is_kept():
    """Spoil every tile's rim by half the overlap: nothing of it may arrive, but at the border."""
    images = torch.rand(1, 1, 200, 136)
    tiling = Tiling(200, 136, tile=64, overlap=32, multiple=8)
    tiles = tiling.cut(images, 0, len(tiling))
    spoilt = torch.full_like(tiles, torch.nan)
    spoilt[..., 16:-16, 16:-16] = tiles[..., 16:-16, 16:-16]
    joined = tiling.join(spoilt)
    assert torch.equal(joined[..., 16:-16, 16:-16], images[..., 16:-16, 16:-16])
    assert joined[..., :16, :].isnan().all()


def test_sides_are_continued_by_their_last_pixels():
    images = torch.rand(1, 2, 5, 6)
    (tile,) = Tiling(5, 6, tile=64, overlap=8, multiple=8).cut(images, 0, 1)
    assert tile.shape == (2, 8, 8)
    assert torch.equal(tile[:, 5:, :6], images[0, :, 4:5].expand(-1, 3, -1))
    assert torch.equal(tile[:, :, 6:], tile[:, :, 5:6].expand(-1, -1, 2))


@pytest.mark.parametrize(
    ("tile", "overlap", "message"),
    [
        (60, 8, "multiples of 8, got 60 and 8"),
        (64, 12, "multiples of 8, got 64 and 12"),
        (0, 0, "multiples of 8"),
        (64, -8, "multiples of 8"),
        (64, 64, "64 pixels cannot overlap by 64; take larger tiles"),
    ],
)
def test_tiles_that_do_not_fit_are_refused(tile, overlap, message):
    with pytest.raises(ValueError, match=message):
        Tiling(100, 100, tile=tile, overlap=overlap, multiple=8)


def test_a_batch_has_at_least_one_tile():
    with pytest.raises(ValueError, match="batch_size starts at 1, got 0"):
        TiledBatches(torch.zeros(1, 1, 8, 8), Tiling(8, 8, tile=8, overlap=0), 0)
