"""The X-rays: 3166 chest X-rays of children, healthy or with pneumonia, and 299 lung masks.

They travel in the `xrays` carrier, already 224 x 224 pixels: `pneumonia/{train,test}/{NORMAL,
PNEUMONIA}/*.jpeg` and `pneumonia_masks/test/NORMAL/*.png`. They stem from Kermany et al., 2018,
doi:10.1016/j.cell.2018.02.010. File names begin with a patient number; 174 numbers stand in both
published parts, so the parts are mixed here and split anew by number. Where a number stands with a
bacterial and with a viral pneumonia it may be two children; they are kept together, which is the
cautious side. Any folder of the same layout is read alike.
"""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from companion.data import carriers
from companion.data.nested import take_rows
from companion.data.splits import Split, group_parts

CLASSES = ("NORMAL", "PNEUMONIA")
"""Names of the labels 0 and 1, as the folders are called."""

SIDE = 224
"""Height and width of the files, in pixels."""

_PATIENT = re.compile(r"person\d+|(?:NORMAL2-)?IM-\d+")
_ENDINGS = (".jpeg", ".jpg", ".png")


class Skipped(NamedTuple):
    """A file that was left out, and why.

    Attributes:
        file: path below the folder.
        reason: what is wrong with it.
    """

    file: str
    reason: str


_COLUMNS = ("images", "labels", "patients", "files")


@dataclass(frozen=True, eq=False)
class Xrays:
    """X-rays with their labels and patients, in the order of their file names.

    Attributes:
        images: N x 1 x size x size, uint8.
        labels: N, int64: 0 normal, 1 pneumonia.
        patients: patient number of each, (N,) text such as "person100" or "IM-0115".
        files: path of each below `folder`.
        folder: where they were read.
        skipped: files that were left out; empty unless `skip_bad` was asked for.

    Raises:
        ValueError: images, labels, patients and files differ in length.
    """

    images: torch.Tensor
    labels: torch.Tensor
    patients: np.ndarray
    files: tuple[str, ...]
    folder: Path
    skipped: tuple[Skipped, ...] = ()

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in _COLUMNS}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"every X-ray needs one label, patient and file, got {lengths}")

    def __len__(self) -> int:
        return len(self.files)

    def take(self, rows: Sequence[int] | np.ndarray | torch.Tensor) -> "Xrays":
        """Some of them, by index, in the order given."""
        return take_rows(self, rows, _COLUMNS)

    def parts(
        self,
        split: Split | None = None,
        *,
        held_out: float = 0.3,
        seed: int = 0,
        allow_shared_patients: bool = False,
    ) -> tuple["Xrays", "Xrays"]:
        """Cut into a part to train with and a part to test on.

        Args:
            split: which rows; by default whole patients are drawn.
            held_out: wanted share of the images in the test part, in (0, 1), where patients are
                drawn.
            seed: decides which patients, where they are drawn.
            allow_shared_patients: take a `split` that has a patient in both parts. The test then
                measures in part how well patients are remembered.

        Returns:
            Training part, test part.

        Raises:
            ValueError: a patient stands in both parts of `split`, or no cut by patient is possible.
        """
        split = group_parts(
            split,
            self.labels,
            self.patients,
            held_out=held_out,
            seed=seed,
            group="patient",
            allow_shared=allow_shared_patients,
        )
        return self.take(split.train), self.take(split.test)


class LungMasks(NamedTuple):
    """Lungs drawn by people.

    Attributes:
        rows: which X-rays have one, indices, M, int64.
        masks: M x 1 x size x size, bool, true in the lungs.
    """

    rows: torch.Tensor
    masks: torch.Tensor


