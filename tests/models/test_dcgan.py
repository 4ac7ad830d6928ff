"""Generator and discriminator: shapes, stated weights, classes, refusals."""

import pytest
import torch

from companion import models
from companion.models import dcgan

WEIGHTS = {
    "generator": (dcgan.generator(), 41_665),
    "generator of ten classes": (dcgan.generator(classes=10), 44_225),
    "discriminator": (dcgan.discriminator(), 33_697),
    "without normalisation": (dcgan.discriminator(norm="none"), 33_633),
    "of ten classes": (dcgan.discriminator(10, norm="none"), 36_193),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_has_the_stated_number_of_weights(name):
    network, weights = WEIGHTS[name]
    assert models.count_weights(network) == weights


def test_the_formulas_in_the_docstrings_count_right():
    widths, channels, size, noise, classes = (12, 7, 5), 3, 24, 6, 4
    expected = (noise + classes) * 12 * 3**2 + 16 * (12 * 7 + 7 * 5 + 5 * 3) + 2 * (12 + 7 + 5) + 3
    built = dcgan.generator(noise, classes, channels=channels, size=size, widths=widths)
    assert models.count_weights(built) == expected

    settings = {"channels": channels, "size": size, "widths": widths}
    convolutions = 16 * (3 * 12 + 12 * 7 + 7 * 5)
    score = (classes + 1) * 5 * 3**2 + 1
    plain = dcgan.discriminator(classes, norm="none", **settings)
    assert models.count_weights(plain) == convolutions + (12 + 7 + 5) + score
    normed = dcgan.discriminator(classes, **settings)
    assert models.count_weights(normed) == convolutions + 12 + 2 * (7 + 5) + score


@pytest.mark.parametrize(("size", "channels", "widths"), [(8, 1, (9,)), (32, 3, (16, 8, 4))])
def test_pictures_of_any_halvable_size_lie_in_the_range(size, channels, widths):
    settings = {"size": size, "channels": channels}
    made = dcgan.generator(5, widths=widths, **settings)(100 * torch.randn(4, 5))
    assert made.shape == (4, channels, size, size)
    assert made.min() >= 0
    assert made.max() <= 1
    assert dcgan.discriminator(widths=widths[::-1], **settings)(made).shape == (4,)


@pytest.mark.parametrize("classes", [0, 10])
def test_every_weight_gets_a_gradient_through_both(classes):
    generator, critic = dcgan.generator(classes=classes), dcgan.discriminator(classes)
    labels = (torch.arange(20) % 10,) if classes else ()
    critic(generator(torch.randn(20, 32), *labels), *labels).square().sum().backward()
    for network in (generator, critic):
        without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
        assert without == []


def test_without_normalisation_a_picture_is_judged_alone_and_with_it_is_not():
    images = torch.rand(6, 1, 8, 8)
    for norm, alone in (("none", True), ("batch", False)):
        torch.manual_seed(0)
        critic = dcgan.discriminator(norm=norm)  # in training mode
        same = torch.allclose(critic(images)[:3], critic(images[:3]), atol=1e-6)
        assert same == alone


def test_the_class_changes_picture_and_score():
    generator, critic = dcgan.generator(classes=2).eval(), dcgan.discriminator(2).eval()
    noise = torch.randn(1, 32).expand(2, -1)
    pictures = generator(noise, torch.tensor([0, 1]))
    assert not torch.equal(pictures[0], pictures[1])
    picture = pictures[:1].expand(2, -1, -1, -1)
    scores = critic(picture, torch.tensor([0, 1]))
    features = critic.layers(2 * picture[:1] - 1)[0]
    by_hand = critic.score(features) + critic.projection.weight @ features
    torch.testing.assert_close(scores, by_hand)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: dcgan.generator(0), "at least 1 number, got 0"),
        (lambda: dcgan.generator(size=10), "10 x 10 cannot be halved 2 times"),
        (lambda: dcgan.generator(size=2), "cannot be halved"),
        (lambda: dcgan.generator(widths=()), "widths"),
        (lambda: dcgan.generator(classes=-1), "-1 classes"),
        (lambda: dcgan.discriminator(widths=(0, 1)), "start at 1"),
        (lambda: dcgan.discriminator(channels=0), "0 channels"),
        (lambda: dcgan.discriminator(norm="layer"), "got 'layer'"),
        (lambda: dcgan.generator()(torch.zeros(3, 31)), "must be N x 32"),
        (lambda: dcgan.generator()(torch.zeros(32)), "must be N x 32"),
        (lambda: dcgan.discriminator()(torch.zeros(3, 1, 16, 16)), "resize them"),
        (lambda: dcgan.discriminator()(torch.zeros(3, 3, 8, 8)), "must be N x 1 x 8 x 8"),
        (lambda: dcgan.generator(classes=3)(torch.zeros(3, 32)), "got no labels"),
        (
            lambda: dcgan.generator()(torch.zeros(3, 32), torch.arange(3)),
            "0 classes and got labels",
        ),
        (lambda: dcgan.generator(classes=3)(torch.zeros(3, 32), torch.arange(2)), "each of 3"),
        (lambda: dcgan.discriminator(3)(torch.zeros(3, 1, 8, 8), torch.zeros(3)), "float32"),
    ],
)
def test_what_does_not_fit_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
