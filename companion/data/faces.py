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
    eyes = {name: _eyes(numbers) for name, numbers in _table(folder / "coords.txt", 5)}
    genders = {Path(name).stem: value for name, (value,) in _table(folder / "gender.txt", 2)}
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


def _table(path: Path, columns: int) -> list[tuple[str, list[str]]]:
    """Rows of a text table as (first word, other words)."""
    rows = [line.split() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    for row in rows:
        if len(row) != columns:
            raise ValueError(f"{path}: needs {columns} words a line, got {' '.join(row)!r}")
    return [(row[0], row[1:]) for row in rows]


def _eyes(numbers: list[str]) -> np.ndarray:
    """Both eyes, (2, 2) x, y, the one with the smaller x first."""
    points = np.array(numbers, dtype=float).reshape(2, 2)
    return points[np.argsort(points[:, 0])]
