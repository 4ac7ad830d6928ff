"""The solar cells: 2624 electroluminescence photographs, graded by how likely a defect is.

A current makes the cell glow in the infrared; what is dark gives no current. They travel in the
`cells` carrier: `images/cell0001.png` and so on, grey, 300 x 300 pixels, undistorted and cut out of
44 modules, with `labels.csv`: path, likelihood of a defect (0, 1/3, 2/3, 1) as experts gave it, and
whether the silicon is one crystal (mono) or many (poly). Source: Buerhop-Lutz et al., 2018,
doi:10.4229/35thEUPVSEC20182018-5CV.3.15, and Deitsch et al., 2019,
doi:10.1016/j.solener.2019.02.067. The images are under CC BY-NC-SA 4.0: no commercial use.

Which module a cell was cut from is not recorded, but the files are in the order of the modules: see
`MODULE_SIZES`.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from companion.data import carriers
from companion.data.nested import take_rows
from companion.data.splits import Split, group_parts

KINDS = ("mono", "poly")
"""Silicon of one crystal, and of many."""

LIKELIHOODS = (0.0, 1 / 3, 2 / 3, 1.0)
"""Of a defect, by grade: none, probably none, probably one, one."""

SIDE = 300
"""Height and width of the files, in pixels."""

MODULE_SIZES = (
    *(60,) * 20,
    54,
    *(60,) * 9,
    50,
    *(60,) * 5,
    72,
    *(60,) * 3,
    48,
    *(60,) * 3,
)
"""Cells of each module, in the order of the files.

