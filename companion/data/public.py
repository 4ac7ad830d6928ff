"""Public data sets at full scale: one folder each, below the folder that $COMPANION_DATA names.

The book runs without them; they give the figures that it quotes as measured at full scale. Each set
is read in the layout in which it is published, and nothing is downloaded.
"""

import os
from pathlib import Path

VARIABLE = "COMPANION_DATA"
"""Name of the environment variable."""


def public_folder(name: str, *, source: str) -> Path:
    """The folder of one public set.

    Args:
        name: of the folder, as the set calls itself.
        source: where to get it; named in the error.

    Raises:
        FileNotFoundError: the variable is not set, or names no folder that holds the set.
    """
    home = os.environ.get(VARIABLE)
    if not home:
        raise FileNotFoundError(
            f"{name} is read from the folder that ${VARIABLE} names, which is not set; get it from "
            f"{source}, put it into a folder {name}, and set {VARIABLE} to the folder above"
        )
    folder = Path(home) / name
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: there is no such folder; get {name} from {source} and put it there"
        )
    return folder
