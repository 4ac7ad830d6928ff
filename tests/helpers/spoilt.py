"""Files with damage: cut off, bytes changed, a part doubled or left out."""

import numpy as np


def spoilt(content, count, *, seed=0):
    """`count` versions of a file, the kinds of damage in turn; some may equal the original."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        changed = bytearray(content)
        where = int(rng.integers(len(content)))
        length = int(rng.integers(1, 1 + min(64, len(content))))
        if number % 4 == 0:
            del changed[where:]
        elif number % 4 == 1:
            for place in rng.integers(len(content), size=length):
                changed[place] = int(rng.integers(256))
        elif number % 4 == 2:
            changed[where : where + length] = bytes(length)
        else:
            changed[where:where] = changed[max(0, where - length) : where]
        yield bytes(changed)
