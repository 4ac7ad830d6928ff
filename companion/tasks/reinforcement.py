"""Learning to act by policy gradient with a learned baseline (Williams, 1992).

Actor and critic (Mnih et al., 2016, arXiv:1602.01783) in any vector environment of gymnasium that
restarts at once; advantages are estimated over several steps (Schulman et al., 2016,
arXiv:1506.02438). Small networks on small observations: everything is computed on the CPU.
"""

from typing import NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from torch.nn.functional import log_softmax, smooth_l1_loss

from companion.models.policy import PolicyNetwork


class Rollout(NamedTuple):
    """Some steps of several environments, T x B x ... each.

    Attributes:
        observations: T x B x inputs, what was seen before the action.
        actions: T x B, int64.
        rewards: T x B.
        following: T x B x inputs, what was seen after it, before any restart.
        terminated: T x B, bool: the episode is over and nothing can follow.
        ended: T x B, bool: terminated, or merely cut off; a new episode begins.
    """

    observations: torch.Tensor
    actions: torch.Tensor
    rewards: torch.Tensor
    following: torch.Tensor
    terminated: torch.Tensor
    ended: torch.Tensor


def advantages(
    rewards: torch.Tensor,
    values: torch.Tensor,
    following: torch.Tensor,
    terminated: torch.Tensor,
    ended: torch.Tensor,
    *,
    discount: float,
    trace: float,
) -> torch.Tensor:
    """Estimate how much better each action was than the policy's mean.

    One step's surprise is r + discount x v(after) - v(before), without the second term where the
    episode terminated; later surprises of the same episode count discount x trace less each step.

    Args:
        rewards: T x B.
        values: T x B, expected before each action.
        following: T x B, expected after it.
        terminated: T x B, bool.
        ended: T x B, bool.
        discount: of the next step's reward, in [0, 1].
        trace: 0 trusts the values, 1 the rewards seen.

    Returns:
        T x B.

    Example:
        >>> one, no = torch.ones(2, 1), torch.zeros(2, 1, dtype=torch.bool)
        >>> advantages(one, 0 * one, 0 * one, no, no, discount=0.5, trace=1.0).flatten().tolist()
        [1.5, 1.0]
    """
    surprises = rewards + discount * following * ~terminated - values
    result, later = torch.empty_like(surprises), torch.zeros_like(surprises[0])
    for step in range(len(surprises) - 1, -1, -1):
        later = surprises[step] + discount * trace * later * ~ended[step]
        result[step] = later
    return result


def policy_gradient_loss(
    logits: torch.Tensor, actions: torch.Tensor, advantages: torch.Tensor
) -> torch.Tensor:
    """A loss whose gradient is the policy gradient's estimate, with the sign turned.

    Args:
        logits: N x actions.
        actions: N, those that were taken by this policy.
        advantages: N; no gradient goes through them.
    """
    chosen = log_softmax(logits, dim=1).gather(1, actions[:, None]).squeeze(1)
    return -(advantages.detach() * chosen).mean()


def entropy(logits: torch.Tensor) -> torch.Tensor:
    """Mean entropy of N policies, in nats: 0 for one that is sure."""
    logs = log_softmax(logits, dim=1)
    return -(logs.exp() * logs).sum(dim=1).mean()


