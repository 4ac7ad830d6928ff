"""The portraits: 173 grey yearbook photographs of 30 people, with marked eyes.

They travel in the `portraits` carrier, as `pyvision/data/csuScrapShots`: one PGM file per
photograph, whose name begins with five digits for the person; `coords.txt` with the eyes, marked by
hand; `gender.txt` with F or M.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from companion.data import carriers
from companion.data.images import read_image


@dataclass(frozen=True, eq=False)
class Portraits:
    """All portraits, in the order of their file names.

    Attributes:
        images: the photographs, each (height, width, 3) uint8 RGB with equal channels.
        people: who is shown, (173,) text of five digits.
        genders: "F" or "M" as the set's makers noted it, (173,) text.
        eyes: centres of the eyes, (173, 2, 2) float64: first the eye on the image's left, then the
            one on its right; x, y in pixels.
        files: names of the files.
    """

    images: list[np.ndarray]
    people: np.ndarray
    genders: np.ndarray
    eyes: np.ndarray
    files: list[str]

    def __len__(self) -> int:
        return len(self.files)


def load_portraits() -> Portraits:
    """Read the portraits from their carrier.

    Returns:
        173 photographs of 30 people, 4 to 10 of each.

    Raises:
        FileNotFoundError: the carrier is not installed, or lacks a file.
        ValueError: a picture or a table of the carrier is damaged.

    Example:
        >>> portraits = load_portraits()
        >>> len(portraits), len(set(portraits.people)), portraits.eyes.shape
        (173, 30, (173, 2, 2))
    """
    folder = carriers.path("portraits") / "pyvision" / "data" / "csuScrapShots"
    eyes, genders = _eyes(folder / "coords.txt"), _genders(folder / "gender.txt")
    stems = sorted(path.stem for path in folder.glob("*.pgm"))
    for table, what in ((eyes, "coords.txt"), (genders, "gender.txt")):
        if sorted(table) != stems:
            raise ValueError(
                f"{folder / what}: does not name the same portraits as the folder holds; "
                "check the set with: python -m companion.data verify portraits"
            )
    return Portraits(
        images=[read_image(folder / f"{stem}.pgm") for stem in stems],
        people=np.array([stem[:5] for stem in stems]),
        genders=np.array([genders[stem] for stem in stems]),
        eyes=np.array([eyes[stem] for stem in stems], dtype=float),
        files=[f"{stem}.pgm" for stem in stems],
    )


def _eyes(path: Path) -> dict[str, np.ndarray]:
    """Both eyes of each portrait, (2, 2) x, y, the one with the smaller x first."""
    eyes = {}
    for name, *numbers in _rows(path, 5):
        try:
            points = np.array(numbers, dtype=float).reshape(2, 2)
        except ValueError:
            raise ValueError(f"{path}: {name} needs four numbers, got {numbers}") from None
        eyes[name] = points[np.argsort(points[:, 0])]
    return eyes


def _genders(path: Path) -> dict[str, str]:
    genders = {}
    for file, gender in _rows(path, 2):
        if gender not in ("F", "M"):
            raise ValueError(f"{path}: {file} needs F or M, got {gender!r}")
        genders[Path(file).stem] = gender
    return genders


def _rows(path: Path, words: int) -> list[list[str]]:
    rows = [line.split() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    for row in rows:
        if len(row) != words:
            raise ValueError(f"{path}: needs {words} words a line, got {' '.join(row)!r}")
    return rows
