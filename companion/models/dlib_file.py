"""Reading the `.dat` files of dlib (King, 2009, JMLR 10), in which its networks are kept.

A file is a row of values without any index: every layer begins with its name, and its numbers
follow. So one looks for the names and reads on from there.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

MEAN, RANGE = (122.782, 117.001, 104.298), 256.0
"""What the networks want taken from red, green and blue, and the rest divided by."""


class DlibFile:
    """One file, and the place in it that is read next.

    Args:
        path: the file.
        kind: the name that stands in its first bytes and says what network it holds.
        what: this network, in the words of an error message.

    Raises:
        ValueError: the file holds another network, or none.
    """

    def __init__(self, path: Path, kind: str, what: str) -> None:
        self.path, self.what = path, what
        self._content = path.read_bytes()
        self._position = 0
        if kind.encode() not in self._content[:32]:
            raise ValueError(f"{path}: is not {what}")

    def layers(self, *names: str) -> Iterator[str]:
        """The layers of these names, in the order of computation; each is read on from there."""
        marks = [bytes([len(name)]) + name.encode() for name in names]  # as dlib writes a text
        for found in re.finditer(b"|".join(map(re.escape, marks)), self._content):
            self._position = found.end()
            yield found[0][1:].decode()

    def integer(self) -> int:
        """The next integer: a byte with its length and sign, then its bytes, the lowest first.

        Raises:
            ValueError: no integer stands there.
        """
        head = self._content[self._position] if self._position < len(self._content) else 0
        length = head & 0x7F
        if not 1 <= length <= 8:
            raise self.damaged()
        self._position += 1 + length
        number = int.from_bytes(self._content[self._position - length : self._position], "little")
        return -number if head & 0x80 else number

    def tensor(self) -> torch.Tensor:
        """The next tensor, float32 and flat: a version, four dimensions, then the numbers.

        Raises:
            ValueError: no tensor stands there, or the file ends within it.
        """
        version, *shape = (self.integer() for _ in range(5))
        count = int(np.prod(shape))
        if version != 2 or not 0 < 4 * count <= len(self._content) - self._position:
            raise self.damaged()
        values = np.frombuffer(self._content, "<f4", count, self._position).astype(np.float32)
        self._position += 4 * count
        return torch.from_numpy(values)

    def damaged(self) -> ValueError:
        """What to raise where the file does not hold what it should."""
        return ValueError(f"{self.path}: is damaged, or is not {self.what}")
