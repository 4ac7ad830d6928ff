"""Attacks against closed forms; adversarial training; corruptions; what they refuse."""

import copy
import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torchvision.transforms.v2 import functional

from companion.data.digits import load_digits
from companion.data.tensors import TensorBatches
from companion.models import lenet
from companion.seeding import torch_generator
from companion.tasks.attacks import attack_success, fgsm, pgd
from companion.tasks.attacks_corruptions import CORRUPTIONS, corrupt
from companion.tasks.attacks_training import adversarial_step
from companion.training import evaluate, fit, predict


def linear(classes=2, pixels=36):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, classes)).double()


@pytest.fixture
def images():
    return torch.rand(20, 1, 6, 6, generator=torch_generator(1), dtype=torch.float64)


@pytest.fixture
def labels():
    return torch.randint(2, (20,), generator=torch_generator(2))


def test_fgsm_on_a_linear_model_is_the_closed_form(images, labels):
    """Two classes: the loss rises along the difference of the other class's weights and its own."""
    network = linear()
    weights = network[1].weight
    sign = (weights[1 - labels] - weights[labels]).sign().view(-1, 1, 6, 6)
    attacked = fgsm(network, images, labels, epsilon=0.1)
    torch.testing.assert_close(attacked, (images + 0.1 * sign).clamp(0, 1))


def test_pgd_stays_in_reach_and_in_the_box_and_is_no_weaker(images, labels):
    network, epsilon = linear(), 0.1
    attacked = pgd(network, images, labels, epsilon=epsilon, generator=torch_generator(3))
    assert (attacked - images).abs().max() <= epsilon + 1e-12
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    single = fgsm(network, images, labels, epsilon=epsilon)
    weak, strong = (
        cross_entropy(network(moved), labels, reduction="none") for moved in (single, attacked)
    )
    assert (strong >= weak - 1e-9).all()


def test_pgd_beats_fgsm_on_a_curved_network():
    digits = load_digits()
    torch.manual_seed(0)
    network = lenet(widths=(8, 16))
    train(network, digits, epochs=8)
    some, truth = digits.test_images[:200], digits.test_labels[:200]
    losses = {
        name: cross_entropy(predict(network, attack(network, some, truth, epsilon=0.15)), truth)
        for name, attack in (
            ("fgsm", fgsm),
            ("pgd", partial(pgd, steps=20, generator=torch_generator(0))),
        )
    }
    assert losses["pgd"] > losses["fgsm"] + 0.1


def train(network, digits, *, epochs, step=None):
    batches = TensorBatches(digits.train_images, digits.train_labels, batch_size=64, shuffle=True)
    fit(
        *(network, batches),
        optimizer=torch.optim.Adam(network.parameters(), 3e-3),
        epochs=epochs,
        generator=torch_generator(0),
        device="cpu",
        **({"loss": cross_entropy} if step is None else {"step": step}),
    )


def test_batches_and_random_start_change_nothing_else(images, labels):
    network = linear()
    attack = partial(pgd, network, images, labels, epsilon=0.05, steps=3)
    whole = attack(generator=torch_generator(1))
    assert torch.equal(whole, attack(generator=torch_generator(1), batch_size=7))
    torch.manual_seed(1)
    assert torch.equal(whole, attack())  # the global generator, seeded alike
    kept = attack(epsilon=0.0, generator=torch_generator(1))
    assert torch.equal(kept, images)


def test_a_network_keeps_its_mode_its_weights_and_their_gradients(images, labels):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(32, 2))
    network = network.double().train()
    before = copy.deepcopy(network.state_dict())
    with torch.no_grad():  # also where gradients are switched off
        pgd(network, images, labels, epsilon=0.1)
    assert network.training
    assert all(weight.grad is None for weight in network.parameters())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_adversarial_training_takes_a_third_of_its_success_from_the_attack():
    digits = load_digits()
    success = {}
    for name, step in (
        ("ordinary", None),
        ("robust", adversarial_step(partial(pgd, epsilon=0.1, steps=1, step_size=0.125))),
    ):
        torch.manual_seed(0)
        network = lenet(widths=(8, 16))
        train(network, digits, epochs=25, step=step)
        some, truth = digits.test_images, digits.test_labels
        attacked = pgd(network, some, truth, epsilon=0.1, generator=torch_generator(0))
        answers = [predict(network, part).argmax(1) for part in (some, attacked)]
        assert (answers[0] == truth).double().mean() > 0.85
        success[name] = attack_success(*answers, truth)
    assert success["ordinary"] > 0.4
    assert success["robust"] < 0.65 * success["ordinary"]


def test_adversarial_step_leaves_images_alone_in_validation(images, labels):
    network, seen = linear(), []

    def attack(network, images, labels):
        seen.append(len(images))
        return fgsm(network, images, labels, epsilon=0.3)

    step = adversarial_step(attack)
    loss = evaluate(network, [(images, labels)], step=step)["loss"]
    assert not seen
    assert loss == pytest.approx(cross_entropy(network(images), labels).item())
    assert step(network, (images, labels))[0] > loss
    assert seen == [20]


