"""What the verbs share: pictures from files and folders in, JSON lines and pictures out."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""Files of a folder that are taken for pictures, in capitals or not."""


NAMED = "a.jpg becomes a.jpg.png, so that a.png keeps a name of its own"
"""How pictures that are written get their names, for the help."""


class Place(NamedTuple):
    """A picture to be read.

    Attributes:
        file: where it lies.
        name: what it is called within the folder that was named; of a single file, its own name.
    """

    file: Path
    name: Path


def add_arguments(parser: argparse.ArgumentParser, *, pictures: str) -> None:
    """Add the arguments that every verb over pictures takes."""
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="picture, or folder of pictures"
    )
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help=f"{pictures}; {NAMED}")
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add `--device`."""
    parser.add_argument(
        "--device", default="auto", help="cpu, cuda, cuda:1, mps, ...; by default the best there is"
    )


def places(paths: Iterable[Path]) -> list[Place]:
    """Files as they are named, and of each folder the pictures in it and below, in order.

    Verbs ask for them before they import a library, so that a wrong path is told at once.

    Raises:
        FileNotFoundError: a path that does not exist, or a folder without a picture.
    """
    found: list[Place] = []
    for path in paths:
        if path.is_dir():
            files = sorted(
                each
                for each in path.rglob("*")
                if each.suffix.lower() in SUFFIXES and each.is_file()
            )
            if not files:
                raise FileNotFoundError(f"{path}: holds no picture ({', '.join(sorted(SUFFIXES))})")
            found += (Place(file, file.relative_to(path)) for file in files)
        elif path.is_file():
            found.append(Place(path, Path(path.name)))
        else:
            raise FileNotFoundError(f"{path}: there is no such file or folder")
    return found


def for_each(
    todo: Sequence[Place], job: Callable[["np.ndarray", Place], dict[str, Any] | None]
) -> int:
    """Do a job on every picture and print what it says, one JSON object a line.

    A picture that cannot be used is reported on the error output, and the rest goes on.

    Args:
        todo: the pictures, as `places` gives them.
        job: takes the picture, (height, width, 3) uint8, RGB, and where it lies; gives what is to
            be printed beside the file's path, or None for nothing. Raises ValueError where this
            one picture cannot be used.

    Returns:
        Exit status: 0 when every picture was used, 1 otherwise.
    """
    from companion.data.images import read_image
    from companion.training.progress import progress_bar

    failed = 0
    with progress_bar(len(todo)) as bar:
        for place in todo:
            try:
                said = job(read_image(place.file), place)
            except (ValueError, OSError) as error:
                failed += 1
                text = str(error)
                named = text if str(place.file) in text else f"{place.file}: {text}"
                bar.write(f"error: {named}", file=sys.stderr)
            else:
                if said is not None:
                    line = json.dumps({"file": str(place.file), **said}, ensure_ascii=False)
                    bar.write(line, file=sys.stdout)
                    sys.stdout.flush()
            bar.update()
    if failed:
        print(f"{failed} of {len(todo)} pictures could not be used", file=sys.stderr)
    return 1 if failed else 0


def corners(box: Iterable[float]) -> list[float]:
    """A box as it is printed: x1, y1, x2, y2 in tenths of a pixel."""
    return [round(float(value), 1) for value in box]


def save(picture: "np.ndarray", folder: Path, place: Place, kind: str = "") -> None:
    """Write a picture as PNG into a folder, under the name that it was read by.

    Args:
        picture: as for `companion.data.images.write_image`.
        folder: is made if it is missing.
        place: what the picture was made from; `a/b.jpg` becomes `a/b.jpg.png`.
        kind: put before `.png`, so that two pictures of one place keep apart.
    """
    from companion.data.images import write_image

    write_image(picture, folder / place.name.with_name(f"{place.name.name}{kind}.png"))


def with_boxes(
    picture: "np.ndarray", boxes: "np.ndarray", labels: list[str] | None = None
) -> "np.ndarray":
    """The picture with frames drawn on it, and words over them.

    Args:
        picture: (height, width, 3) uint8.
        boxes: (N, 4), x1, y1, x2, y2 in pixels; what lies outside of the picture is cut off.
        labels: one for each box.

    Returns:
        A picture of the same shape.
    """
    import matplotlib
    import numpy as np
    import torch
    from torchvision.utils import draw_bounding_boxes

    if not len(boxes):
        return picture
    height, width = picture.shape[:2]
    limits = np.array([width - 1, height - 1, width - 1, height - 1])
    kept = torch.from_numpy(np.clip(np.asarray(boxes, float), 0, limits))
    drawn = draw_bounding_boxes(
        torch.from_numpy(picture).permute(2, 0, 1),
        kept,
        labels,
        colors="#B63C00",  # dark enough for white letters
        width=max(2, round(max(height, width) / 300)),
        font=str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"),
        font_size=max(10, round(max(height, width) / 50)),
        label_colors="white" if labels else None,
        fill_labels=bool(labels),
    )
    return drawn.permute(1, 2, 0).numpy()
