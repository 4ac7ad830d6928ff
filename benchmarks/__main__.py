"""Run all comparisons, print one table, and write it to benchmarks/results.md.

The file is written at the end and at once: a run that fails leaves the old one.
"""

import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks import (
    accelerator,
    attacks,
    augmentation,
    city_video,
    compression,
    detection,
    faces,
    features,
    gallery,
    inspection,
    parallel,
    scenes,
    segmentation,
    training,
)
from benchmarks.measure import Row
from companion.files import whole_file

RESULTS = Path(__file__).with_name("results.md")
PACKAGES = (
    "torch", "torchvision", "dlib-bin", "numpy", "faiss-cpu", "face_recognition", "accelerate",
    "skorch", "fastai", "keras", "torchattacks", "onnxruntime",
    "opencv-python-headless", "scikit-learn",
)  # fmt: skip


def processor() -> str:
    """Name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def report(rows: list[Row]) -> str:
    """The table and the machine, as Markdown."""
    header = ("task", "ours", "peer", "peer's", "ours / peer's", "goal", "met")
    cells = [
        (
            row.task,
            seconds(row.ours),
            row.peer or "limit",
            seconds(row.theirs),
            f"{row.ratio:.2f}",
            f"at most {row.at_most:.2f}",
            "yes" if row.holds else "NO",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in (header, *cells)]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    machine = (
        f"{processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} torch threads, "
        f"{platform.system()}, Python {platform.python_version()}"
    )
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Both sides ran in one process and took turns; each time is a median, that of the "
            "road scenes the fastest. `make bench` writes this file.",
            "",
            *lines,
            "",
            f"- Machine: {machine}; load at the end {load}.",
            f"- Packages: {packages}.",
            f"- Date: {time.strftime('%Y-%m-%d')}.",
            "",
        ]
    )


def seconds(value: float) -> str:
    """A time in the unit that suits it."""
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.2f} ms"


def main() -> int:
    parts = (
        faces, gallery, features, segmentation, detection, inspection, training, parallel,
        augmentation, scenes, city_video, attacks, compression, accelerator,
    )  # fmt: skip
    rows = [row for part in parts for row in part.rows()]
    text = report(rows)
    with whole_file(RESULTS) as file:
        file.write(text.encode())
    print(text)
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
