"""Segmentation learns, tiles give the whole picture's answer, and bad input is refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.transforms import v2

from companion.data.augment import AffinePerImage
from companion.models import unet
from companion.tasks import segmentation
from companion.training import evaluate


def discs(count, height=32, width=32, *, seed=0):
    """Bright discs on noise, uint8, and their masks."""
    generator = torch.Generator().manual_seed(seed)
    middle = torch.rand(count, 2, 1, 1, generator=generator) * 16 + 8
    radius = torch.rand(count, 1, 1, generator=generator) * 3 + 4
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    inside = (rows - middle[:, 0]) ** 2 + (columns - middle[:, 1]) ** 2 < radius**2
    noise = torch.rand(count, height, width, generator=generator)
    images = (255 * (0.6 * noise + 0.4 * inside)).byte()
    return images.unsqueeze(1), inside.unsqueeze(1)


@pytest.fixture
def model():
    """Random weights, and batch norms that have seen something."""
    torch.manual_seed(0)
    model = unet(widths=(4, 8, 16))
    for _ in range(5):
        model(torch.rand(4, 1, 32, 32))
    return model.eval()


@pytest.mark.parametrize("loss", ["cross_entropy", "soft_dice", "cross_entropy_and_dice"])
def test_it_learns_from_few_images(loss):
    torch.manual_seed(0)
    model = unet(widths=(4, 8))
    history = segmentation.train(
        model,
        *discs(48),
        epochs=12,
        loss=getattr(segmentation, loss),
        valid=discs(16, seed=1),
        batch_size=8,
        learning_rate=0.02,
        device="cpu",
        generator=torch.Generator().manual_seed(0),
    )
    images, masks = discs(32, seed=2)
    scores = segmentation.score(segmentation.predict_probs(model, images) >= 0.5, masks)
    assert scores.dice.mean() > 0.85
    assert history["dice"][-1] > history["dice"][0]


def test_it_learns_several_classes():
    images, masks = discs(48)
    torch.manual_seed(0)
    model = unet(3, widths=(4, 8))
    left = torch.arange(32) < 16
    classes = torch.where(masks[:, 0], torch.where(left, 1, 2), 0)
    segmentation.train(
        model, images, classes, epochs=20, batch_size=8, learning_rate=0.02, device="cpu"
    )
    probs = segmentation.predict_probs(model, images)
    torch.testing.assert_close(probs.sum(dim=1), torch.ones(48, 32, 32))
    assert (probs.argmax(dim=1) == classes).float().mean() > 0.9


def test_the_same_generator_gives_the_same_weights():
    def trained(seed):
        torch.manual_seed(0)
        model = unet(widths=(4, 8))
        augment = AffinePerImage(degrees=20, translate=(0.1, 0.1))
        generator = torch.Generator().manual_seed(seed)
        images, masks = discs(16)
        segmentation.train(
            model, images, masks, epochs=2, augment=augment, device="cpu", generator=generator
        )
        return model.state_dict()

    one, again, other = trained(0), trained(0), trained(1)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_augmentation_moves_images_and_masks_together():
    seen = []

    class Watched(nn.Module):
        classes, stride, reach = 1, 1, 0

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, images):
            assert images.is_floating_point()
            assert images.max() <= 1
            seen.append(images)
            return images * self.weight

    def loss(logits, masks):
        assert type(masks) is torch.Tensor
        seen.append(masks)
        return segmentation.cross_entropy(logits, masks)

    _, masks = discs(8)
    painted = (masks * 255).byte()  # the image is the mask: whatever moves one must move the other
    augment = v2.Compose([v2.RandomHorizontalFlip(p=1), v2.RandomVerticalFlip(p=1)])
    segmentation.train(
        Watched(), painted, masks, epochs=1, loss=loss, augment=augment, device="cpu"
    )
    moved, truth = seen
    assert torch.equal(moved > 0.5, truth)
    assert not torch.equal(truth.sum(0), masks.sum(0))


@pytest.mark.parametrize("size", [(200, 312), (96, 97), (33, 250)])
def test_tiles_give_the_whole_pictures_answer(model, size):
    images = torch.randint(0, 256, (2, 1, *size), dtype=torch.uint8)
    whole = segmentation.predict_probs(model, images, tile=320)
    tiled = segmentation.predict_probs(model, images, tile=64, batch_size=3)
    assert whole.shape == tiled.shape == (2, 1, *size)
    torch.testing.assert_close(tiled, whole)


def test_tiles_with_too_small_an_overlap_leave_seams(model):
    images = torch.rand(1, 1, 128, 128)
    whole = segmentation.predict_probs(model, images)
    seams = segmentation.predict_probs(model, images, tile=64, overlap=0) - whole
    inside = seams[..., 60:68].abs().max()
    assert inside > 1e-3
    reach = model.reach
    far = [slice(reach, 64 - reach), slice(64 + reach, 128 - reach)]
    assert (
        max(float(seams[..., rows, columns].abs().max()) for rows in far for columns in far) < 1e-5
    )


def test_whole_images_are_the_networks_own_answer(model):
    images = torch.rand(3, 1, 40, 64)
    model.train()
    probs = segmentation.predict_probs(model, images, batch_size=2)
    assert model.training
    torch.testing.assert_close(probs, model.eval()(images).sigmoid())


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (5, 64)])
def test_images_smaller_than_the_network_needs_are_continued(model, size):
    image = torch.rand(1, 1, *size)
    probs = segmentation.predict_probs(model, image)
    assert probs.shape == (1, 1, *size)
    padded = functional.pad(image, (0, -size[1] % 4, 0, -size[0] % 4), mode="replicate")
    expected = model(padded).sigmoid()[..., : size[0], : size[1]]
    torch.testing.assert_close(probs, expected)


def test_the_metric_for_training_is_the_mean_dice_of_score(model):
    images, masks = discs(10)
    measured = evaluate(
        model, [(images[:7], masks[:7]), (images[7:], masks[7:])],
        metrics={"dice": segmentation.dice_metric()},
    )  # fmt: skip
    scores = segmentation.score(segmentation.predict_probs(model, images) >= 0.5, masks)
    assert measured["dice"] == pytest.approx(float(scores.dice.mean()), abs=1e-6)


def test_losses_are_what_their_formulas_say():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 1, 5, 6, generator=generator)
    masks = torch.rand(3, 1, 5, 6, generator=generator) > 0.5
    probs = logits.sigmoid()
    nll = -torch.where(masks, probs, 1 - probs).log().mean()
    torch.testing.assert_close(segmentation.cross_entropy(logits, masks), nll)
    dice = [
        1 - (2 * p[m].sum() + 1) / (p.sum() + m.sum() + 1)
        for p, m in zip(probs, masks, strict=True)
    ]
    torch.testing.assert_close(segmentation.soft_dice(logits, masks), torch.stack(dice).mean())
    both = segmentation.cross_entropy_and_dice(logits, masks)
    torch.testing.assert_close(both, nll + torch.stack(dice).mean())

    two = torch.cat([torch.zeros_like(logits), logits], dim=1)  # the same as two classes
    torch.testing.assert_close(segmentation.cross_entropy(two, masks[:, 0].long()), nll)
    classes = torch.randint(0, 3, (2, 4, 4), generator=generator)
    sure = 40.0 * functional.one_hot(classes, 3).movedim(-1, 1)
    assert segmentation.soft_dice(sure, classes) < 1e-6


def test_the_losses_of_an_empty_mask_are_defined():
    masks = torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    logits = torch.full((2, 1, 8, 8), -20.0, requires_grad=True)
    loss = segmentation.cross_entropy_and_dice(logits, masks)
    loss.backward()
    assert loss < 1e-5
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("loss", [segmentation.cross_entropy, segmentation.soft_dice])
def test_losses_do_not_sum_in_half_precision(loss):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 200, 200, generator=generator).bfloat16()
    masks = torch.rand(2, 1, 200, 200, generator=generator) > 0.9
    torch.testing.assert_close(loss(logits, masks), loss(logits.float(), masks), rtol=1e-6, atol=0)


IMAGES, MASKS = torch.zeros(4, 1, 16, 16), torch.ones(4, 1, 16, 16, dtype=torch.bool)


@pytest.mark.parametrize(
    ("images", "masks", "message"),
    [
        (IMAGES, None, "4 images need as many masks, got none; leave out"),
        (IMAGES, MASKS[:3], "4 images need as many masks, got 3"),
        (IMAGES, MASKS[..., :8], "as large as its image, got 16x8 for 16x16"),
        (IMAGES, MASKS.byte(), "bool.*got torch.uint8.*masks >= 128"),
        (IMAGES, MASKS[:, 0], r"bool, N x 1 x H x W"),
        (IMAGES, ~MASKS, "not one pixel is marked in 4 masks"),
        (IMAGES[0], MASKS, r"images are N x C x H x W.*got \(1, 16, 16\)"),
        (IMAGES[:0], MASKS[:0], "at least one pixel"),
        (IMAGES.long(), MASKS, "uint8, or floats"),
        (IMAGES[..., :10, :10], MASKS[..., :10, :10], "10x10; pad to 12x12"),
        (IMAGES.expand(-1, 3, -1, -1), MASKS, "N x 1 x H x W here"),
    ],
)
def test_unfit_examples_are_refused(images, masks, message):
    with pytest.raises(ValueError, match=message):
        segmentation.train(unet(widths=(2, 2, 2)), images, masks, epochs=1, device="cpu")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (MASKS, "3 logits a pixel masks are int64, N x H x W, got torch.bool"),
        (MASKS[:, 0].long() * 3, "classes from 0 to 2, got 3 to 3"),
    ],
)
def test_unfit_classes_are_refused(classes, message):
    with pytest.raises(ValueError, match=message):
        segmentation.train(unet(3, widths=(2, 2)), IMAGES, classes, epochs=1, device="cpu")


def test_unfit_masks_in_validation_are_refused():
    with pytest.raises(ValueError, match="as large as its image"):
        segmentation.train(
            unet(widths=(2, 2)), IMAGES, MASKS, valid=(IMAGES, MASKS[..., :8]), epochs=1
        )


def test_an_empty_mask_among_others_is_an_example():
    masks = MASKS.clone()
    masks[0] = False
    history = segmentation.train(
        unet(widths=(2, 2)), IMAGES, masks, valid=(IMAGES, masks), epochs=1, device="cpu"
    )
    assert len(history["dice"]) == 1


def test_a_network_that_tells_nothing_of_itself_is_refused():
    with pytest.raises(TypeError, match="Conv2d lacks classes, reach; segmentation takes"):
        segmentation.predict_probs(nn.Conv2d(1, 1, 1), IMAGES)
