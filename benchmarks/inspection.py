"""Looking for faults with what good parts have taught, against scikit-learn and faiss.

Numbers as for 64 solar cells of 160 x 160 pixels: 20 x 20 places with 192 channels each. The memory
is searched by brute force on all sides, with as many threads; the Gaussians' peer is scikit-learn's
covariance, one for each place, each of which gets all parts at once.
"""

import numpy as np
import torch
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import NearestNeighbors

from benchmarks.measure import Row, peer, turns
from companion.tasks.inspection_gaussian import fit_gaussians
from companion.tasks.inspection_memory import Memory

PARTS, SIDE, CHANNELS, LEARNT, REMEMBERED, ROUNDS = 64, 20, 192, 400, 2000, 7


def rows() -> list[Row]:
    faiss = peer("faiss")
    faiss.omp_set_num_threads(torch.get_num_threads())
    generator = torch.Generator().manual_seed(0)
    patches = torch.randn(PARTS, SIDE, SIDE, CHANNELS, generator=generator)
    flat = patches.flatten(0, 2).numpy()
    memory = Memory(torch.randn(REMEMBERED, CHANNELS, generator=generator))
    neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(memory.points.numpy())
    index = faiss.IndexFlatL2(CHANNELS)
    index.add(memory.points.numpy())
    for other in (neighbours.kneighbors(flat)[0], index.search(flat, 1)[0] ** 0.5):
        np.testing.assert_allclose(memory.distances(patches).ravel(), other[:, 0], rtol=1e-3)

    good = torch.randn(LEARNT, SIDE, SIDE, CHANNELS, generator=generator)
    gaussians = fit_gaussians(good, ridge=1e-6)
    covariances = [
        EmpiricalCovariance().fit(place) for place in good.flatten(1, 2).permute(1, 0, 2).numpy()
    ]
    del good
    by_place = patches.flatten(1, 2).permute(1, 0, 2).numpy()

    def loop():
        each = zip(covariances, by_place, strict=True)
        return np.stack([covariance.mahalanobis(place) for covariance, place in each], axis=1)

    squared = loop() * (LEARNT - 1) / LEARNT  # scikit-learn divides by N
    np.testing.assert_allclose(
        gaussians.distances(patches).flatten(1).square(), squared, rtol=1e-2
    )  # the same work

    mine, brute, flat_index = turns(
        lambda: memory.distances(patches),
        lambda: neighbours.kneighbors(flat),
        lambda: index.search(flat, 1),
        times=ROUNDS,
    )
    white, single = turns(lambda: gaussians.distances(patches), loop, times=ROUNDS)
    search = f"{PARTS} parts against {REMEMBERED:,} remembered places"
    return [
        Row(search, mine, "sklearn.NearestNeighbors", brute, 1.0),
        Row(search, mine, "faiss.IndexFlatL2", flat_index, 1.5),
        Row(f"{PARTS} parts, a Gaussian each place", white, "sklearn.covariance", single, 1.0),
    ]