def load_xrays(
    folder: str | os.PathLike | None = None, *, size: int = 128, skip_bad: bool = False
) -> Xrays:
    """Read all X-rays of a folder, on all cores.

    Args:
        folder: holds `{train,test}/{NORMAL,PNEUMONIA}/`, or the two class folders directly; the
            carrier's by default.
        size: height and width to bring them to, in pixels: overlapping weighted means
            (Pillow's BILINEAR).
        skip_bad: leave out files that cannot be used and report them in `skipped`, rather than
            stop at the first.

    Returns:
        3166 X-rays of 2457 patients, 1583 of each class, from the carrier.

    Raises:
        FileNotFoundError: the carrier is not installed, or there is no such folder.
        ValueError: a class without usable pictures, `size` below 1, or, unless `skip_bad`, a file
            that is damaged, is not 224 x 224 pixels, is not grey, or does not name its patient.

    Example:
        >>> xrays = load_xrays(size=32)
        >>> len(xrays), len(set(xrays.patients)), xrays.images.shape
        (3166, 2457, torch.Size([3166, 1, 32, 32]))
    """
    if size < 1:
        raise ValueError(f"size is a number of pixels, at least 1, got {size}")
    root = _carried("pneumonia") if folder is None else Path(folder)
    files = sorted(_pictures(root), key=lambda file: (file.name, str(file)))

    def read(file: Path) -> tuple[np.ndarray, str] | Skipped:
        try:
            return _read_grey(file, size), _patient(file)
        except ValueError as error:
            if not skip_bad:
                raise
            return Skipped(str(file.relative_to(root)), str(error))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(read, files))
    good = [
        (file, *entry)
        for file, entry in zip(files, found, strict=True)
        if not isinstance(entry, Skipped)
    ]
    labels = [CLASSES.index(file.parent.name) for file, _, _ in good]
    for label, name in enumerate(CLASSES):
        if label not in labels:
            raise ValueError(f"{root}: the class {name} has no picture that can be used")
    return Xrays(
        images=torch.from_numpy(np.stack([pixels for _, pixels, _ in good])).unsqueeze(1),
        labels=torch.tensor(labels),
        patients=np.array([patient for _, _, patient in good]),
        files=tuple(str(file.relative_to(root)) for file, _, _ in good),
        folder=root,
        skipped=tuple(entry for entry in found if isinstance(entry, Skipped)),
    )


def load_lung_masks(xrays: Xrays, folder: str | os.PathLike | None = None) -> LungMasks:
    """Read the lung masks that belong to some X-rays, at the X-rays' size.

    Args:
        xrays: the X-rays, or a part of them.
        folder: holds the masks as PNG files, each at its X-ray's path; the carrier's by default.

    Returns:
        Masks of those X-rays that have one: 299 of all, every one of a healthy child.

    Raises:
        FileNotFoundError: the carrier is not installed, or there is no such folder.
        ValueError: none of the X-rays has a mask, or a mask is damaged, not grey or not 224 x 224.

    Example:
        >>> xrays = load_xrays(size=32)
        >>> load_lung_masks(xrays).masks.shape
        torch.Size([299, 1, 32, 32])
    """
    root = _carried("pneumonia_masks") if folder is None else Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: there is no such folder")
    files = [(root / file).with_suffix(".png") for file in xrays.files]
    rows = [row for row, file in enumerate(files) if file.is_file()]
    if not rows:
        raise ValueError(f"{root}: holds no mask for any of the {len(xrays)} X-rays")
    size = xrays.images.shape[-1]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        masks = list(pool.map(lambda row: _read_grey(files[row], size) >= 128, rows))
    return LungMasks(torch.tensor(rows), torch.from_numpy(np.stack(masks)).unsqueeze(1))


def _carried(name: str) -> Path:
    return carriers.path("xrays") / "sofiimg" / "datasets" / name


def _pictures(root: Path) -> list[Path]:
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: there is no such folder")
    folders = [root / part / name for part in (".", "train", "test") for name in CLASSES]
    if not any(folder.is_dir() for folder in folders):
        raise ValueError(
            f"{root}: needs folders called {' and '.join(CLASSES)}, directly or in train/ and test/"
        )
    return [
        file
        for folder in folders
        if folder.is_dir()
        for file in folder.iterdir()
        if file.suffix.lower() in _ENDINGS
    ]


def _patient(file: Path) -> str:
    found = _PATIENT.match(file.name)
    if not found:
        raise ValueError(
            f"{file}: the name does not begin with a patient (person12, IM-0034, NORMAL2-IM-0034)"
        )
    return found.group()


def _read_grey(file: Path, size: int) -> np.ndarray:
    """One picture of the set, (size, size) uint8."""
    try:
        with Image.open(file) as picture:
            if picture.size != (SIDE, SIDE) or picture.mode != "L":
                kind = "grey" if picture.mode == "L" else f"in mode {picture.mode}"
                raise ValueError(
                    f"{picture.width} x {picture.height} pixels, {kind}, but {SIDE} x {SIDE} and "
                    "grey are needed; convert it first"
                )
            picture.load()
            if size == SIDE:
                return np.array(picture)
            return np.array(picture.resize((size, size), Image.Resampling.BILINEAR))
    except MemoryError:
        raise
    except Exception as error:  # damaged files make Pillow's decoders raise almost anything
        raise ValueError(f"{file}: cannot be used: {error}") from error
