"""Adversarial training: it learns, repeats itself, goes on where it stopped, and refuses."""

from dataclasses import replace

import pytest
import torch

from companion.models.dcgan import discriminator, generator
from companion.seeding import torch_generator
from companion.tasks.generation import AdversarialTraining, sample
from companion.tasks.generation_losses import GAN, WGAN_GP
from companion.tasks.generation_scores import frechet_distance
from companion.training import NonFiniteLossError

SHORT_WGAN = replace(WGAN_GP, critic_steps=2)
SMALL = {"widths": (16, 8), "size": 8}


def bars(count, seed=0):
    """A toy with two classes: a vertical bar on the left or on the right, of varying brightness."""
    draw = torch_generator(seed)
    images, labels = torch.zeros(count, 1, 8, 8), torch.arange(count) % 2
    light = 0.6 + 0.4 * torch.rand(count, 1, 1, generator=draw)
    images[labels == 0, :, :, 1:3] = light[labels == 0][..., None]
    images[labels == 1, :, :, 5:7] = light[labels == 1][..., None]
    return images, labels


def build(objective, *, classes=0, seed=0, rate=2e-3):
    torch.manual_seed(seed)
    norm = "none" if objective.penalty else "batch"
    networks = generator(8, classes, **SMALL), discriminator(classes, norm=norm)
    return AdversarialTraining(*networks, objective=objective, rate=rate, device="cpu")


@pytest.mark.parametrize("objective", [GAN, SHORT_WGAN], ids=["gan", "wgan-gp"])
def test_training_brings_the_pictures_nearer_to_the_real_ones(objective):
    images, _ = bars(200)
    training = build(objective)

    def distance():
        made = sample(training.generator, 200, generator=torch_generator(1))
        return frechet_distance(images.flatten(1), made.flatten(1))

    before = distance()
    losses = training.run(images, rounds=100, batch_size=32, generator=torch_generator(0))
    assert distance() < before / 3
    assert losses.critic.shape == losses.generator.shape == (100,)
    assert training.rounds == 100


def test_a_class_that_is_asked_for_is_drawn():
    images, labels = bars(200)
    training = build(GAN, classes=2)
    training.run(images, labels, rounds=100, batch_size=32, generator=torch_generator(0))
    wish = torch.arange(100) % 2
    made = sample(training.generator, 100, labels=wish, generator=torch_generator(1))
    left = made[:, 0, :, :4].mean(dim=(1, 2)) > made[:, 0, :, 4:].mean(dim=(1, 2))
    assert (left == (wish == 0)).float().mean() > 0.95


def test_a_seed_repeats_training_and_sampling_to_the_bit():
    images, _ = bars(50)
    runs = []
    for _ in range(2):
        training = build(SHORT_WGAN)
        losses = training.run(images, rounds=5, batch_size=16, generator=torch_generator(0))
        runs.append((losses, sample(training.generator, 20, generator=torch_generator(1))))
        torch.rand(3)  # the global generator has no part in it
    assert torch.equal(runs[0][0].critic, runs[1][0].critic)
    assert torch.equal(runs[0][1], runs[1][1])
    other = sample(training.generator, 20, generator=torch_generator(2))
    assert not torch.equal(other, runs[1][1])


def test_a_run_in_two_parts_is_the_run_in_one():
    images, _ = bars(50)
    whole, parts = build(GAN), build(GAN)
    settings = {"batch_size": 16}
    losses = whole.run(images, rounds=6, generator=torch_generator(0), **settings)
    draw = torch_generator(0)
    halves = [parts.run(images, rounds=3, generator=draw, **settings) for _ in range(2)]
    assert torch.equal(losses.critic, torch.cat([half.critic for half in halves]))
    for one, other in zip(
        whole.generator.state_dict().values(), parts.generator.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    assert parts.rounds == 6


def test_one_wgan_round_is_the_algorithm_of_the_paper():
    """Against the same steps written out: two of the critic, then one of the generator."""
    images = bars(20)[0].double()
    training, peer = build(SHORT_WGAN), build(SHORT_WGAN)
    for network in (training.generator, training.critic, peer.generator, peer.critic):
        network.double()
    training.run(images, rounds=1, batch_size=10, generator=torch_generator(0))

    draw = torch_generator(0)
    made, critic = peer.generator, peer.critic
    slow = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.0, 0.9))
    for _ in range(2):
        real = images[torch.randperm(20, generator=draw)[:10]]
        fake = made(torch.randn(10, 8, generator=draw).double()).detach()
        mix = torch.rand(10, generator=draw).double().view(-1, 1, 1, 1)
        points = (mix * real + (1 - mix) * fake).requires_grad_()
        slopes = torch.autograd.grad(critic(points).sum(), points, create_graph=True)[0]
        penalty = 10 * ((slopes.square().sum(dim=(1, 2, 3)).sqrt() - 1) ** 2).mean()
        slow.zero_grad()
        (critic(fake).mean() - critic(real).mean() + penalty).backward()
        slow.step()
    quick = torch.optim.Adam(made.parameters(), lr=2e-3, betas=(0.0, 0.9))
    quick.zero_grad()
    (-critic(made(torch.randn(10, 8, generator=draw).double())).mean()).backward()
    quick.step()
    for name in ("generator", "critic"):
        ours, theirs = getattr(training, name), getattr(peer, name)
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


