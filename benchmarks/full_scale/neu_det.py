"""Hot-rolled steel of NEU-DET: which of six kinds of defect, and does the model look at it?

    COMPANION_DATA=... python -m benchmarks.full_scale.neu_det

Features of MobileNetV2, trained on everyday photographs and frozen, and a linear classifier, whose
decay is chosen by five folds within the training part. After the feature maps all of it is linear,
so the logit of a kind is the mean of a heat map; its hottest pixel should lie in one of the boxes
that people drew around defects of this kind. By chance it would as often as the boxes cover the
picture. Near the edges the zeros around a map tell the classifier nothing of steel but weigh much:
so a second line leaves out a rim of two places, a width that was chosen with a look at the result.
Where the folder holds a part of the set only, the first line says so by its counts.
"""

import time
from collections.abc import Iterator

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from benchmarks.full_scale.measured import Measured, keep
from companion.data.neu_det import CLASSES, SIDE, SteelSurfaces, load_neu_det
from companion.data.weights import mobilenet_weights
from companion.device import Stopwatch, describe_device, pick_device
from companion.models import MobileNetFeatures
from companion.tasks.diagnosis import rate
from companion.training import predict

DEPTHS, RIMS = (10, 13), (0, 32)


def measure() -> Iterator[Measured]:
    device = pick_device()
    train, test = load_neu_det("train"), load_neu_det("test")
    print(f"{len(train)} photographs to learn from, {len(test)} to test on")
    network = MobileNetFeatures(mobilenet_weights(), depths=DEPTHS).to(device)
    start = time.perf_counter()
    line = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    choice = {"logisticregression__C": np.logspace(-4, 0, 9)}
    search = GridSearchCV(line, choice, cv=5, scoring="neg_log_loss")
    features = predict(network, train.images)
    search.fit(features, train.labels)
    taken = time.perf_counter() - start
    report("known photographs", search.predict(features), train)
    with Stopwatch(device) as watch:
        found = search.predict(predict(network, test.images))
    report("test photographs", found, test)
    print(f"learnt in {taken:.1f} s; {len(test) / watch.seconds:.0f} photographs a second")
    mistakes = found != test.labels.numpy()
    for label, guess in zip(test.labels[torch.from_numpy(mistakes)], found[mistakes], strict=True):
        print(f"  {CLASSES[label]} called {CLASSES[guess]}")
    yield Measured(
        "NEU-DET",
        f"{len(train):,} / {len(test):,}",
        "MobileNetV2's features, frozen, and a linear layer",
        "accuracy",
        1 - mistakes.mean().item(),
        taken,
        describe_device(device),
    )
    pointing(network, search.best_estimator_, test)


def report(name: str, found: np.ndarray, steel: SteelSurfaces) -> None:
    right = rate(int((found == steel.labels.numpy()).sum()), len(steel))
    print(f"{name}: accuracy {right.value:.3f} ({right.low:.3f} to {right.high:.3f})")


def pointing(network: MobileNetFeatures, line, steel: SteelSurfaces) -> None:
    """How often the hottest pixel of the true kind lies in a box of that kind."""
    scaler, model = line
    weights = torch.tensor(model.coef_ / scaler.scale_, dtype=torch.float32)
    with torch.inference_mode():
        maps = network.to("cpu").maps(steel.images)
    sums, start = torch.zeros(len(steel), SIDE, SIDE), 0
    for each in maps:
        channels = weights[steel.labels, start : start + each.shape[1]]  # (N, channels)
        heat = torch.einsum("nchw,nc->nhw", each, channels)[:, None]
        sums += nn.functional.interpolate(heat, (SIDE, SIDE), mode="bilinear")[:, 0]
        start += each.shape[1]
    for rim in RIMS:
        report_hits(sums, steel, rim)


def report_hits(sums: torch.Tensor, steel: SteelSurfaces, rim: int) -> None:
    """Count hits and the share that boxes cover, both without `rim` pixels along the edges."""
    inner = slice(rim, SIDE - rim)
    hits, covered = [], []
    for heat, label, boxes, kinds in zip(
        sums[:, inner, inner], steel.labels, steel.boxes, steel.box_labels, strict=True
    ):
        inside = torch.zeros(SIDE, SIDE, dtype=torch.bool)
        for x1, y1, x2, y2 in boxes[kinds == label].int().tolist():
            inside[y1:y2, x1:x2] = True
        inside = inside[inner, inner]
        hits.append(bool(inside.flatten()[heat.argmax()]))
        covered.append(inside.float().mean().item())
    hits, covered = np.array(hits), np.array(covered)
    point = rate(int(hits.sum()), len(hits))
    print(
        f"hottest pixel in a box, without a rim of {rim} pixels: {point.value:.3f} "
        f"({point.low:.3f} to {point.high:.3f}), by chance {covered.mean():.3f}"
    )
    for label, name in enumerate(CLASSES):
        rows = steel.labels.numpy() == label
        print(f"  {name:<16} {hits[rows].mean():.2f}, by chance {covered[rows].mean():.2f}")


if __name__ == "__main__":
    keep(measure())