def train_policy(
    env: VectorEnv,
    network: PolicyNetwork,
    *,
    updates: int,
    rollout: int = 32,
    discount: float = 0.95,
    trace: float = 0.9,
    exploration: float = 0.01,
    learning_rate: float = 3e-3,
    clip: float = 0.5,
    seed: int = 0,
) -> np.ndarray:
    """Train a policy in place by actor and critic.

    The learning rate falls in a straight line to a tenth.

    Args:
        env: restarts in the same step (`AutoresetMode.SAME_STEP`), flat observations, numbered
            actions.
        network: with a value head, on the CPU.
        updates: steps of the optimiser (Adam), one after each rollout.
        rollout: steps of each environment between two updates.
        discount: of the next step's reward, in [0, 1).
        trace: as for `advantages`.
        exploration: weight of the policy's entropy, which keeps it from being sure too soon; it
            falls in a straight line to nothing.
        learning_rate: at the beginning.
        clip: longest norm of all gradients together.
        seed: of environment and actions.

    Returns:
        Mean reward per step in each rollout, `updates` values.

    Raises:
        ValueError: the environment or the network does not fit, or `updates` or `rollout` is
            below 1.
    """
    check_environment(env)
    if network.critic is None:
        raise ValueError("the network has no value head; build it with value=True")
    if updates < 1 or rollout < 1:
        raise ValueError(f"updates and rollout start at 1, got {updates} and {rollout}")
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, updates)
    observations, _ = env.reset(seed=seed)
    curve = []
    for update in range(updates):
        steps, observations = collect(env, network, observations, rollout, generator)
        logits, values = network(steps.observations.flatten(0, 1))
        with torch.no_grad():
            following = network(steps.following.flatten(0, 1))[1].view_as(steps.rewards)
        better = advantages(
            steps.rewards,
            values.detach().view_as(steps.rewards),
            following,
            steps.terminated,
            steps.ended,
            discount=discount,
            trace=trace,
        ).flatten()
        targets = better + values.detach()
        scaled = (better - better.mean()) / (better.std() + 1e-6)
        loss = policy_gradient_loss(logits, steps.actions.flatten(), scaled)
        loss = loss + 0.5 * smooth_l1_loss(values, targets)
        loss = loss - exploration * (1 - update / updates) * entropy(logits)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()
        schedule.step()
        curve.append(steps.rewards.mean())
    return torch.stack(curve).numpy()


@torch.no_grad()
def collect(
    env: VectorEnv,
    network: PolicyNetwork,
    observations: np.ndarray,
    steps: int,
    generator: torch.Generator,
) -> tuple[Rollout, np.ndarray]:
    """Let a policy act for some steps, each action drawn by its probability.

    Args:
        env: as for `train_policy`.
        network: the policy.
        observations: the newest, B x inputs.
        steps: of each environment.
        generator: of the actions.

    Returns:
        What happened, and the newest observations.
    """
    rows = []
    for _ in range(steps):
        seen = torch.as_tensor(observations, dtype=torch.float32)
        probs = network(seen)[0].softmax(dim=1)
        actions = torch.multinomial(probs, 1, generator=generator).squeeze(1)
        observations, *outcome = step(env, actions.numpy())
        rows.append((seen, actions, *outcome))
    return Rollout(*(torch.stack(column) for column in zip(*rows, strict=True))), observations


def step(
    env: VectorEnv, actions: np.ndarray
) -> tuple[np.ndarray, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Act once, and keep apart what followed the action and what a restart shows.

    Returns:
        Observations to act on next, B x inputs; rewards, B; what followed, B x inputs; terminated
        and ended, B.
    """
    observations, rewards, terminated, truncated, infos = env.step(actions)
    ended = terminated | truncated
    following = np.asarray(observations, np.float32).copy()
    if ended.any():
        following[ended] = np.stack(list(infos["final_obs"][ended]))
    return (
        observations,
        torch.as_tensor(rewards, dtype=torch.float32),
        torch.from_numpy(following),
        torch.as_tensor(terminated),
        torch.as_tensor(ended),
    )


@torch.no_grad()
def act(network: torch.nn.Module, observations: np.ndarray) -> np.ndarray:
    """The action that a policy finds likeliest, or a Q-network best, for each observation.

    Args:
        network: gives logits and values, or the actions' values.
        observations: B x inputs.

    Returns:
        B, int64.
    """
    outputs = network(torch.as_tensor(observations, dtype=torch.float32))
    scores = outputs[0] if isinstance(outputs, tuple) else outputs
    return scores.argmax(dim=1).numpy()


def check_environment(env: VectorEnv) -> tuple[int, int]:
    """How many numbers an observation has, and how many actions there are.

    Raises:
        ValueError: `env` is not of the kind that is learnt in here.
    """
    inside, choices = env.single_observation_space, env.single_action_space
    if not isinstance(inside, spaces.Box) or len(inside.shape) != 1:
        raise ValueError(f"observations must be a Box of one dimension, got {inside}")
    if not isinstance(choices, spaces.Discrete) or choices.start != 0:
        raise ValueError(f"actions must be Discrete, counted from 0, got {choices}")
    mode = env.metadata.get("autoreset_mode")
    if mode != AutoresetMode.SAME_STEP:
        raise ValueError(
            f"the environment must restart in the same step (AutoresetMode.SAME_STEP), got {mode}"
        )
    return inside.shape[0], int(choices.n)
