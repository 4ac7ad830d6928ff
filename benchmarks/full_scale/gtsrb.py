"""Traffic signs of GTSRB: a small classifier, watched and tested without mixing tracks.

    COMPANION_DATA=... python -m benchmarks.full_scale.gtsrb

Histograms of oriented gradients, as on the page about face detection, and a linear support vector
machine for 43 classes. It learns from four fifths of the training part's tracks, is watched on the
last fifth, and tested on the test part. To show what mixing tracks does, it is also watched on
pictures drawn at random, whose neighbours of the same track it has learnt from. Where the folder
holds a part of the set only, the first line says so by its counts.
"""

import time
from collections.abc import Iterator

import numpy as np
import torch
from skimage.color import rgb2gray
from skimage.feature import hog
from sklearn.svm import LinearSVC

from benchmarks.full_scale.measured import Measured, keep
from companion.data.gtsrb import TrafficSigns, load_gtsrb
from companion.data.splits import grouped_folds, stratified_split
from companion.device import describe_device

SEED = 0


def measure() -> Iterator[Measured]:
    signs, test = load_gtsrb("train", size=40), load_gtsrb("test", size=40)
    tracks = len(set(signs.tracks))
    print(f"{len(signs)} pictures of {tracks} tracks to learn from, {len(test)} to test on")
    features, unseen = described(signs), described(test)
    by_track = next(grouped_folds(signs.labels, signs.tracks, folds=5, seed=SEED))
    at_random = stratified_split(signs.labels, held_out=0.2, seed=SEED)
    labels = signs.labels.numpy()
    for name, split in (("by track", by_track), ("at random", at_random)):
        start = time.perf_counter()
        machine = LinearSVC(C=0.1, random_state=SEED).fit(
            features[split.train], labels[split.train]
        )
        held_out = machine.score(features[split.test], labels[split.test])
        tested = machine.score(unseen, test.labels.numpy())
        taken = time.perf_counter() - start
        print(f"split {name}: held-out {held_out:.3f}, test {tested:.3f}; {taken:.1f} s")
        if name == "by track":
            yield Measured(
                "GTSRB",
                f"{len(split.train):,} / {len(test):,}",
                "linear support vector machine on HOG",
                "accuracy",
                tested,
                taken,
                describe_device(torch.device("cpu")),
            )


def described(signs: TrafficSigns) -> np.ndarray:
    """One row of gradient histograms for each picture: cells of 5 x 5 pixels."""
    pictures = rgb2gray(signs.images.permute(0, 2, 3, 1).numpy())
    return np.stack(
        [hog(each, pixels_per_cell=(5, 5), cells_per_block=(2, 2)) for each in pictures]
    )


if __name__ == "__main__":
    keep(measure())
