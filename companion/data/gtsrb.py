"""GTSRB: photographs of 43 German traffic signs, cut out, in tracks of one sign each.

Stallkamp, Schlipsing, Salmen and Igel, 2012, doi:10.1016/j.neunet.2012.02.016: 39,209 pictures to
train with and 12,630 to test on. The layout is torchvision's: `gtsrb/GTSRB/Training/<class>/*.ppm`,
`gtsrb/GTSRB/Final_Test/Images/*.ppm` and `gtsrb/GT-final_test.csv`. The pictures of one track are
near copies of each other: a split of the training part must keep tracks whole.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from companion.data.images import read_image
from companion.data.public import public_folder

CLASSES = 43
"""Number of kinds of sign."""

SOURCE = "https://benchmark.ini.rub.de/gtsrb_dataset.html (torchvision.datasets.GTSRB fetches it)"


@dataclass(frozen=True, eq=False)
class TrafficSigns:
    """Pictures of signs.

    Attributes:
        images: N x 3 x size x size, uint8.
        labels: N, int64, 0 to 42.
        tracks: (N,) text, which physical sign on which drive; "" in the test part, where it is not
            published.
    """

    images: torch.Tensor
    labels: torch.Tensor
    tracks: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def load_gtsrb(part: str, *, size: int = 32) -> TrafficSigns:
    """Read a part of the set, or what there is of it, from the folder that $COMPANION_DATA names.

    Args:
        part: "train" or "test".
        size: height and width to bring the pictures to, in pixels.

    Raises:
        FileNotFoundError: the set is not there, or a picture that is listed is not.
        ValueError: another part, `size` below 1, no pictures, a damaged one, a name without a
            track, or a label that is none.
    """
    if part not in ("train", "test"):
        raise ValueError(f'part must be "train" or "test", got {part!r}')
    if size < 1:
        raise ValueError(f"size is a number of pixels, at least 1, got {size}")
    folder = public_folder("gtsrb", source=SOURCE)
    listed = _train(folder) if part == "train" else _test(folder)
    if not listed:
        raise ValueError(f"{folder}: holds no pictures of the part {part!r}")
    images = []
    for file, label, _ in listed:
        if not 0 <= label < CLASSES:
            raise ValueError(f"{file}: labels lie between 0 and {CLASSES - 1}, got {label}")
        picture = Image.fromarray(read_image(file))
        images.append(np.array(picture.resize((size, size), Image.Resampling.BILINEAR)))
    return TrafficSigns(
        torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(),
        torch.tensor([label for _, label, _ in listed]),
        np.array([track for _, _, track in listed]),
    )


def _train(folder: Path) -> list[tuple[Path, int, str]]:
    """Files with their labels and tracks, by name."""
    listed = []
    for file in sorted((folder / "GTSRB" / "Training").glob("*/*.ppm")):
        label, (track, _, number) = file.parent.name, file.stem.partition("_")
        if not (label.isdigit() and track.isdigit() and number.isdigit()):
            raise ValueError(f"{file}: needs a name like 00014/00003_00029.ppm")
        listed.append((file, int(label), f"{label}/{track}"))
    return listed


def _test(folder: Path) -> list[tuple[Path, int, str]]:
    table = folder / "GT-final_test.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{table}: there is no such file; it holds the labels of the test")
    with table.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter=";"))
    if rows and not {"Filename", "ClassId"} <= set(rows[0]):
        raise ValueError(f"{table}: needs the columns Filename and ClassId, got {list(rows[0])}")
    images = folder / "GTSRB" / "Final_Test" / "Images"
    return [(images / row["Filename"], int(row["ClassId"]), "") for row in rows]
