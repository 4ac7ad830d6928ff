"""A gallery of 100,000 people, against a loop over numpy rows and against faiss."""

import itertools
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.measure import Row, peer, turns
from companion.tasks.gallery import Gallery

PEOPLE = 100_000
QUERIES = 1_000


def rows() -> list[Row]:
    faiss = peer("faiss")
    faiss.omp_set_num_threads(torch.get_num_threads())
    rng = np.random.default_rng(0)
    table = (rng.normal(size=(PEOPLE, 128)) / 8).astype(np.float32)
    asked = rng.permutation(PEOPLE)[:QUERIES]
    queries = table[asked] + rng.normal(size=(QUERIES, 128)).astype(np.float32) / 50
    index = faiss.IndexFlatL2(128)
    index.add(table)

    def loop(query):
        best = min(range(PEOPLE), key=lambda row: np.linalg.norm(table[row] - query))
        return best

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.gallery"
        with Gallery(path) as gallery:
            gallery.enroll_many({f"person {i}": table[i : i + 1] for i in range(PEOPLE)})
        opening = []
        for _ in range(3):
            start = time.perf_counter()
            with Gallery(path, create=False) as gallery:
                gallery.identify(queries[0])
                opening.append(time.perf_counter() - start)
        with Gallery(path, create=False) as gallery:
            matches = gallery.identify_many(queries, threshold=np.inf)
            _, nearest = index.search(queries, 1)
            expected = [f"person {i}" for i in asked]
            if [match.name for match in matches] != expected or nearest[:, 0].tolist() != list(
                asked
            ):
                raise AssertionError("the gallery and faiss do not find the same people")
            first, second, third = (itertools.cycle(queries) for _ in range(3))
            one, other = turns(
                lambda: gallery.identify(next(first)),
                lambda: index.search(next(second)[None], 1),
                times=100,
            )
            one_again, slow = turns(
                lambda: gallery.identify(next(first)), lambda: loop(next(third)), times=3
            )
            many, others = turns(
                lambda: gallery.identify_many(queries), lambda: index.search(queries, 1), times=5
            )
    people = f"{PEOPLE:,} people"
    return [
        Row(f"identify 1 among {people}", one, "faiss.IndexFlatL2", other, 1.5),
        Row(f"identify 1 among {people}", one_again, "numpy loop", slow, 1.0),
        Row(f"identify {QUERIES:,} among {people}", many, "faiss.IndexFlatL2", others, 1.5),
        Row(f"open {people}, first answer", sorted(opening)[1], "", 2.0, 1.0),
    ]
