import numpy as np
import pytest
import torch
from skimage.transform import resize

from companion.data import carriers
from companion.data.images import read_image, write_image
from companion.models import unet
from companion.tasks import lungs
from companion.training import save_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network after a fifth of the usual training."""
    file = tmp_path_factory.mktemp("lungs") / "lungs.safetensors"
    learnt = lungs.learn(epochs=4, device="cpu")
    assert len(learnt.dice) >= 60
    assert learnt.dice.mean() >= 0.88
    save_weights(learnt.network, file)
    return file


@pytest.fixture(scope="module")
def xray():
    root = carriers.path("xrays") / "sofiimg" / "datasets"
    name = "test/NORMAL/IM-0616-0001"
    mask = read_image(root / "pneumonia_masks" / f"{name}.png")[..., 0] >= 128
    return read_image(root / "pneumonia" / f"{name}.jpeg"), mask


def test_lungs_are_outlined_at_the_size_of_the_picture(companion, weights, xray, tmp_path):
    picture, mask = xray
    wide = (resize(picture, (300, 400)) * 255).astype(np.uint8)
    write_image(picture, tmp_path / "in" / "as_is.png")
    write_image(wide, tmp_path / "in" / "wide.png")
    answer = companion(
        "segment", "lungs", tmp_path / "in", "--weights", weights,
        "--masks", tmp_path / "masks", "--pictures", tmp_path / "out",
    )  # fmt: skip
    assert answer.status == 0
    for name, shape in (("as_is", mask.shape), ("wide", (300, 400))):
        found = read_image(tmp_path / "masks" / f"{name}.png.png")[..., 0]
        assert found.shape == shape
        assert set(np.unique(found)) == {0, 255}
        truth = resize(mask, shape, order=0)
        dice = 2 * (truth & (found > 0)).sum() / (truth.sum() + (found > 0).sum())
        assert dice >= 0.88
        tinted = read_image(tmp_path / "out" / f"{name}.png.png")
        assert ((tinted[..., 0] != tinted[..., 2]) == (found > 0)).mean() >= 0.99
    assert abs(answer.lines[0]["lung"] - mask.mean()) <= 0.08


def test_a_failed_training_writes_nothing(companion, tmp_path):
    answer = companion("segment", "learn", tmp_path / "w.safetensors", "--epochs", "0")
    assert answer.status == 1
    assert "--epochs" in answer.errors
    assert not (tmp_path / "w.safetensors").exists()


def test_weights_of_another_network_are_refused(companion, xray, tmp_path):
    write_image(xray[0], tmp_path / "x.png")
    save_weights(unet(widths=(4, 8)), tmp_path / "other.safetensors")
    for name, said in (("other.safetensors", "another model"), ("none.safetensors", "no weights")):
        words = ("segment", "lungs", tmp_path / "x.png", "--weights", tmp_path / name)
        answer = companion(*words)
        assert answer.status == 1
        assert said in answer.errors


def test_no_xray_at_all_is_refused():
    with pytest.raises(ValueError, match="32 x 32"):
        lungs.outline(unet(widths=(4, 8)), torch.zeros(16, 64, dtype=torch.uint8))
    with pytest.raises(ValueError, match="float32"):
        lungs.outline(unet(widths=(4, 8)), torch.zeros(64, 64))
