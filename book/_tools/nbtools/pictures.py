"""Whether two pictures show the same, up to what another processor or font renderer may change."""

import base64
import io

import numpy as np
from PIL import Image
from scipy import ndimage

SIZE = 3  # pixels by which width and height may differ
MEAN = 5.0  # mean difference of all pixels, of 255
REACH = 4  # pixels by which a line may move
STEP = 48  # difference, of 255, to everything within reach that makes a pixel stand out
SHARE = 0.0003  # share of pixels that may stand out
DRIFT = 16  # pixels by which a line may move in a picture of trained numbers


def decode(data: str) -> Image.Image:
    """Return the picture that a notebook stores as base64 text, on white where it is clear.

    Raises:
        ValueError: If it is no picture.
    """
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(data, validate=False))).convert("RGBA")
    except (OSError, ValueError) as error:
        raise ValueError(f"the stored picture cannot be read: {error}") from error
    ground = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(ground, picture).convert("RGB")


def difference(
    stored: str, fresh: str, *, drifts: bool = False, varies: bool = False
) -> str | None:
    """Say how two base64 pictures differ, or return None where they show the same.

    A small mean difference alone would let one thin line pass for another, so pixels are counted
    that have nothing like them within reach in the other picture.

    Args:
        stored: The picture in the notebook.
        fresh: The picture of this run.
        drifts: Lines and marks may move farther, as trained numbers do between processors; none may
            be missing.
        varies: Compare the sizes only.

    Raises:
        ValueError: If one of them is no picture.
    """
    old, new = decode(stored), decode(fresh)
    if max(abs(old.width - new.width), abs(old.height - new.height)) > SIZE:
        return f"the size is {new.width}x{new.height}, stored {old.width}x{old.height}"
    if varies:
        return None
    first = np.asarray(old, np.float32)
    second = np.asarray(new.resize(old.size) if new.size != old.size else new, np.float32)
    mean = float(np.abs(first - second).mean())
    if mean > MEAN:
        return f"the mean difference is {mean:.1f} of 255, at most {MEAN:g} is allowed"
    reach = DRIFT if drifts else REACH
    share = max(_standing_out(first, second, reach), _standing_out(second, first, reach))
    if share > SHARE:
        return f"{share:.3%} of the pixels show something else, at most {SHARE:.3%} may"
    return None


def _standing_out(one: np.ndarray, other: np.ndarray, reach: int) -> float:
    window = (2 * reach + 1, 2 * reach + 1, 1)
    above = one - ndimage.maximum_filter(other, window)
    below = ndimage.minimum_filter(other, window) - one
    return float((np.maximum(above, below).max(axis=-1) > STEP).mean())
