"""Losses and the gradient penalty, against definitions, closed forms and finite differences."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.func import grad, vmap
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from companion.models.dcgan import discriminator
from companion.seeding import torch_generator
from companion.tasks.generation_losses import GAN, WGAN_GP, gradient_penalty


@pytest.fixture
def pictures():
    drawn = torch.rand(2, 12, 1, 8, 8, generator=torch_generator(0), dtype=torch.float64)
    mix = torch.rand(12, generator=torch_generator(1), dtype=torch.float64)
    return *drawn, mix


def test_gan_losses_are_cross_entropies():
    real, fake = torch.randn(2, 50, generator=torch_generator(0)) * 5
    ones, zeros = torch.ones(50), torch.zeros(50)
    expected = cross_entropy(real, ones) + cross_entropy(fake, zeros)
    torch.testing.assert_close(GAN.critic(real, fake), expected)
    torch.testing.assert_close(GAN.generator(fake), cross_entropy(fake, ones))


def test_a_discriminator_that_knows_nothing_pays_two_bits():
    nothing = torch.zeros(5)
    assert GAN.critic(nothing, nothing).item() == pytest.approx(2 * math.log(2))


def test_wgan_losses_pull_the_means_apart():
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([-1.0, 0.0])
    assert WGAN_GP.critic(real, fake).item() == -2.5
    assert WGAN_GP.generator(fake).item() == 0.5


def test_the_penalty_of_a_linear_critic_is_its_slope_less_one_squared(pictures):
    real, fake, mix = pictures
    weights = torch.randn(64, generator=torch_generator(2), dtype=torch.float64)

    def critic(images):
        return images.flatten(1) @ weights

    expected = (weights.norm() - 1) ** 2
    torch.testing.assert_close(gradient_penalty(critic, real, fake, mix), expected)


def test_the_penalty_equals_torch_func_and_finite_differences(pictures):
    real, fake, mix = pictures
    torch.manual_seed(0)
    critic = discriminator(norm="none").double()
    measured = gradient_penalty(critic, real, fake, mix).detach()

    points = mix.view(-1, 1, 1, 1) * real + (1 - mix.view(-1, 1, 1, 1)) * fake
    slopes = vmap(grad(lambda image: critic(image[None])[0]))(points).flatten(1)
    torch.testing.assert_close(measured, (slopes.norm(dim=1) - 1).square().mean())

    with torch.no_grad():
        steps = 1e-6 * torch.eye(64, dtype=torch.float64).view(64, 1, 8, 8)
        rises = [(critic(point + steps) - critic(point - steps)) / 2e-6 for point in points]
    differences = torch.stack(rises).norm(dim=1)
    expected = (differences - 1).square().mean()
    torch.testing.assert_close(measured, expected, rtol=1e-5, atol=1e-8)


def test_the_penalty_can_be_trained_away(pictures):
    real, fake, mix = pictures
    critic = nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0)).double()
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        gradient_penalty(critic, real, fake, mix).backward()
        optimizer.step()
    assert critic[1].weight.norm().item() == pytest.approx(1, abs=1e-3)


def test_what_does_not_fit_is_refused(pictures):
    real, fake, mix = pictures
    for broken in ((real[:3], fake, mix), (real, fake, mix[:3]), (real, fake, mix[:, None])):
        with pytest.raises(ValueError, match="as many real as generated"):
            gradient_penalty(discriminator(norm="none"), *broken)
    for settings in ({"critic_steps": 0}, {"generator_steps": 0}):
        with pytest.raises(ValueError, match="at least one step"):
            replace(GAN, **settings)
    for weight in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="weight"):
            replace(GAN, penalty=weight)
