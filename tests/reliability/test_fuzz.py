"""Files that were cut, or in which bytes changed: an answer or an error with a name, never more.

Thousands of files, spoilt by a seeded generator. A reader may accept one (a changed pixel is still
a picture); otherwise it raises what its documentation says, and it leaves the file as it is.
"""

import io
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from spoilt import spoilt

from companion.data.images import read_image
from companion.models import lenet
from companion.models.darknet import Darknet
from companion.models.darknet_cfg import parse_cfg
from companion.tasks.gallery import Gallery
from companion.tasks.privacy_gallery import SealedGallery
from companion.training import load_weights, save_weights
from companion.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

PASSWORD = "three odd words"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of odd metadata


def outcomes(read, versions, allowed):
    """How often each outcome came up; anything but an answer or an allowed error fails."""
    found = Counter()
    for version in versions:
        try:
            read(version)
        except allowed as error:
            found[type(error).__name__ if str(error) else "an error without words"] += 1
        else:
            found["read"] += 1
    assert "an error without words" not in found
    return found


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "ICO"])
def test_pictures(form):
    stream = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, form)

    def read(content):
        picture = read_image(content)
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3

    found = outcomes(read, spoilt(stream.getvalue(), 400), ValueError)
    assert found["ValueError"] >= 100
    assert sum(found.values()) == 400


def checked(path, read):
    """A reader of a file's content that asserts that the file stays as it is."""

    def from_content(content):
        path.write_bytes(content)
        try:
            read(path)
        finally:
            assert path.read_bytes() == content

    return from_content


def test_weights(tmp_path):
    path = save_weights(lenet(3, 1), tmp_path / "weights.safetensors")
    model = lenet(3, 1)
    content = path.read_bytes()
    head = content[:1500]  # where sizes and names stand; beyond it any number is a number

    def read(file):
        load_weights(model, file)

    versions = (version + content[1500:] for version in spoilt(head, 400))
    found = outcomes(checked(path, read), versions, ValueError)
    assert found["ValueError"] >= 200


@pytest.mark.parametrize("name", ["state.pt", "weights.safetensors"])
def test_checkpoints(tmp_path, name):
    state = {"rows": [[1.0, 2.0]], "names": ["train_loss"], "step": torch.arange(5)}
    write_checkpoint(tmp_path, Checkpoint(2, lenet(3, 1).state_dict(), None, state))
    path = tmp_path / "epoch-00002" / name
    found = outcomes(
        checked(path, lambda _: read_checkpoint(tmp_path)),
        spoilt(path.read_bytes(), 300),
        ValueError,
    )
    assert found["ValueError"] >= 100


CFG = """
[net]
width=32
height=32
channels=3

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[convolutional]
filters=18
size=1
stride=1
pad=1
activation=linear

[yolo]
mask=0,1,2
anchors=4,4, 8,8, 16,16
classes=1
num=3
"""


def test_network_descriptions(tmp_path):
    path = tmp_path / "net.cfg"

    def read(content):
        text = content.decode("utf-8", "replace")
        parse_cfg(text)
        path.write_text(text, encoding="utf-8")
        Darknet(path)

    parse_cfg(CFG)
    found = outcomes(read, spoilt(CFG.encode(), 1500), ValueError)
    assert found["ValueError"] >= 700


def test_a_description_without_its_weights(tmp_path):
    (tmp_path / "net.cfg").write_text(CFG)
    whole = b"\0" * 4 + bytes(8) + np.zeros(8 * 4 + 8 * 27 + 18 + 18 * 8, np.float32).tobytes()
    path = tmp_path / "net.weights"
    lengths = [whole[:cut] for cut in range(0, len(whole), 7)]
    found = outcomes(
        checked(path, lambda file: Darknet(tmp_path / "net.cfg", file)), lengths, ValueError
    )
    assert found["read"] == 0


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "people.gallery"
    rng = np.random.default_rng(0)
    with Gallery(path, dimension=8) as gallery:
        for name in ("Ada", "Bea", "Cyd"):
            gallery.enroll(name, rng.normal(size=(20, 8)).astype(np.float32))
    return path.read_bytes()


def test_galleries(tmp_path, enrolled):
    """Damage that SQLite or the gallery's own checks notice is named; nothing hangs or crashes."""
    path = tmp_path / "people.gallery"
    query = np.zeros((1, 8), np.float32)

    def read(content):
        for leftover in tmp_path.iterdir():
            leftover.unlink()
        path.write_bytes(content)
        with Gallery(path, create=False) as gallery:
            gallery.people()
            gallery.identify_many(query, threshold=10)

    found = outcomes(read, spoilt(enrolled, 500), ValueError)
    assert found["ValueError"] >= 100


def test_sealed_galleries_accept_no_change_at_all(tmp_path):
    path = tmp_path / "people.sealed"
    with SealedGallery(path, PASSWORD, dimension=8, work=10) as gallery:
        gallery.enroll("Ada", np.ones((1, 8), np.float32))
    content = path.read_bytes()

    def read(file):
        SealedGallery(file, PASSWORD, create=False).close()

    versions = (version for version in spoilt(content, 60) if version != content)
    found = outcomes(checked(path, read), versions, ValueError)
    assert set(found) == {"ValueError"}
