"""NEU-DET: photographs of hot-rolled steel with six kinds of surface defect, each in a box.

Song and Yan, 2013, doi:10.1016/j.apsusc.2013.09.002, with boxes by He, Song, Meng and Yan, 2020,
doi:10.1109/TIM.2019.2915404: 1,800 grey photographs of 200 x 200 pixels, 300 of each kind, 4,189
boxes. The layout is the published one, `NEU-DET/{IMAGES,ANNOTATIONS}`, a Pascal VOC file for each
photograph; which belong to which part stands in `train.txt` and `test.txt`, one name a line,
without ending. Free for research.
"""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch

from companion.data.images import read_image
from companion.data.public import public_folder

CLASSES = (
    "crazing",
    "inclusion",
    "patches",
    "pitted_surface",
    "rolled-in_scale",
    "scratches",
)
"""Kinds of defect, in the order of their labels."""

SIDE = 200
"""Height and width, in pixels."""

SOURCE = "http://faculty.neu.edu.cn/songkechen/en/zdylm/263265/list/index.htm"


@dataclass(frozen=True, eq=False)
class SteelSurfaces:
    """Photographs and what is wrong with the steel, in the order of the files' names.

    Attributes:
        names: N names, without ending.
        images: N x 1 x 200 x 200, uint8.
        labels: N, int64: the kind that the photograph was taken for.
        boxes: N of (n, 4) float32, x1, y1, x2, y2 in pixels.
        box_labels: N of (n,) int64: a photograph may show other kinds as well.
    """

    names: tuple[str, ...]
    images: torch.Tensor
    labels: torch.Tensor
    boxes: tuple[torch.Tensor, ...]
    box_labels: tuple[torch.Tensor, ...]

    def __len__(self) -> int:
        return len(self.names)


def load_neu_det(part: str) -> SteelSurfaces:
    """Read a part of the set, or what there is of it, from the folder that $COMPANION_DATA names.

    Args:
        part: "train" or "test".

    Raises:
        FileNotFoundError: the set, its list, a photograph or an annotation is not there.
        ValueError: another part, an empty list, a damaged or coloured photograph or one of another
            size, an annotation that is no such file, or a box that contradicts the photograph.
    """
    if part not in ("train", "test"):
        raise ValueError(f'part must be "train" or "test", got {part!r}')
    folder = public_folder("NEU-DET", source=SOURCE)
    listing = folder / f"{part}.txt"
    if not listing.is_file():
        raise FileNotFoundError(
            f"{listing}: there is no such file; it names the part's photographs"
        )
    names = tuple(sorted(listing.read_text(encoding="utf-8").split()))
    if not names:
        raise ValueError(f"{listing}: names no photographs")
    found = [_read_boxes(folder / "ANNOTATIONS" / f"{name}.xml") for name in names]
    return SteelSurfaces(
        names,
        torch.from_numpy(np.stack([_read_grey(folder / "IMAGES", name) for name in names]))[
            :, None
        ],
        torch.tensor([_label(name.rpartition("_")[0], listing) for name in names]),
        tuple(boxes for boxes, _ in found),
        tuple(labels for _, labels in found),
    )


def _label(name: str, where: Path) -> int:
    if name not in CLASSES:
        raise ValueError(f"{where}: {name!r} is none of {', '.join(CLASSES)}")
    return CLASSES.index(name)


def _read_grey(folder: Path, name: str) -> np.ndarray:
    pixels = read_image(folder / f"{name}.jpg")
    if pixels.shape != (SIDE, SIDE, 3) or (pixels != pixels[..., :1]).any():
        raise ValueError(
            f"{folder / name}.jpg: needs {SIDE} x {SIDE} grey pixels, got {pixels.shape[1]} x "
            f"{pixels.shape[0]}{'' if pixels.shape != (SIDE, SIDE, 3) else ' in colour'}"
        )
    return pixels[..., 0]


def _read_boxes(file: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes and their labels."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: there is no such file; every photograph needs one")
    try:
        root = ElementTree.parse(file).getroot()
        found = [
            (
                [float(_text(each, f"bndbox/{side}")) for side in _SIDES],
                _text(each, "name").strip(),
            )
            for each in root.iter("object")
        ]
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f"{file}: is no Pascal VOC annotation: {error}") from error
    labels = torch.tensor([_label(name, file) for _, name in found], dtype=torch.int64)
    boxes = torch.tensor([box for box, _ in found], dtype=torch.float32).reshape(-1, 4)
    boxes[:, :2] -= 1  # pixels are counted from 1, both corners included
    inside = (boxes >= 0).all() and (boxes <= SIDE).all()
    if not inside or not (boxes[:, :2] < boxes[:, 2:]).all():
        raise ValueError(f"{file}: a box has no area or leaves the {SIDE} x {SIDE} pixels")
    return boxes, labels


def _text(element: ElementTree.Element, path: str) -> str:
    """What stands below an element, at `path`."""
    text = element.findtext(path)
    if text is None:
        raise ValueError(f"<{element.tag}> lacks {path}")
    return text


_SIDES = ("xmin", "ymin", "xmax", "ymax")
