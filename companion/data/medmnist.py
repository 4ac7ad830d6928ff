"""MedMNIST (Yang et al., 2023, doi:10.1038/s41597-022-01721-8): small medical pictures, by name.

Four sets, those that the chapter on diagnosis speaks of: chests, skin, retina and breast, each a
file `pneumoniamnist.npz` or the like with the parts that the authors have cut. With internet the
authors' package `medmnist` fetches the files; this package does not need it otherwise.
"""

import importlib
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from companion.data.public import public_folder

PARTS = ("train", "val", "test")
SIZES = (28, 64, 128, 224)
"""Sizes in pixels in which the sets are published."""


@dataclass(frozen=True)
class Kind:
    """What is known of a set.

    Attributes:
        name: as the authors call it; also the name of its folder.
        classes: what the labels 0, 1, ... mean.
        channels: 1 for grey pictures, 3 for colour.
    """

    name: str
    classes: tuple[str, ...]
    channels: int

    def file(self, size: int = 28) -> str:
        """Name of its file for one size."""
        return f"{self.name.lower()}{'' if size == 28 else f'_{size}'}.npz"


KINDS = {
    kind.name: kind
    for kind in (
        Kind("PneumoniaMNIST", ("normal", "pneumonia"), 1),
        Kind(
            "DermaMNIST",
            (
                "actinic keratoses and intraepithelial carcinoma",
                "basal cell carcinoma",
                "benign keratosis-like lesions",
                "dermatofibroma",
                "melanoma",
                "melanocytic nevi",
                "vascular lesions",
            ),
            3,
        ),
        Kind("RetinaMNIST", ("0", "1", "2", "3", "4"), 3),
        Kind("BreastMNIST", ("malignant", "normal or benign"), 1),
    )
}
"""The sets by name. RetinaMNIST's classes are grades of diabetic retinopathy."""


class Part(NamedTuple):
    """One part of a set.

    Attributes:
        images: N x channels x size x size, uint8.
        labels: N, int64.
    """

    images: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True, eq=False)
class MedMNIST:
    """A set in the three parts that its authors have cut.

    Attributes:
        kind: which set.
        train: to learn from.
        val: to choose on.
        test: to measure on.
    """

    kind: Kind
    train: Part
    val: Part
    test: Part


def load_medmnist(
    name: str, folder: str | os.PathLike | None = None, *, size: int = 28, download: bool = False
) -> MedMNIST:
    """Read one set.

    Args:
        name: "PneumoniaMNIST", "DermaMNIST", "RetinaMNIST" or "BreastMNIST".
        folder: holds the file; by default the folder of that name below $COMPANION_DATA.
        size: height and width of the pictures, in pixels: 28, 64, 128 or 224, each a file of its
            own.
        download: let the package `medmnist` put the file into `folder` first, which must be given.

    Raises:
        ValueError: another name or size, `download` without a folder, or a file that does not hold
            the set.
        FileNotFoundError: there is no such folder or file.
        ModuleNotFoundError: `download` without the package.

    Example:
        >>> KINDS["BreastMNIST"].file(64)
        'breastmnist_64.npz'
    """
    if name not in KINDS:
        raise ValueError(f"the sets are {', '.join(KINDS)}, got {name!r}")
    if size not in SIZES:
        raise ValueError(f"the sizes are {SIZES} pixels, got {size}")
    kind = KINDS[name]
    source = f"https://medmnist.com (file {kind.file(size)}, CC BY 4.0; DermaMNIST CC BY-NC 4.0)"
    if download:
        if folder is None:
            raise ValueError("say which folder to download to, as in folder='data/medmnist'")
        _download(kind, Path(folder), size)
    root = public_folder(name, source=source) if folder is None else Path(folder)
    file = root / kind.file(size)
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: there is no such file; get it from {source}, or say download=True"
        )
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            parts = [_part(arrays, part, kind, size) for part in PARTS]
    except (KeyError, ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file}: does not hold {name} at {size} pixels: {error}") from error
    return MedMNIST(kind, *parts)


def _download(kind: Kind, folder: Path, size: int) -> None:
    try:
        package = importlib.import_module("medmnist")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{kind.name} is downloaded by the package medmnist, which is not installed; "
            "`pip install medmnist`, or get the file by hand and leave download=False"
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    getattr(package, kind.name)(split="train", download=True, root=str(folder), size=size)


def _part(arrays: np.lib.npyio.NpzFile, part: str, kind: Kind, size: int) -> Part:
    images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
    wanted = (size, size) if kind.channels == 1 else (size, size, kind.channels)
    if images.dtype != np.uint8 or images.shape[1:] != wanted:
        raise ValueError(
            f"{part}_images must be uint8, N x {' x '.join(map(str, wanted))}, got {images.dtype} "
            f"of shape {images.shape}"
        )
    if labels.shape != (len(images), 1) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{part}_labels must be {len(images)} x 1 integers, got {labels.dtype} of shape "
            f"{labels.shape}"
        )
    if not len(labels) or labels.min() < 0 or labels.max() >= len(kind.classes):
        raise ValueError(f"{part}_labels must lie between 0 and {len(kind.classes) - 1}")
    pixels = torch.from_numpy(images)
    pixels = pixels.unsqueeze(1) if kind.channels == 1 else pixels.permute(0, 3, 1, 2).contiguous()
    return Part(pixels, torch.from_numpy(labels[:, 0].astype(np.int64)))
