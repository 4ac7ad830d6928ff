import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from skimage import data as samples

from companion.data import images
from companion.data.images import read_image


def encoded(picture: Image.Image, file_format: str, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, file_format, **options)
    return stream.getvalue()


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(samples.astronaut()[30:110, 170:290])


def assert_close(found, expected, tolerance=0):
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= tolerance


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_come_back_exactly(photo, file_format):
    assert_close(read_image(encoded(Image.fromarray(photo), file_format)), photo)


def test_path_text_and_bytes_give_the_same_writable_array(photo, tmp_path):
    file = tmp_path / "bild ä.png"
    Image.fromarray(photo).save(file)
    for source in (file, str(file), file.read_bytes(), bytearray(file.read_bytes())):
        found = read_image(source)
        assert_close(found, photo)
        found[0] = 0  # raises where the array were read-only


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_the_camera_is_applied(photo, orientation):
    upright = Image.fromarray(photo)
    # How the sensor held the picture, for each orientation that EXIF knows.
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](photo)
    exif = upright.getexif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif.tobytes())
    assert_close(read_image(data), photo)


def test_grey_becomes_three_equal_channels():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for file_format in ("PNG", "PPM"):  # PPM writes a grey picture as PGM
        assert_close(read_image(encoded(Image.fromarray(ramp), file_format)), np.dstack([ramp] * 3))


def test_sixteen_bits_are_scaled_not_clipped():
    values = np.array([[0, 128, 129, 257, 32768, 65278, 65535]], dtype=np.uint16)
    expected = np.array([[0, 0, 1, 1, 128, 254, 255]], dtype=np.uint8)
    for file_format in ("PNG", "TIFF", "PPM"):
        found = read_image(encoded(Image.fromarray(values), file_format))
        assert_close(found, np.dstack([expected] * 3))


def test_sixteen_bit_pgm_that_uses_a_part_of_its_range():
    found = read_image(b"P5 3 1 1023\n" + struct.pack(">3H", 0, 512, 1023))
    assert found[0, :, 0].tolist() == [0, 128, 255]


def test_integers_without_a_known_range_are_refused():
    data = encoded(Image.fromarray(np.array([[0, 70000]], dtype=np.int32)), "TIFF")
    with pytest.raises(ValueError, match="integer pixels from 0 to 70000, need 0 to 65535"):
        read_image(data)


def test_floats_are_intensities_from_0_to_1():
    values = np.array([[0.0, 0.5, 1.0]], dtype=np.float32)
    found = read_image(encoded(Image.fromarray(values), "TIFF"))
    assert found[0, :, 0].tolist() == [0, 128, 255]
    for bad in (1.5, -0.1, np.nan, np.inf):
        values[0, 1] = bad
        with pytest.raises(ValueError, match="need 0 to 1; scale them first"):
            read_image(encoded(Image.fromarray(values), "TIFF"))


def test_transparency_is_laid_on_white():
    red = np.full((4, 4, 4), (255, 0, 0, 255), dtype=np.uint8)
    red[0, :, 3] = 0
    red[1, :, 3] = 128
    found = read_image(encoded(Image.fromarray(red), "PNG"))
    assert found[:, 0].tolist()[2:] == [[255, 0, 0]] * 2
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[1, 0].tolist() == [255, 127, 127]


def test_palette_with_a_transparent_colour_and_grey_with_alpha():
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 0])
    palette.putpixel((1, 0), 1)
    assert read_image(encoded(palette, "PNG")).tolist() == [[[10, 20, 30], [200, 100, 0]]]
    assert read_image(encoded(palette, "PNG", transparency=0)).tolist() == [
        [[255, 255, 255], [200, 100, 0]]
    ]
    grey = Image.fromarray(np.array([[[40, 255], [40, 0]]], dtype=np.uint8), "LA")
    assert read_image(encoded(grey, "PNG")).tolist() == [[[40] * 3, [255] * 3]]


def test_black_and_white():
    bits = Image.fromarray(np.array([[True, False]]))
    assert bits.mode == "1"
    assert read_image(encoded(bits, "PNG"))[0, :, 0].tolist() == [255, 0]


