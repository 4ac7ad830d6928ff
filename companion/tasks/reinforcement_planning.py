"""Planning where everything is known: value iteration (Bellman, 1957)."""

import numpy as np


def value_iteration(
    transition: np.ndarray,
    reward: np.ndarray,
    *,
    discount: float,
    tolerance: float = 1e-8,
) -> np.ndarray:
    """Find the value of every action in every state of a Markov decision process.

    Repeats q(s, a) = r(s, a) + discount x sum over t of p(t | s, a) max over b of q(t, b), whose
    error shrinks by the discount each time.

    Args:
        transition: A x S x S, probability of each next state (last) after each action (first) in
            each state; a row of zeros ends an episode.
        reward: S x A, expected.
        discount: of the next step's reward, in [0, 1).
        tolerance: largest error of the result.

    Returns:
        q, S x A; the best action in each state is `q.argmax(axis=1)`.

    Raises:
        ValueError: shapes that do not fit, rows that are no probabilities, or a discount out of
            its range.

    Example:
        >>> forever = np.ones((1, 1, 1))
        >>> value_iteration(forever, np.array([[1.0]]), discount=0.9).round(4).tolist()
        [[10.0]]
    """
    transition, reward = np.asarray(transition, float), np.asarray(reward, float)
    if reward.ndim != 2 or transition.shape != (reward.shape[1], len(reward), len(reward)):
        raise ValueError(
            "transition is actions x states x states and reward states x actions, got "
            f"{transition.shape} and {reward.shape}"
        )
    sums = transition.sum(axis=2)
    if (transition < 0).any() or not (np.isclose(sums, 1) | (sums == 0)).all():
        raise ValueError("probabilities of the next state are not negative and sum to 1, or are 0")
    if not 0 <= discount < 1:
        raise ValueError(f"the discount must lie in [0, 1), got {discount}")
    q = np.zeros_like(reward)
    while True:
        better = reward + discount * (transition @ q.max(axis=1)).T
        change = np.abs(better - q).max()
        q = better
        if change * discount <= tolerance * (1 - discount):
            return q
