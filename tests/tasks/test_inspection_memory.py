import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from companion.tasks import inspection_memory
from companion.tasks.inspection_memory import Memory, coreset, fit_memory


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def points(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed))


def slow_coreset(values, size, first):
    """Farthest points, with every distance computed."""
    chosen = [first]
    while len(chosen) < size:
        nearest = cdist(values, values[chosen]).min(axis=1)
        nearest[chosen] = -1
        chosen.append(int(nearest.argmax()))
    return chosen


def test_the_coreset_is_that_of_the_slow_way():
    values = points(200, 6).double()
    found = coreset(values, 40, generator=generator(1)).tolist()
    assert found == slow_coreset(values.numpy(), 40, found[0])
    assert coreset(values, 40, generator=generator(1)).tolist() == found
    assert coreset(values, 40, generator=generator(2)).tolist() != found
    shifted = coreset(values + 1000, 40, generator=generator(1)).tolist()
    assert shifted == found


def test_a_coreset_covers_better_than_chance_also_when_projected():
    values = points(3000, 3) @ points(3, 40, seed=1) + 0.05 * points(3000, 40, seed=2)

    def reach(chosen):
        return cdist(values, values[chosen]).min(axis=1).max()

    by_chance = np.mean(
        [reach(torch.randperm(3000, generator=generator(s))[:60]) for s in range(5)]
    )
    assert reach(coreset(values, 60, generator=generator())) < 0.6 * by_chance
    assert reach(coreset(values, 60, generator=generator(), projected=16)) < 0.8 * by_chance


def test_a_rare_kind_is_remembered():
    values = torch.cat([points(2000, 8), points(3, 8) + 30])
    assert (coreset(values, 20, generator=generator()) >= 2000).any()


def test_all_points_and_equal_points_can_be_chosen():
    assert sorted(coreset(points(30, 2), 30, generator=generator()).tolist()) == list(range(30))
    same = coreset(torch.ones(10, 3), 5, generator=generator())
    assert len(set(same.tolist())) == 5


def test_distances_are_scikit_learns(monkeypatch):
    patches = points(7, 5, 4, 12)
    memory = fit_memory(points(20, 5, 4, 12, seed=1), size=100, generator=generator())
    assert memory.points.shape == (100, 12)
    reference = NearestNeighbors(n_neighbors=1).fit(memory.points.numpy())
    wanted = reference.kneighbors(patches.reshape(-1, 12).numpy())[0].reshape(7, 5, 4)
    np.testing.assert_allclose(memory.distances(patches), wanted, rtol=1e-3)
    monkeypatch.setattr(inspection_memory, "_CHUNK", 350)  # three rows at a time
    np.testing.assert_allclose(memory.distances(patches), wanted, rtol=1e-3)
    assert memory.distances(patches[:0]).shape == (0, 5, 4)
    known = memory.distances(memory.points)
    assert known.shape == (100,)
    assert known.max() < 1e-2


def test_place_does_not_matter_and_faults_do():
    good = points(40, 6, 6, 8)
    memory = fit_memory(good, size=300, generator=generator())
    part = points(3, 6, 6, 8, seed=9)
    moved = part.flip(1)
    torch.testing.assert_close(memory.distances(moved), memory.distances(part).flip(1))
    part[1, 4, 2] += 5
    heat = memory.distances(part)
    assert heat.flatten(1).argmax(dim=1)[1] == 4 * 6 + 2
    assert heat[1].max() > 1.5 * heat[0].max()


def test_what_is_remembered_comes_from_the_good_parts():
    good = points(10, 3, 3, 4)
    rows = {tuple(row) for row in good.reshape(-1, 4).tolist()}
    for size, candidates, kept in ((20, 50, 20), (500, 1000, 90), (500, 30, 30)):
        memory = fit_memory(good, size=size, candidates=candidates, generator=generator())
        assert len(memory.points) == kept
        assert {tuple(row) for row in memory.points.tolist()} <= rows
    memory.points.zero_()
    assert good.abs().min() > 0  # a memory is a copy


def test_what_does_not_fit():
    good = points(10, 3, 3, 4)
    with pytest.raises(ValueError, match=r"patches of 4 channels, got \(10, 3, 3, 3\)"):
        Memory(points(5, 4)).distances(good[..., :3])
    with pytest.raises(ValueError, match="rows x columns"):
        fit_memory(good[:0], size=5, generator=generator())
    with pytest.raises(ValueError, match="size and candidates start at 1"):
        fit_memory(good, size=0, generator=generator())
    with pytest.raises(ValueError, match="finite"):
        fit_memory(good / 0, size=5, generator=generator())
    with pytest.raises(ValueError, match="a coreset of 5 needs points M x D"):
        coreset(points(4, 2), 5, generator=generator())
    with pytest.raises(ValueError, match="number of dimensions from 1 on"):
        coreset(points(4, 2), 2, generator=generator(), projected=0)