Nothing records it. But the kind changes only after whole modules, in runs of 60, 300, 180, 360,
714, 530, 72, 180, 48 and 180 cells, and modules have 60 cells, or another product of rows and
columns. Together these are 44 modules, 18 mono and 26 poly, as many as the authors photographed.
Where in the runs of 714 and 530 cells the smaller modules of 54 and 50 cells lie, the light tells:
it changes at every multiple of 60 from the front up to there, and from the back.
"""


_COLUMNS = ("images", "grades", "kinds", "modules", "files")


@dataclass(frozen=True, eq=False)
class Cells:
    """Photographs of cells, in the order of their numbers.

    Attributes:
        images: N x 1 x size x size, uint8.
        grades: N, int64, 0 to 3: the place of the likelihood of a defect in `LIKELIHOODS`.
        kinds: (N,) text, "mono" or "poly".
        modules: (N,) int64, the module that each was cut from; split by it.
        files: path of each below `folder`.
        folder: where they were read.

    Raises:
        ValueError: they differ in length.
    """

    images: torch.Tensor
    grades: torch.Tensor
    kinds: np.ndarray
    modules: np.ndarray
    files: tuple[str, ...]
    folder: Path

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in _COLUMNS}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"every cell needs one grade, kind, module and file, got {lengths}")

    def __len__(self) -> int:
        return len(self.files)

    @property
    def likelihoods(self) -> torch.Tensor:
        """Likelihood of a defect, N, float32."""
        return torch.tensor(LIKELIHOODS)[self.grades]

    @property
    def bad(self) -> torch.Tensor:
        """Whether a defect is more likely than none, N, bool."""
        return self.grades >= 2

    def take(self, rows: Sequence[int] | np.ndarray | torch.Tensor) -> "Cells":
        """Some of them, by index, in the order given."""
        return take_rows(self, rows, _COLUMNS)

    def parts(
        self,
        split: Split | None = None,
        *,
        held_out: float = 0.3,
        seed: int = 0,
        allow_shared_modules: bool = False,
    ) -> tuple["Cells", "Cells"]:
        """Cut into a part to train with and a part to test on.

        Args:
            split: which rows; by default whole modules are drawn, so that both kinds, and good and
                bad cells of each, have nearly the wanted share.
            held_out: wanted share of the cells in the test part, in (0, 1), where modules are
                drawn.
            seed: decides which modules, where they are drawn.
            allow_shared_modules: take a `split` that has a module in both parts. Cells of one
                module share maker, age, camera and often the crack that runs through them, so the
                test then measures in part how well modules are remembered.

        Returns:
            Training part, test part.

        Raises:
            ValueError: a module stands in both parts of `split`, or no cut by module is possible.
        """
        split = group_parts(
            split,
            self.strata(),
            self.modules,
            held_out=held_out,
            seed=seed,
            group="module",
            allow_shared=allow_shared_modules,
        )
        return self.take(split.train), self.take(split.test)

    def strata(self) -> np.ndarray:
        """Kind, and good or bad, in one word for each cell: "mono good", "poly bad" and so on."""
        quality = np.where(self.bad.numpy(), "bad", "good")
        return np.char.add(np.char.add(self.kinds.astype(str), " "), quality)


def load_cells(
    folder: str | os.PathLike | None = None,
    *,
    size: int = 160,
    module_sizes: Sequence[int] = MODULE_SIZES,
) -> Cells:
    """Read all cells of a folder, on all cores.

    Args:
        folder: holds `labels.csv`, which names the pictures; the carrier's by default.
        size: height and width to bring them to, in pixels, by averaging.
        module_sizes: cells of each module, in the order of the table; the carrier's by default.

    Returns:
        2624 cells of 44 modules from the carrier: 1074 mono and 1550 poly; 1508, 295, 106 and 715
        of the four grades.

    Raises:
        FileNotFoundError: the carrier is not installed, or the table or a picture is missing.
        ValueError: `size` below 1, a line of the table that says something else, a name that
            stands twice, modules that do not fit the table, or a picture that is damaged, not grey
            or not 300 x 300 pixels.

    Example:
        >>> cells = load_cells(size=32)
        >>> cells.images.shape, cells.grades.bincount().tolist(), len(set(cells.modules))
        (torch.Size([2624, 1, 32, 32]), [1508, 295, 106, 715], 44)
    """
    if size < 1:
        raise ValueError(f"size is a number of pixels, at least 1, got {size}")
    root = carriers.path("cells") / "elpv_dataset" / "data" if folder is None else Path(folder)
    files, grades, kinds = _table(root / "labels.csv")
    modules = module_of_each(kinds, module_sizes)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        images = list(pool.map(lambda file: _read_grey(root / file, size), files))
    return Cells(
        images=torch.from_numpy(np.stack(images)).unsqueeze(1),
        grades=torch.tensor(grades),
        kinds=np.array(kinds),
        modules=modules,
        files=tuple(files),
        folder=root,
    )


def module_of_each(
    kinds: Sequence[str] | np.ndarray, sizes: Sequence[int] = MODULE_SIZES
) -> np.ndarray:
    """Number the modules that lie one after the other.

    Args:
        kinds: of each cell, in the order of the files.
        sizes: cells of each module, in the same order.

    Returns:
        Number of the module, from 0, for each cell, int64.

    Raises:
        ValueError: the sizes do not add up to the number of cells, one is below 1, or a module
            would have cells of both kinds.

    Example:
        >>> module_of_each(["mono", "mono", "poly", "mono"], [2, 1, 1]).tolist()
        [0, 0, 1, 2]
    """
    kinds, counts = np.asarray(kinds), np.asarray(sizes)
    if counts.sum() != len(kinds) or (counts < 1).any():
        raise ValueError(
            f"{len(kinds)} cells need modules that add up to as many, got {len(counts)} of "
            f"{counts.sum()} cells; give the sizes of this folder's modules"
        )
    modules = np.repeat(np.arange(len(counts)), counts)
    changes = np.flatnonzero((kinds[1:] != kinds[:-1]) & (modules[1:] == modules[:-1]))
    if len(changes):
        raise ValueError(
            f"module {modules[changes[0]]} would have cells of both kinds, from file "
            f"{changes[0] + 1} to {changes[0] + 2}; give the sizes of this folder's modules"
        )
    return modules.astype(np.int64)


def _table(file: Path) -> tuple[list[str], list[int], list[str]]:
    """Paths, grades and kinds."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: there is no such file; it lists the pictures")
    files, grades, kinds = [], [], []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            path, likelihood, kind = words[0], float(words[1]), words[2]
            grade = round(likelihood * (len(LIKELIHOODS) - 1))
            known = kind in KINDS and abs(LIKELIHOODS[grade] - likelihood) < 1e-3 and grade >= 0
        except (IndexError, ValueError, OverflowError):
            known = False
        if not known or len(words) != 3:
            raise ValueError(
                f"{file}, line {number}: needs a path, a likelihood of 0, 1/3, 2/3 or 1, and "
                f"{' or '.join(KINDS)}, got {line.strip()!r:.80}"
            )
        files.append(path)
        grades.append(grade)
        kinds.append(kind)
    if not files:
        raise ValueError(f"{file}: lists no pictures")
    if len(set(files)) < len(files):
        twice = next(path for path in files if files.count(path) > 1)
        raise ValueError(f"{file}: names {twice} twice")
    return files, grades, kinds


def _read_grey(file: Path, size: int) -> np.ndarray:
    """One photograph, (size, size) uint8."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: there is no such file, but the table names it")
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
