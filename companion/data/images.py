"""Any picture file to one form: uint8, height x width x 3, RGB, the right way up."""

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from companion.files import whole_file

MAX_PIXELS = 89_478_485
"""Larger pictures are refused: a few kilobytes of file can ask for many gigabytes of memory.

Pillow warns from this size on, 256 MiB in RGB; here it is an error.
"""


def read_image(source: str | os.PathLike | bytes) -> np.ndarray:
    """Read a picture.

    The orientation that the camera noted (EXIF) is applied. Greyscale becomes three equal channels;
    a transparent picture is laid on white; a palette is resolved; CMYK is converted without a
    colour profile. Integers of 16 bits, 0 to 65535, are divided by 257, so that black stays black
    and white stays white. Floating-point pixels count as intensities in [0, 1] and are refused
    outside of it, because their range is not part of the file. Of an animation the first picture
    counts.

    Args:
        source: path of a file, or the content of one.

    Returns:
        The picture, (height, width, 3) uint8, RGB.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a folder, empty, not a picture, cut off or damaged, of more than `MAX_PIXELS`
            pixels, or with pixels that have no defined meaning as colours.
    """
    name, data = _load(source)
    if not data:
        raise ValueError(f"{name}: is empty, not a picture")
    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise ValueError(
                    f"{width} x {height} pixels, at most {MAX_PIXELS} are read; "
                    "shrink the picture first"
                )
            picture.load()
            return _to_rgb(ImageOps.exif_transpose(picture))
    except Image.UnidentifiedImageError:
        raise ValueError(f"{name}: is not a picture in a format that Pillow knows") from None
    except MemoryError:
        raise
    except Exception as error:  # damaged files make Pillow's decoders raise almost anything
        reason = str(error) or type(error).__name__
        raise ValueError(f"{name}: cannot be read: {reason}") from error


def write_image(picture: np.ndarray, path: str | os.PathLike) -> Path:
    """Write a picture, whole or not at all.

    Args:
        picture: (height, width, 3) or (height, width), uint8, RGB or grey.
        path: the file; its ending names the format, PNG keeps every value. Its folder is made if
            it is missing.

    Returns:
        The path.

    Raises:
        ValueError: another shape or type, or an ending that Pillow does not know.
    """
    path, picture = Path(path), np.asarray(picture)
    if (
        picture.dtype != np.uint8
        or picture.ndim not in (2, 3)
        or picture.shape[2:] not in ((), (3,))
    ):
        raise ValueError(
            "a picture is (height, width, 3) or (height, width) uint8, got "
            f"{picture.shape} {picture.dtype}"
        )
    form = Image.registered_extensions().get(path.suffix.lower())
    if form is None:
        raise ValueError(f"{path}: no picture format has the ending {path.suffix!r}; take .png")
    content = io.BytesIO()
    Image.fromarray(picture).save(content, form)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write(content.getvalue())
    return path


def _load(source: str | os.PathLike | bytes) -> tuple[str, bytes]:
    """Name for error messages, and the file's content."""
    if isinstance(source, bytes | bytearray | memoryview):
        return f"<bytes, {len(source)} bytes>", bytes(source)
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"need a path or bytes, got {type(source).__name__}")
    path = Path(source)
    if path.is_dir():
        raise ValueError(f"{path}: is a folder, not a picture")
    try:
        return str(path), path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file") from None


def _to_rgb(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith("I"):  # 16-bit greyscale, in Pillow's modes I;16, I;16B, I
        return _grey(_from_16_bits(np.asarray(picture)))
    if picture.mode == "F":
        return _grey(_from_floats(np.asarray(picture)))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return np.array(picture.convert("RGB"))


def _from_16_bits(values: np.ndarray) -> np.ndarray:
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(
            f"integer pixels from {values.min()} to {values.max()}, need 0 to 65535; "
            "scale them first"
        )
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _from_floats(values: np.ndarray) -> np.ndarray:
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"floating-point pixels from {values.min()} to {values.max()}, need 0 to 1; "
            "scale them first"
        )
    return np.rint(values * 255).astype(np.uint8)


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2)
