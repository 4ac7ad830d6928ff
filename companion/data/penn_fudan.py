"""Penn-Fudan: street photographs in which every clearly visible person has a box.

Wang, Shi, Song and Shen, 2007, doi:10.1007/978-3-540-76386-4_17: 170 photographs, 345 people. The
layout is the published one: `PennFudanPed/{PNGImages,Annotation}`, one text file a photograph. Free
for research; it may not be passed on.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from companion.data.images import read_image
from companion.data.public import public_folder

SOURCE = "https://www.cis.upenn.edu/~jshi/ped_html/"

_BOX = re.compile(
    r"Bounding box for object \d+.*?: *\((\d+), *(\d+)\) *- *\((\d+), *(\d+)\)", re.IGNORECASE
)
_COUNT = re.compile(r"Objects with ground truth *: *(\d+)")


@dataclass(frozen=True, eq=False)
class Pedestrians:
    """Photographs and the people in them, in the order of the files' names.

    Attributes:
        names: N names, without ending.
        images: N of (H, W, 3) uint8, RGB.
        boxes: N of (n, 4) float32, x1, y1, x2, y2 in pixels.
    """

    names: tuple[str, ...]
    images: tuple[np.ndarray, ...]
    boxes: tuple[torch.Tensor, ...]

    def __len__(self) -> int:
        return len(self.names)


def load_penn_fudan() -> Pedestrians:
    """Read the set, or a part of it, from the folder that $COMPANION_DATA names.

    Raises:
        FileNotFoundError: the set is not there, or a photograph has no annotation.
        ValueError: no photographs, a damaged one, or an annotation that contradicts itself or the
            photograph.
    """
    folder = public_folder("PennFudanPed", source=SOURCE)
    if (folder / "PennFudanPed").is_dir():  # as the archive unpacks into a folder of its own
        folder = folder / "PennFudanPed"
    files = sorted((folder / "PNGImages").glob("*.png"))
    if not files:
        raise ValueError(f"{folder / 'PNGImages'}: holds no photographs")
    images = tuple(read_image(file) for file in files)
    boxes = tuple(
        _read_boxes(folder / "Annotation" / f"{file.stem}.txt", image.shape)
        for file, image in zip(files, images, strict=True)
    )
    return Pedestrians(tuple(file.stem for file in files), images, boxes)


def _read_boxes(file: Path, shape: tuple[int, ...]) -> torch.Tensor:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: there is no such file; every photograph needs one")
    text = file.read_text(encoding="latin-1")
    found = [[int(side) for side in box] for box in _BOX.findall(text)]
    count = _COUNT.search(text)
    if count is None or int(count[1]) != len(found):
        raise ValueError(
            f"{file}: names {count[1] if count else 'no'} people and gives {len(found)} boxes"
        )
    boxes = torch.tensor(found, dtype=torch.float32).reshape(-1, 4)
    boxes[:, :2] -= 1  # pixels are counted from 1, both corners included
    height, width = shape[:2]
    inside = (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= torch.tensor([width, height])).all()
    if not inside or not (boxes[:, :2] < boxes[:, 2:]).all():
        raise ValueError(f"{file}: a box has no area or leaves the {width} x {height} pixels")
    return boxes
