"""Networks that act: a policy with or without a value head, and a Q-network."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from companion.models.mlp import mlp


class Standardise(nn.Module):
    """Shift and scale each input by the mean and deviation of a sample, kept with the weights.

    Args:
        inputs: number of inputs.
        sample: N x inputs, N at least 2; None leaves inputs as they are. An input that does not
            vary in the sample is only shifted.

    Raises:
        ValueError: a sample of another shape.
    """

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, inputs: int, sample: torch.Tensor | None = None):
        super().__init__()
        mean, spread = torch.zeros(inputs), torch.ones(inputs)
        if sample is not None:
            sample = torch.as_tensor(sample, dtype=torch.float32)
            if sample.ndim != 2 or sample.shape[1] != inputs or len(sample) < 2:
                raise ValueError(
                    f"the sample must be N x {inputs} with N at least 2, got {tuple(sample.shape)}"
                )
            mean, deviation = sample.mean(dim=0), sample.std(dim=0)
            spread = torch.where(deviation > 1e-6, deviation, 1.0)
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Standardise N x inputs."""
        return (inputs - self.mean) / self.spread


class PolicyNetwork(nn.Module):
    """A policy, and what it expects: two networks that share no weights.

    Args:
        inputs: numbers in an observation.
        actions: to choose from.
        hidden: outputs of each hidden layer.
        value: whether there is a value head, the baseline of a policy gradient.
        persistence: for actions that stay on, where the last inputs, one for each action, say
            which one is: the actor sees the other inputs, and this much, which is learnt from
            there, is added to the logit of the action that is on. None for a plain actor.
        sample: observations to standardise by, N x inputs; None leaves them as they are.

    Raises:
        ValueError: a size below 1, or a sample of another shape.
    """

    def __init__(
        self,
        inputs: int,
        actions: int,
        *,
        hidden: Sequence[int] = (64,),
        value: bool = True,
        persistence: float | None = None,
        sample: torch.Tensor | None = None,
    ):
        super().__init__()
        self.standardise = Standardise(inputs, sample)
        self.seen = inputs if persistence is None else inputs - actions
        self.actor = mlp(self.seen, hidden, actions, activation=nn.Tanh)
        self.critic = mlp(inputs, hidden, 1, activation=nn.Tanh) if value else None
        self.persistence = (
            None if persistence is None else nn.Parameter(torch.tensor(float(persistence)))
        )
        with torch.no_grad():  # begin with all actions nearly equally likely
            self.actor[-1].get_parameter("weight").mul_(0.01)
            self.actor[-1].get_parameter("bias").zero_()

    def forward(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Map observations, N x inputs, to logits, N x actions, and values, N, or None."""
        standard = self.standardise(observations)
        values = None if self.critic is None else self.critic(standard).squeeze(1)
        logits = self.actor(standard[:, : self.seen])
        if self.persistence is not None:
            logits = logits + self.persistence * observations[:, self.seen :]
        return logits, values


def policy_network(inputs: int, actions: int, **settings: Any) -> PolicyNetwork:
    """Build a policy for observations of a few numbers.

    Args:
        inputs: numbers in an observation.
        actions: to choose from.
        **settings: the other arguments of `PolicyNetwork`.

    Returns:
        A network from observations, N x inputs, to logits, N x actions, and values, N.

    Raises:
        ValueError: a size below 1, or a sample of another shape.

    Example:
        >>> logits, values = policy_network(4, 2)(torch.zeros(3, 4))
        >>> logits.shape, values.shape
        (torch.Size([3, 2]), torch.Size([3]))
    """
    return PolicyNetwork(inputs, actions, **settings)


def q_network(
    inputs: int,
    actions: int,
    *,
    hidden: Sequence[int] = (64,),
    sample: torch.Tensor | None = None,
) -> nn.Sequential:
    """Build a network that gives every action's value.

    Args:
        inputs: numbers in an observation.
        actions: to choose from.
        hidden: outputs of each hidden layer.
        sample: observations to standardise by, N x inputs; None leaves them as they are.

    Returns:
        A network from observations, N x inputs, to values, N x actions.

    Raises:
        ValueError: a size below 1, or a sample of another shape.

    Example:
        >>> q_network(4, 2)(torch.zeros(3, 4)).shape
        torch.Size([3, 2])
    """
    return nn.Sequential(Standardise(inputs, sample), mlp(inputs, hidden, actions))
