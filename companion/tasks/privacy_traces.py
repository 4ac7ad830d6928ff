"""What is left of a person in files: their name and embeddings, looked for byte by byte.

A deleted row is often still there: databases mark its place as free and leave the bytes. So the
proof that somebody is forgotten reads every file of a folder, journals and hidden ones included.
"""

import json
import os
import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np

PIECE = 4
"""Numbers of an embedding that are looked for together: 16 bytes in float32."""

_ENCODINGS = ("utf-8", "utf-16-le", "utf-32-le")


class Trace(NamedTuple):
    """Bytes of a person in a file.

    Attributes:
        file: where.
        offset: at which byte, counted from 0; the first place, where there are several.
        what: "name in utf-8" and the like, or "embedding".
    """

    file: Path
    offset: int
    what: str


def find_traces(
    folder: str | os.PathLike, name: str, embeddings: np.ndarray | None = None
) -> list[Trace]:
    """Search all files below a folder for a person.

    The name is looked for in three encodings, as JSON escapes it, and in both of Unicode's usual
    forms; embeddings in pieces of four numbers, as float32 and float64, so that one that is torn
    over two pages or partly overwritten is found too. Compressed or encrypted files are not opened:
    there, an empty answer proves nothing.

    Args:
        folder: all files in it and below are read.
        name: at least 3 characters; shorter ones stand everywhere by chance.
        embeddings: (n, dimension), or none.

    Returns:
        One trace for each file, and each kind of bytes found in it; empty, if nothing is left.

    Raises:
        NotADirectoryError: there is no such folder.
        ValueError: the name is shorter, or the embeddings have another shape.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "guests.txt").write_text("Bo, Marguerite, Zoe")
        ...     [(trace.file.name, trace.offset) for trace in find_traces(folder, "Marguerite")]
        [('guests.txt', 4)]
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: there is no such folder")
    if len(name) < 3:
        raise ValueError(f"a name of at least 3 characters can be told from chance, got {name!r}")
    spellings = {unicodedata.normalize(form, name) for form in ("NFC", "NFD")}
    needles = {
        f"name in {encoding}": {spelling.encode(encoding) for spelling in spellings}
        for encoding in _ENCODINGS
    }
    needles["name in JSON"] = {json.dumps(spelling)[1:-1].encode() for spelling in spellings}
    needles["name in JSON"] -= needles["name in utf-8"]  # where nothing is escaped
    if embeddings is not None:
        needles["embedding"] = _pieces(np.asarray(embeddings))
    return [
        Trace(file, min(places), what)
        for file in sorted(path for path in folder.rglob("*") if path.is_file())
        for content in [file.read_bytes()]
        for what, pieces in needles.items()
        if (places := [at for piece in pieces if (at := content.find(piece)) >= 0])
    ]


def _pieces(embeddings: np.ndarray) -> set[bytes]:
    if embeddings.ndim != 2 or embeddings.shape[1] < PIECE:
        raise ValueError(
            f"embeddings must be (n, {PIECE} or more), got {embeddings.shape}; one alone is "
            "codes[None]"
        )
    pieces = set()
    for kind in ("<f4", "<f8"):
        whole = embeddings.shape[1] // PIECE * PIECE
        blocks = embeddings[:, :whole].astype(kind).reshape(-1, PIECE)
        blocks = blocks[np.ptp(blocks, axis=1) > 0]  # zeros stand in every file
        pieces |= {block.tobytes() for block in blocks}
    return pieces
