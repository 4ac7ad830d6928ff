"""Deep Q-learning (Mnih et al., 2015, doi:10.1038/nature14236).

A network of the actions' values, a memory of what happened, a target network that follows slowly.
With a discount of 0 only the reward of the next step counts, and it is a contextual bandit.
"""

import copy

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from torch import nn
from torch.nn.functional import smooth_l1_loss

from companion.tasks.reinforcement import act, check_environment, step


class ReplayBuffer:
    """The newest transitions, drawn from at random.

    Args:
        capacity: number of transitions; after that the oldest are overwritten.
        inputs: numbers in an observation.

    Raises:
        ValueError: a size below 1.

    Example:
        >>> buffer = ReplayBuffer(4, 2)
        >>> len(buffer)
        0
    """

    def __init__(self, capacity: int, inputs: int):
        if min(capacity, inputs) < 1:
            raise ValueError(f"capacity and inputs start at 1, got {capacity} and {inputs}")
        self.capacity = capacity
        self._columns = (
            torch.zeros(capacity, inputs),
            torch.zeros(capacity, dtype=torch.int64),
            torch.zeros(capacity),
            torch.zeros(capacity, inputs),
            torch.zeros(capacity, dtype=torch.bool),
        )
        self._added = 0

    def __len__(self) -> int:
        """Transitions that can be drawn."""
        return min(self._added, self.capacity)

    def add(self, *columns: torch.Tensor) -> None:
        """Add B transitions: observations, actions, rewards, following, terminated."""
        count = len(columns[0])
        if count > self.capacity:
            raise ValueError(f"{count} transitions at once do not fit into {self.capacity}")
        rows = torch.arange(self._added, self._added + count) % self.capacity
        for kept, new in zip(self._columns, columns, strict=True):
            kept[rows] = new
        self._added += count

    def sample(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """Draw `count` transitions, with replacement: the five columns of `add`.

        Raises:
            ValueError: the memory is still empty.
        """
        if not len(self):
            raise ValueError("nothing was added yet that could be drawn")
        rows = torch.randint(len(self), (count,), generator=generator)
        return tuple(column[rows] for column in self._columns)


def q_targets(
    network: nn.Module,
    target: nn.Module,
    rewards: torch.Tensor,
    following: torch.Tensor,
    terminated: torch.Tensor,
    *,
    discount: float,
) -> torch.Tensor:
    """What each action's value should have been, by the reward seen and what may follow.

    The network chooses the next action and the target network values it, since the largest of
    noisy values is too large (van Hasselt, Guez and Silver, 2016, arXiv:1509.06461).

    Args:
        network: the one that learns.
        target: its slow copy.
        rewards: N.
        following: N x inputs.
        terminated: N, bool: nothing follows.
        discount: of the next step's reward.

    Returns:
        N, without gradient.
    """
    with torch.no_grad():
        best = network(following).argmax(dim=1, keepdim=True)
        later = target(following).gather(1, best).squeeze(1)
        return rewards + discount * later * ~terminated


def train_q(
    env: VectorEnv,
    network: nn.Module,
    *,
    steps: int,
    discount: float = 0.95,
    exploration: tuple[float, float] = (1.0, 0.02),
    exploring: float = 0.5,
    capacity: int = 50_000,
    batch_size: int = 256,
    follow: float = 0.01,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> np.ndarray:
    """Train a Q-network in place; after each step of all environments comes one of Adam.

    Args:
        env: as for `companion.tasks.reinforcement.train_policy`.
        network: from observations to the actions' values, on the CPU.
        steps: of each environment.
        discount: of the next step's reward, in [0, 1); 0 for a bandit.
        exploration: share of random actions at the beginning and at the end.
        exploring: share of the steps in which that share falls, in a straight line.
        capacity: of the memory, transitions.
        batch_size: transitions drawn for each step of the optimiser.
        follow: how far the target network moves towards the network in each step, in (0, 1].
        learning_rate: at the beginning; it falls in a straight line to a tenth.
        seed: of environment, exploration and memory.

    Returns:
        Mean reward of each step, `steps` values, random actions included.

    Raises:
        ValueError: the environment does not fit, or `steps` is below 1.
    """
    inputs, actions_of = check_environment(env)
    if steps < 1:
        raise ValueError(f"steps start at 1, got {steps}")
    generator = torch.Generator().manual_seed(seed)
    buffer, target = ReplayBuffer(capacity, inputs), copy.deepcopy(network).requires_grad_(False)
    weights, slow = list(network.parameters()), list(target.parameters())
    optimizer = torch.optim.Adam(weights, lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, steps)
    observations, _ = env.reset(seed=seed)
    curve = []
    for number in range(steps):
        share = np.interp(number / steps, [0, exploring], exploration)
        best = torch.from_numpy(act(network, observations))
        random = torch.randint(actions_of, best.shape, generator=generator)
        explore = torch.rand(best.shape, generator=generator) < share
        actions = torch.where(explore, random, best)
        seen = torch.as_tensor(observations, dtype=torch.float32)
        observations, rewards, following, terminated, _ = step(env, actions.numpy())
        buffer.add(seen, actions, rewards, following, terminated)
        curve.append(rewards.mean())

        seen, actions, rewards, following, terminated = buffer.sample(batch_size, generator)
        wanted = q_targets(network, target, rewards, following, terminated, discount=discount)
        loss = smooth_l1_loss(network(seen).gather(1, actions[:, None]).squeeze(1), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for behind, ahead in zip(slow, weights, strict=True):
                behind.lerp_(ahead, follow)
    return torch.stack(curve).numpy()
