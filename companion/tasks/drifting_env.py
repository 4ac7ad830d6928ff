"""Drifting streams as gymnasium environments (Towers et al., 2024, arXiv:2407.17032).

One stream, or many at once: `companion.tasks.drifting_streams` for learners that speak gymnasium's
language.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from companion.tasks.drifting_scenes import Drift
from companion.tasks.drifting_streams import Streams, Table

_METADATA: dict[str, Any] = {"render_modes": []}


class DriftingEnv(gymnasium.Env[np.ndarray, np.int64]):
    """Choose the setting for the next frame of one stream.

    An observation is (width,) float32 in [0, 1]: nine statistics of the newest picture, their
    running mean, and a 1 for the setting that is on among the settings. An action is the number of
    a setting. The reward is 1 for a frame that is recognised; a frame at which the setting changes
    is lost. An episode never terminates; it is cut off (truncated) after `frames`.

    Args:
        table: as `tabulate` gives it.
        drift: how scenes follow each other.
        frames: after which an episode is cut off.
        **settings: as for `Streams`: memory, lossless.

    Raises:
        ValueError: `frames` below 1, or as `Streams` says.
    """

    metadata = _METADATA

    def __init__(self, table: Table, drift: Drift, *, frames: int = 200, **settings: Any):
        self._frames = _checked(frames)
        self.streams = Streams(table, drift, **settings)
        self.observation_space, self.action_space = _spaces(self.streams)
        self._done = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin a new episode, in any scene and with any setting."""
        super().reset(seed=seed)
        self._done = 0
        return self.streams.reset(self.np_random)[0], self._info()

    def step(self, action: int | np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Choose the setting, and see the next frame.

        Raises:
            RuntimeError: `reset` was not called before.
            ValueError: the action is no number of a setting.
        """
        observations, rewards = self.streams.step(np.asarray(action)[None])
        self._done += 1
        return observations[0], float(rewards[0]), False, self._done >= self._frames, self._info()

    def _info(self) -> dict[str, Any]:
        """The truth, for measuring; a learner must not use it."""
        return {"scene": self.streams.drift.scenes[int(self.streams.state[0])]}


class DriftingVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """The same for many streams, which all end together and begin again in the same step.

    Args:
        table: as `tabulate` gives it.
        drift: how scenes follow each other.
        num_envs: number of streams.
        frames: after which an episode is cut off.
        **settings: as for `Streams`: memory, lossless.

    Raises:
        ValueError: `frames` below 1, or as `Streams` says.
    """

    metadata = _METADATA | {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        table: Table,
        drift: Drift,
        num_envs: int = 64,
        *,
        frames: int = 200,
        **settings: Any,
    ):
        self._frames = _checked(frames)
        self.streams = Streams(table, drift, num_envs, **settings)
        self.num_envs = num_envs
        self.single_observation_space, self.single_action_space = _spaces(self.streams)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._done = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin new episodes."""
        super().reset(seed=seed)
        self._done = 0
        return self.streams.reset(self.np_random), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Choose each stream's setting, and see the next frames.

        At the end of the episodes the observations are the first of new ones, and
        `info["final_obs"]` has the last.

        Raises:
            RuntimeError: `reset` was not called before.
            ValueError: an action is no number of a setting.
        """
        observations, rewards = self.streams.step(actions)
        self._done += 1
        over, info = self._done >= self._frames, {}
        if over:
            info = {"final_obs": observations, "_final_obs": np.ones(self.num_envs, bool)}
            self._done, observations = 0, self.streams.reset(self.np_random)
        terminated, truncated = np.zeros(self.num_envs, bool), np.full(self.num_envs, over)
        return observations, rewards, terminated, truncated, info


def _spaces(streams: Streams) -> tuple[spaces.Box, spaces.Discrete]:
    return (
        spaces.Box(0.0, 1.0, (streams.width,), np.float32),
        spaces.Discrete(len(streams.table.settings)),
    )


def _checked(frames: int) -> int:
    if frames < 1:
        raise ValueError(f"an episode has at least 1 frame, got {frames}")
    return frames
