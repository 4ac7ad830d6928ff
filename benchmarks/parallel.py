"""`companion.parallel.parallel_map` against other ways to do several trainings, with one result.

Seconds by the clock for all of them. joblib's processes live on from one round to the next and are
started before the time is taken; ours are copied afresh in each round.
"""

import torch
from joblib import Parallel, delayed

from benchmarks.measure import Row, turns
from benchmarks.training import EPOCHS
from benchmarks.training import ours as train
from companion.parallel import parallel_map

SEEDS, ROUNDS = range(4), 7


def ours() -> list[torch.nn.Module]:
    return parallel_map(train, SEEDS)


def one_after_another() -> list[torch.nn.Module]:
    return [train(seed) for seed in SEEDS]


def joblib() -> list[torch.nn.Module]:
    return Parallel(n_jobs=-1)(delayed(train)(seed) for seed in SEEDS)


def rows() -> list[Row]:
    task = f"{len(SEEDS)} trainings of a small CNN for {EPOCHS} epochs"
    mine, alone, theirs = turns(ours, one_after_another, joblib, times=ROUNDS)
    return [
        Row(task, mine, "one after another, all cores", alone, 0.8),
        Row(task, mine, "joblib", theirs, 1.1),
    ]
