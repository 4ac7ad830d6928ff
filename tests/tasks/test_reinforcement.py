"""Policy gradient, Q-learning and planning, on problems whose answer is known."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from companion.models.policy import policy_network, q_network
from companion.tasks.reinforcement import (
    Rollout,
    act,
    advantages,
    collect,
    entropy,
    policy_gradient_loss,
    train_policy,
)
from companion.tasks.reinforcement_planning import value_iteration
from companion.tasks.reinforcement_q import ReplayBuffer, q_targets, train_q

DISCOUNT = 0.9
LENGTH = 4
# A corridor of four rooms. Action 0 takes a small coin and leads back to the first room; action 1
# goes on and pays nothing until, from the last room, it pays 5 and leads back as well. Whoever
# looks one step ahead takes the coin for ever.
TRANSITION = np.zeros((2, LENGTH, LENGTH))
TRANSITION[0, :, 0] = 1
TRANSITION[1, np.arange(LENGTH), (np.arange(LENGTH) + 1) % LENGTH] = 1
REWARD = np.zeros((LENGTH, 2))
REWARD[:, 0], REWARD[-1, 1] = 0.2, 5.0


class Corridor(gymnasium.Env):
    """The corridor, cut off after some steps, or terminated at its end."""

    def __init__(self, steps=20, terminates=False):
        self.observation_space = spaces.Box(0, 1, (LENGTH,), np.float32)
        self.action_space = spaces.Discrete(2)
        self.steps, self.terminates = steps, terminates

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.room, self.done = int(self.np_random.integers(LENGTH)), 0
        return self.look(), {}

    def look(self):
        return np.eye(LENGTH, dtype=np.float32)[self.room]

    def step(self, action):
        reward = REWARD[self.room, action]
        over = self.terminates and action == 1 and self.room == LENGTH - 1
        self.room = int(TRANSITION[action, self.room].argmax())
        self.done += 1
        return self.look(), reward, over, self.done >= self.steps, {}


def corridors(count=8, **settings):
    return SyncVectorEnv(
        [lambda: Corridor(**settings)] * count, autoreset_mode=AutoresetMode.SAME_STEP
    )


def test_value_iteration_solves_the_corridor():
    q = value_iteration(TRANSITION, REWARD, discount=DISCOUNT)
    round_trip = 5 * DISCOUNT**3 / (1 - DISCOUNT**4)
    assert q.argmax(axis=1).tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(q[0, 1], round_trip, atol=1e-6)
    np.testing.assert_allclose(q[:, 0], 0.2 + DISCOUNT * round_trip, atol=1e-6)
    short = value_iteration(TRANSITION, REWARD, discount=0.3)
    assert short.argmax(axis=1).tolist() == [0, 1, 1, 1]


def test_value_iteration_equals_linear_algebra_for_the_best_of_all_policies():
    generator = np.random.default_rng(0)
    transition = generator.dirichlet(np.ones(3), size=(2, 3))
    reward = generator.normal(size=(3, 2))
    best = np.full(3, -np.inf)
    for number in range(2**3):
        rule = [number >> state & 1 for state in range(3)]
        matrix = np.stack([transition[action, state] for state, action in enumerate(rule)])
        gain = np.array([reward[state, action] for state, action in enumerate(rule)])
        best = np.maximum(best, np.linalg.solve(np.eye(3) - 0.95 * matrix, gain))
    q = value_iteration(transition, reward, discount=0.95)
    np.testing.assert_allclose(q.max(axis=1), best, atol=1e-6)


def test_the_policy_gradient_is_that_of_the_expected_reward_on_two_arms():
    """Estimates over many pulls agree with the exact gradient, by finite differences."""
    pays = torch.tensor([0.3, 0.8], dtype=torch.float64)

    def expected(logits):
        return (torch.softmax(logits, dim=0) * pays).sum()

    logits = torch.tensor([0.4, -0.2], dtype=torch.float64, requires_grad=True)
    step = 1e-5 * torch.eye(2, dtype=torch.float64)
    with torch.no_grad():
        exact = torch.stack([expected(logits + s) - expected(logits - s) for s in step]) / 2e-5
    (autograd,) = torch.autograd.grad(expected(logits), logits)
    torch.testing.assert_close(autograd, exact, atol=1e-8, rtol=0)

    pulls = 200_000
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        arms = torch.multinomial(logits.softmax(0), pulls, replacement=True, generator=generator)
    paid = (torch.rand(pulls, generator=generator, dtype=torch.float64) < pays[arms]).double()
    for baseline in (0.0, 0.5):  # a baseline changes the spread and not the mean
        loss = policy_gradient_loss(logits.expand(pulls, 2), arms, paid - baseline)
        (estimate,) = torch.autograd.grad(-loss, logits)
        torch.testing.assert_close(estimate, exact, atol=0.005, rtol=0)


def test_advantages_are_the_sums_of_later_surprises():
    generator = torch.Generator().manual_seed(0)
    rewards, values, following = torch.rand(3, 7, 2, generator=generator)
    terminated = torch.zeros(7, 2, dtype=torch.bool)
    terminated[2, 0] = True
    ended = terminated.clone()
    ended[4, 1] = True
    result = advantages(rewards, values, following, terminated, ended, discount=0.9, trace=0.8)
    for column in range(2):
        for first in range(7):
            total, weight = 0.0, 1.0
            for step in range(first, 7):
                after = 0.0 if terminated[step, column] else following[step, column]
                total += weight * (rewards[step, column] + 0.9 * after - values[step, column])
                if ended[step, column]:
                    break
                weight *= 0.9 * 0.8
            assert result[first, column] == pytest.approx(float(total), abs=1e-5)


def test_entropy_is_that_of_torch():
    logits = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    expected = torch.distributions.Categorical(logits=logits).entropy().mean()
    torch.testing.assert_close(entropy(logits), expected)


def test_a_rollout_keeps_the_end_of_an_episode_apart_from_the_next_beginning():
    env = corridors(3, steps=4)
    torch.manual_seed(0)
    network = policy_network(LENGTH, 2)
    observations, _ = env.reset(seed=0)
    rollout, newest = collect(env, network, observations, 9, torch.Generator().manual_seed(0))
    assert rollout.ended.any(dim=1).tolist() == [False, False, False, True] * 2 + [False]
    assert not rollout.terminated.any()
    rooms, after = rollout.observations.argmax(dim=2), rollout.following.argmax(dim=2)
    expected = torch.from_numpy(TRANSITION).argmax(dim=2)[rollout.actions, rooms]
    assert torch.equal(after, expected)
    assert torch.equal(after[0], rooms[1])
    np.testing.assert_array_equal(newest.argmax(axis=1), after[-1])
    paid = torch.from_numpy(REWARD)[rooms, rollout.actions]
    torch.testing.assert_close(rollout.rewards, paid.float())
    assert isinstance(rollout, Rollout)


def test_the_policy_gradient_learns_to_wait_for_the_larger_reward():
    torch.manual_seed(0)
    network = policy_network(LENGTH, 2)
    curve = train_policy(corridors(), network, updates=150, rollout=20, learning_rate=1e-2)
    assert act(network, np.eye(LENGTH, dtype=np.float32)).tolist() == [1, 1, 1, 1]
    assert curve[-10:].mean() > 1.0 > curve[:5].mean()


@pytest.mark.parametrize("terminates", [False, True])
def test_q_learning_reaches_the_values_of_value_iteration(terminates):
    """An end counts as one, and being cut off does not: else the values would be smaller."""
    transition = TRANSITION.copy()
    if terminates:
        transition[1, -1] = 0
    exact = value_iteration(transition, REWARD, discount=DISCOUNT)
    torch.manual_seed(0)
    network = q_network(LENGTH, 2)
    env = corridors(steps=5, terminates=terminates)
    settings = {"discount": DISCOUNT, "exploration": (1.0, 1.0), "learning_rate": 3e-3}
    train_q(env, network, steps=1000, follow=0.1, **settings)
    with torch.no_grad():
        learnt = network(torch.eye(LENGTH)).numpy()
    np.testing.assert_allclose(learnt, exact, rtol=0.04)


def test_without_a_future_q_learning_is_a_bandit():
    torch.manual_seed(0)
    network = q_network(LENGTH, 2)
    settings = {"exploration": (1.0, 1.0), "learning_rate": 3e-3}
    train_q(corridors(), network, steps=800, discount=0.0, **settings)
    with torch.no_grad():
        np.testing.assert_allclose(network(torch.eye(LENGTH)), REWARD, atol=0.08)


def test_targets_are_those_of_a_slow_reference():
    torch.manual_seed(0)
    network, target = q_network(LENGTH, 3), q_network(LENGTH, 3)
    rewards, following = torch.rand(5), torch.rand(5, LENGTH)
    terminated = torch.tensor([False, True, False, True, False])
    wanted = q_targets(network, target, rewards, following, terminated, discount=0.7)
    assert not wanted.requires_grad
    for row in range(5):
        seen = following[row : row + 1]
        with torch.no_grad():
            best, values = int(network(seen).argmax()), target(seen)[0]
        later = 0 if terminated[row] else 0.7 * float(values[best])
        assert wanted[row] == pytest.approx(float(rewards[row]) + later, abs=1e-6)


def test_the_memory_keeps_the_newest_and_draws_rows_whole():
    buffer, generator = ReplayBuffer(10, 1), torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match="nothing was added yet"):
        buffer.sample(3, generator)
    for first in range(0, 16, 4):
        numbers = torch.arange(first, first + 4)
        seen = numbers[:, None].float()
        buffer.add(seen, numbers, numbers * 2.0, seen + 1, numbers % 2 == 0)
    assert len(buffer) == 10
    seen, actions, rewards, following, terminated = buffer.sample(500, generator)
    assert set(actions.tolist()) == set(range(6, 16))
    assert torch.equal(seen.squeeze(1).long(), actions)
    assert torch.equal(rewards, actions * 2.0)
    assert torch.equal(following, seen + 1)
    assert torch.equal(terminated, actions % 2 == 0)
    with pytest.raises(ValueError, match="do not fit into 10"):
        buffer.add(*(torch.zeros(11, *column.shape[1:]) for column in (seen, actions)))
    with pytest.raises(ValueError, match="start at 1"):
        ReplayBuffer(0, 1)


@pytest.mark.parametrize("kind", ["policy", "q"])
def test_seeds_reproduce(kind):
    curves, weights = [], []
    for seed in (1, 1, 2):
        torch.manual_seed(0)
        if kind == "policy":
            network = policy_network(LENGTH, 2)
            curves.append(train_policy(corridors(), network, updates=5, seed=seed).tolist())
        else:
            network = q_network(LENGTH, 2)
            curves.append(train_q(corridors(), network, steps=50, seed=seed).tolist())
        weights.append(torch.cat([weight.flatten() for weight in network.parameters()]))
    assert curves[0] == curves[1] != curves[2]
    assert torch.equal(weights[0], weights[1])


def test_environments_that_do_not_fit_are_refused():
    network = policy_network(LENGTH, 2)
    next_step = SyncVectorEnv([Corridor])
    with pytest.raises(ValueError, match="restart in the same step"):
        train_policy(next_step, network, updates=1)
    with pytest.raises(ValueError, match="restart in the same step"):
        train_q(next_step, q_network(LENGTH, 2), steps=1)
    with pytest.raises(ValueError, match="no value head"):
        train_policy(corridors(), policy_network(LENGTH, 2, value=False), updates=1)
    with pytest.raises(ValueError, match="start at 1, got 0"):
        train_policy(corridors(), network, updates=0)
    with pytest.raises(ValueError, match="start at 1, got 0"):
        train_q(corridors(), q_network(LENGTH, 2), steps=0)
    env = corridors()
    env.single_action_space = spaces.Box(0, 1, (2,))
    with pytest.raises(ValueError, match="must be Discrete"):
        train_policy(env, network, updates=1)
    env = corridors()
    env.single_observation_space = spaces.Box(0, 1, (2, 2))
    with pytest.raises(ValueError, match="Box of one dimension"):
        train_q(env, q_network(LENGTH, 2), steps=1)


def test_impossible_decision_processes_are_refused():
    with pytest.raises(ValueError, match="actions x states x states"):
        value_iteration(TRANSITION[0], REWARD, discount=0.9)
    with pytest.raises(ValueError, match="sum to 1"):
        value_iteration(TRANSITION * 0.5, REWARD, discount=0.9)
    with pytest.raises(ValueError, match=r"discount must lie in \[0, 1\), got 1"):
        value_iteration(TRANSITION, REWARD, discount=1)
