"""CHASE_DB1: 28 photographs of the retina of 14 children, the vessels drawn by two people.

Both eyes of each child, 999 x 960 pixels, with the circle of the fundus camera around them (Fraz et
al., 2012, doi:10.1109/TBME.2012.2205687). Files: `Image_01L.jpg`, `Image_01L_1stHO.png`,
`Image_01L_2ndHO.png` and so on.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from companion.data.public import public_folder

SOURCE = "Kingston University (research data set CHASE_DB1, CC BY 4.0)"

_NAME = re.compile(r"Image_(\d+)[LR]\.jpg")


class Vessels(NamedTuple):
    """Photographs of the retina with their vessels, in the order of the file names.

    Attributes:
        images: N x 3 x H x W, uint8.
        first: N x 1 x H x W, bool: vessels as the first person has drawn them.
        second: likewise, by the second person.
        children: whose eye it is, (N,) text such as "01"; split by it.
    """

    images: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor
    children: np.ndarray


def load_chase(folder: str | os.PathLike | None = None) -> Vessels:
    """Read all photographs of a folder.

    Args:
        folder: holds the files; by default `CHASEDB1` below $COMPANION_DATA.

    Returns:
        28 photographs of 14 children, if the set is complete.

    Raises:
        FileNotFoundError: there is no such folder, or a drawing is missing.
        ValueError: no photograph in it, one that cannot be read, or pictures that differ in size.
    """
    root = public_folder("CHASEDB1", source=SOURCE) if folder is None else Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: there is no such folder")
    names = sorted(file.name for file in root.iterdir())
    found = [match for match in map(_NAME.fullmatch, names) if match]
    if not found:
        raise ValueError(f"{root}: holds no photograph called Image_01L.jpg or the like")
    files = [root / match.string for match in found]
    images = [_read(file, "RGB") for file in files]
    first, second = (
        [_read(file.with_name(f"{file.stem}_{grader}.png"), "1") for file in files]
        for grader in ("1stHO", "2ndHO")
    )
    sizes = {picture.shape[:2] for picture in (*images, *first, *second)}
    if len(sizes) > 1:
        raise ValueError(f"{root}: pictures and drawings are of one size, found {sorted(sizes)}")
    return Vessels(
        images=torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(),
        first=torch.from_numpy(np.stack(first)).unsqueeze(1),
        second=torch.from_numpy(np.stack(second)).unsqueeze(1),
        children=np.array([match[1] for match in found]),
    )


def _read(file: Path, mode: str) -> np.ndarray:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: this drawing of the vessels is missing")
    try:
        with Image.open(file) as picture:
            return np.array(picture.convert(mode))
    except MemoryError:
        raise
    except Exception as error:  # damaged files make Pillow's decoders raise almost anything
        raise ValueError(f"{file}: cannot be used: {error}") from error