def test_attack_success_counts_only_what_was_right():
    labels = torch.tensor([0, 0, 1, 1])
    before, after = torch.tensor([0, 1, 1, 1]), torch.tensor([1, 0, 0, 1])
    assert attack_success(before, after, labels) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="no image was answered rightly"):
        attack_success(1 - labels, labels, labels)
    with pytest.raises(ValueError, match="one entry for each image"):
        attack_success(before[:3], after, labels)


class Blind(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(2))

    def forward(self, images):
        return self.bias.expand(len(images), 2)


class Detached(nn.Module):
    def forward(self, images):
        return images.detach().flatten(1)[:, :2]


@pytest.mark.parametrize("attack", [fgsm, pgd])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": -0.1}, "epsilon lies in"),
        ({"epsilon": math.nan}, "epsilon lies in"),
        ({"epsilon": 8}, "8 grey values of 256 are 8/255"),
        ({"images": torch.full((20, 1, 6, 6), 1.5)}, r"must lie in \[0, 1\], got 1.5"),
        ({"images": torch.full((20, 1, 6, 6), math.nan)}, "must lie in"),
        ({"images": torch.zeros(20, 1, 6, 6, dtype=torch.uint8)}, "divide uint8 by 255"),
        ({"images": torch.zeros(0, 1, 6, 6)}, "at least one"),
        ({"labels": torch.zeros(19, dtype=torch.int64)}, "20 images need as many labels"),
        ({"labels": torch.full((20,), 2)}, "labels lie between 0 and 1"),
        ({"network": Detached()}, "no gradient"),
        ({"network": Blind()}, "no gradient"),
        ({"batch_size": 0}, "batch_size starts at 1"),
    ],
)
def test_attacks_refuse(attack, change, message, images, labels):
    settings = {"network": linear(), "images": images, "labels": labels, "epsilon": 0.1} | change
    with pytest.raises(ValueError, match=message):
        attack(**settings)


def test_attacks_refuse_broken_weights_and_senseless_steps(images, labels):
    network = linear()
    network[1].weight.data[0, 0] = math.nan
    with pytest.raises(ValueError, match="not finite"):
        fgsm(network, images, labels, epsilon=0.1)
    with pytest.raises(ValueError, match="at least 1 step"):
        pgd(linear(), images, labels, epsilon=0.1, steps=0)
    with pytest.raises(ValueError, match="step_size must be above 0"):
        pgd(linear(), images, labels, epsilon=0.1, step_size=0.0)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_corruptions_grow_and_stay_pictures(kind):
    pictures = functional.gaussian_blur(
        torch.rand(4, 3, 48, 64, generator=torch_generator(0)), [9, 9], [1.5, 1.5]
    )
    changes = []
    for strength in range(1, 6):
        changed = corrupt(pictures, kind, strength, generator=torch_generator(1))
        assert changed.shape == pictures.shape
        assert changed.dtype == pictures.dtype
        assert changed.min() >= 0
        assert changed.max() <= 1
        each = torch.cat(
            [corrupt(one[None], kind, strength, generator=torch_generator(1)) for one in pictures]
        )
        if kind != "noise":
            torch.testing.assert_close(changed, each)
        changes.append((changed - pictures).abs().mean().item())
    assert changes == sorted(changes)
    assert changes[0] > 0


def test_corruptions_are_what_they_say():
    grey = torch.rand(2, 1, 64, 64, generator=torch_generator(0))
    noise = corrupt(torch.full_like(grey, 0.5), "noise", 2, generator=torch_generator(1)) - 0.5
    assert noise.std().item() == pytest.approx(CORRUPTIONS["noise"][1], rel=0.05)
    blocks = corrupt(grey, "pixelation", 5)
    assert torch.equal(
        blocks[..., ::8, ::8].repeat_interleave(8, 2).repeat_interleave(8, 3), blocks
    )
    torch.testing.assert_close(
        corrupt(grey, "contrast", 1),
        0.8 * grey + 0.2 * grey.mean((1, 2, 3), keepdim=True),
    )


@pytest.mark.parametrize(
    ("kind", "strength", "pictures", "message"),
    [
        ("fog", 1, torch.zeros(1, 1, 64, 64), "kind is one of noise, blur"),
        ("blur", 0, torch.zeros(1, 1, 64, 64), "strength is 1, 2, 3, 4 or 5, got 0"),
        ("blur", 5, torch.zeros(1, 1, 8, 8), "more than 9 pixels a side"),
        ("noise", 1, torch.zeros(1, 2, 8, 8), "1 or 3 channels"),
        ("noise", 1, torch.full((1, 1, 8, 8), 2.0), "must lie in"),
        ("jpeg", 1, torch.zeros(1, 1, 8, 8, dtype=torch.uint8), "float"),
    ],
)
def test_corruptions_refuse(kind, strength, pictures, message):
    with pytest.raises(ValueError, match=message):
        corrupt(pictures, kind, strength)