def test_cmyk_is_converted_also_as_adobe_stores_it_inverted(photo):
    # Pillow writes CMYK JPEGs with Adobe's marker, and therefore inverted.
    data = encoded(Image.fromarray(photo).convert("CMYK"), "JPEG", quality=98, subsampling=0)
    assert b"Adobe" in data
    assert np.abs(read_image(data).astype(int) - photo.astype(int)).mean() < 3


def test_first_picture_of_an_animation():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_image(data)[0, 0].tolist() == [255, 0, 0]


def test_missing_file_and_wrong_type(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.png: there is no such file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(TypeError, match="need a path or bytes, got ndarray"):
        read_image(np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"just some text\n", "is not a picture"),
        (b"\0" * 64, "is not a picture"),
    ],
)
def test_file_without_a_picture_is_named_with_the_reason(tmp_path, content, reason):
    file = tmp_path / "note.txt"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"note\.txt: {reason}"):
        read_image(file)
    with pytest.raises(ValueError, match=rf"<bytes, {len(content)} bytes>: {reason}"):
        read_image(content)


def test_folder(tmp_path):
    with pytest.raises(ValueError, match="is a folder, not a picture"):
        read_image(tmp_path)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_truncated_file(photo, tmp_path, file_format):
    file = tmp_path / "cut"
    data = encoded(Image.fromarray(photo), file_format)
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"cut: cannot be read: .*truncated"):
        read_image(file)


def huge_png(width: int, height: int) -> bytes:
    """A valid header of a picture of that size, with hardly any content behind it."""

    def chunk(kind, content):
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("size", [(8_947_849, 10), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_decompression_bomb_is_refused_before_it_is_unpacked(size, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", None)
    with pytest.raises(ValueError, match=r"<bytes, \d+ bytes>: cannot be read: .*pixels"):
        read_image(huge_png(*size))


def test_limit_itself_is_allowed(monkeypatch):
    data = encoded(Image.new("RGB", (10, 10)), "PNG")
    monkeypatch.setattr(images, "MAX_PIXELS", 100)
    assert read_image(data).shape == (10, 10, 3)
    monkeypatch.setattr(images, "MAX_PIXELS", 99)
    with pytest.raises(ValueError, match="10 x 10 pixels, at most 99 are read"):
        read_image(data)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of damage that it can read past
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "GIF"])
def test_damaged_bytes_give_a_picture_or_a_value_error(photo, file_format):
    """Cuts and flipped bits, seeded: nothing else may come out."""
    data = encoded(Image.fromarray(photo[:24, :32]), file_format)
    rng = np.random.default_rng(5)
    refusals = []
    for trial in range(300):
        bad = bytearray(data)
        if trial % 3 == 0:
            del bad[rng.integers(1, len(bad)) :]
        else:
            for place in rng.integers(len(bad) if trial % 3 == 1 else 60, size=3):
                bad[place] ^= 1 << rng.integers(8)
        try:
            found = read_image(bytes(bad))
        except ValueError as error:
            refusals.append((str(error), f"<bytes, {len(bad)} bytes>: "))
            continue
        assert found.dtype == np.uint8
        assert found.ndim == 3
        assert found.shape[2] == 3
    assert len(refusals) > 50
    assert all(message.startswith(name) for message, name in refusals)


@pytest.mark.parametrize("shape", [(20, 30, 3), (20, 30)])
def test_a_written_picture_reads_the_same(tmp_path, shape):
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = images.write_image(picture, tmp_path / "new" / "picture.png")
    np.testing.assert_array_equal(
        read_image(path), picture.reshape(20, 30, -1).repeat(3 if len(shape) == 2 else 1, 2)
    )


@pytest.mark.parametrize(
    ("picture", "name", "said"),
    [
        (np.zeros((4, 4, 3)), "a.png", "float64"),
        (np.zeros((4, 4, 4), np.uint8), "a.png", r"\(4, 4, 4\)"),
        (np.zeros((4, 4, 3), np.uint8), "a.xyz", "xyz"),
    ],
)
def test_what_is_no_picture_is_not_written(tmp_path, picture, name, said):
    with pytest.raises(ValueError, match=said):
        images.write_image(picture, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_what_was_there(tmp_path, monkeypatch):
    path = images.write_image(np.zeros((4, 4), np.uint8), tmp_path / "a.png")
    before = path.read_bytes()

    def full(_):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        images.write_image(np.ones((4, 4), np.uint8), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]