def test_a_loss_that_is_no_number_stops_with_its_step():
    """A weight is made infinite in the middle: the 70th round is the first to notice it."""
    images, _ = bars(20)
    training = build(GAN)
    training.run(images, rounds=69, batch_size=4, generator=torch_generator(0))
    with torch.no_grad():
        training.critic.score.bias.fill_(torch.inf)
    with pytest.raises(NonFiniteLossError, match="step 70") as caught:
        training.run(images, rounds=3, batch_size=4, generator=torch_generator(0))
    assert caught.value.step == 70


def test_sampling_leaves_the_mode_and_the_statistics_alone():
    network = generator(8, **SMALL)
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    sample(network, 30, generator=torch_generator(0), batch_size=7)
    assert network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    whole = sample(network, 30, generator=torch_generator(0))
    parts = sample(network, 30, generator=torch_generator(0), batch_size=7)
    torch.testing.assert_close(whole, parts)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (torch.zeros(20, 1, 16, 16), ValueError, "resize the pictures"),
        (torch.zeros(20, 3, 8, 8), ValueError, "N x 1 x 8 x 8"),
        (torch.zeros(20, 8, 8), ValueError, "N x C x H x W"),
        (torch.zeros(0, 1, 8, 8), ValueError, "N at least 1"),
        (torch.full((20, 1, 8, 8), 16.0), ValueError, "divide counts"),
        (torch.full((20, 1, 8, 8), -0.1), ValueError, "got -0.1"),
        (torch.full((20, 1, 8, 8), torch.nan), ValueError, "got nan"),
        (torch.zeros(20, 1, 8, 8, dtype=torch.uint8), TypeError, "uint8"),
        (torch.zeros(15, 1, 8, 8), ValueError, "a batch of 16 cannot be drawn from 15 pictures"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(images, error, message):
    training = build(GAN)
    before = [weight.clone() for weight in training.generator.parameters()]
    with pytest.raises(error, match=message):
        training.run(images, rounds=1, batch_size=16, generator=torch_generator(0))
    for weight, old in zip(training.generator.parameters(), before, strict=True):
        assert torch.equal(weight, old)


def test_other_arguments_that_do_not_fit_are_refused():
    images, labels = bars(20)
    draw = torch_generator(0)
    training = build(GAN)
    for rounds in (0, -1):
        with pytest.raises(ValueError, match="rounds start at 1"):
            training.run(images, rounds=rounds, batch_size=4, generator=draw)
    with pytest.raises(ValueError, match="from 1 to 20"):
        training.run(images, rounds=1, batch_size=0, generator=draw)
    with pytest.raises(ValueError, match="0 classes and got labels"):
        training.run(images, labels, rounds=1, batch_size=4, generator=draw)
    with pytest.raises(ValueError, match="2 classes and got no labels"):
        build(GAN, classes=2).run(images, rounds=1, batch_size=4, generator=draw)
    with pytest.raises(ValueError, match="must agree"):
        AdversarialTraining(generator(size=16), discriminator(), objective=GAN)
    for rate in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="rate must be positive"):
            build(GAN, rate=rate)
    with pytest.raises(ValueError, match="count of 0"):
        sample(training.generator, 0, generator=draw)
    with pytest.raises(ValueError, match="got no labels"):
        sample(build(GAN, classes=2).generator, 5, generator=draw)
