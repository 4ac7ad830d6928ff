import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional

from companion.data.augment import AffinePerImage, FlipPerImage, LightPerImage


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 11, 18), (2, 24, 9)])
def test_affine_equals_torchvision_image_by_image(shape):
    images = torch.rand(12, *shape)
    transform = AffinePerImage(40, (0.2, 0.3), (0.6, 1.5), 25)
    params = transform.draw(images)
    moved = transform.transform(images, params)
    for i, image in enumerate(images):
        expected = functional.affine(
            image,
            angle=float(params["angle"][i]),
            translate=[float(shift[i]) for shift in params["shift"]],
            scale=float(params["scale"][i]),
            shear=[float(params["shear"][i]), 0.0],
            interpolation=InterpolationMode.BILINEAR,
        )
        torch.testing.assert_close(moved[i], expected, rtol=0, atol=1e-4)
        assert (moved[i] - image).abs().max() > 0.1


def test_draws_stay_within_their_limits_and_differ_between_images():
    params = AffinePerImage(10, (0.1, 0.2), (0.9, 1.2), 5).draw(torch.zeros(4000, 1, 10, 20))
    limits = {
        "angle": (params["angle"], -10, 10),
        "x": (params["shift"][0], -2, 2),
        "y": (params["shift"][1], -2, 2),
        "scale": (params["scale"], 0.9, 1.2),
        "shear": (params["shear"], -5, 5),
    }
    for name, (values, low, high) in limits.items():
        assert low <= values.min() < low + 0.01 * (high - low), name
        assert high >= values.max() > high - 0.01 * (high - low), name
        assert values.unique().numel() > 3000, name


def test_a_mask_moves_with_its_image():
    images = torch.zeros(16, 1, 32, 32)
    images[:, :, 10:24, 6:20] = 1
    masks = tv_tensors.Mask(images[:, 0].to(torch.int64) * 7)
    moved, moved_masks = AffinePerImage(30, (0.1, 0.1), (0.8, 1.2))(tv_tensors.Image(images), masks)
    assert isinstance(moved_masks, tv_tensors.Mask)
    assert moved_masks.dtype == torch.int64
    assert set(moved_masks.unique().tolist()) == {0, 7}
    agree = (moved_masks == 7) == (moved[:, 0] > 0.5)
    assert agree.float().mean() > 0.99
    assert not torch.equal(moved_masks[0], moved_masks[1])


def test_no_limits_change_nothing():
    images = torch.rand(5, 3, 9, 14)
    torch.testing.assert_close(AffinePerImage()(images), images, rtol=0, atol=1e-5)
    torch.testing.assert_close(LightPerImage()(images), images, rtol=0, atol=1e-6)
    assert torch.equal(FlipPerImage(0.0)(images), images)
    assert torch.equal(FlipPerImage(1.0)(images), images.flip(-1))


def test_each_image_is_flipped_by_its_own_draw():
    images = torch.rand(2000, 1, 2, 2)
    masks = tv_tensors.Mask(images)
    flipped, flipped_masks = FlipPerImage(0.3)(tv_tensors.Image(images), masks)
    changed = (flipped != images).flatten(1).any(dim=1)
    assert abs(changed.float().mean() - 0.3) < 0.04
    assert torch.equal(flipped[changed], images[changed].flip(-1))
    assert torch.equal(flipped_masks.as_subclass(torch.Tensor), flipped.as_subclass(torch.Tensor))


def test_light_changes_mean_and_spread_image_by_image():
    images = 0.4 + 0.2 * torch.rand(500, 1, 16, 16)
    light = LightPerImage(brightness=0.2, contrast=0.3)
    params = light.draw(images)
    lit = light.transform(images, params)
    mean = images.mean(dim=(1, 2, 3))
    torch.testing.assert_close(lit.mean(dim=(1, 2, 3)), mean * params["brightness"])
    spread = images.std(dim=(1, 2, 3)) * params["brightness"] * params["contrast"]
    torch.testing.assert_close(lit.std(dim=(1, 2, 3)), spread)
    assert params["contrast"].min() < 0.72
    assert params["contrast"].max() > 1.28
    assert LightPerImage(1.0, 1.0)(torch.rand(50, 1, 8, 8)).aminmax() == (0.0, 1.0)


def test_stands_in_a_chain_with_torchvision_transforms_and_lets_labels_pass():
    chain = v2.Compose([v2.ToDtype(torch.float32, scale=True), AffinePerImage(10), FlipPerImage()])
    pixels = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    labels = torch.arange(4)
    moved, same = chain(tv_tensors.Image(pixels), labels)
    assert moved.dtype == torch.float32
    assert moved.max() <= 1
    assert torch.equal(same, labels)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: AffinePerImage(-1), ValueError, "not negative"),
        (lambda: AffinePerImage(scale=(1.2, 0.8)), ValueError, "smallest"),
        (lambda: FlipPerImage(1.5), ValueError, "probability"),
        (lambda: LightPerImage(2), ValueError, "limits"),
        (
            lambda: AffinePerImage(5)(torch.zeros(2, 3, 8, 8, dtype=torch.uint8)),
            TypeError,
            "ToDtype",
        ),
        (lambda: AffinePerImage(5)(torch.zeros(3, 8, 8)), TypeError, "N x C x H x W"),
        (
            lambda: FlipPerImage()(
                torch.zeros(1, 3, 8, 8),
                tv_tensors.BoundingBoxes(torch.zeros(1, 4), format="XYXY", canvas_size=(8, 8)),
            ),
            TypeError,
            "BoundingBoxes",
        ),
    ],
)
def test_refuses_what_it_cannot_move(call, error, message):
    with pytest.raises(error, match=message):
        call()
