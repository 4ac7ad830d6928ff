"""Streams of pictures under a drifting scene, many at once, and a recogniser that looks at them.

What the recogniser makes of each picture in each scene at each setting is worked out once, in
batches; after that a step of a thousand streams is a few look-ups in a table.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from companion.tasks.drifting_scenes import SCENES, Drift, Scene, check_images, degrade
from companion.tasks.drifting_settings import SETTINGS, STATISTICS, Setting, describe
from companion.training import predict


class Table(NamedTuple):
    """What a fixed recogniser makes of pictures in all scenes at all settings.

    Attributes:
        right: S x A x N, bool: whether picture n is recognised in scene s at setting a.
        statistics: S x N x 9, float32: what the pixels tell before any setting.
        scenes: names, S.
        settings: names, A.
    """

    right: np.ndarray
    statistics: np.ndarray
    scenes: tuple[str, ...]
    settings: tuple[str, ...]

    def accuracy(self) -> np.ndarray:
        """Share of the pictures that are recognised, S x A."""
        return self.right.mean(axis=2)


def tabulate(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    settings: Mapping[str, Setting] = SETTINGS,
    scenes: Mapping[str, Scene] = SCENES,
    generator: torch.Generator | None = None,
) -> Table:
    """Let a recogniser look at every picture in every scene at every setting.

    Args:
        model: the recogniser, from images to logits; it is not changed.
        images: N x 1 x H x W in [0, 1], pictures that it was not trained with.
        labels: N, the true classes.
        settings: the menu, by name.
        scenes: by name.
        generator: of the noise, on the CPU.

    Raises:
        ValueError: no images, settings or scenes, or another number of labels than images.
    """
    check_images(images)
    if len(labels) != len(images):
        raise ValueError(f"got {len(labels)} labels for {len(images)} images; give one per image")
    if not settings or not scenes:
        raise ValueError(f"got {len(settings)} settings and {len(scenes)} scenes; give one or more")
    right, statistics = [], []
    for scene in scenes.values():
        seen = degrade(images.cpu(), scene, generator=generator)
        statistics.append(describe(seen))
        logits = predict(model, torch.cat([prepare(seen) for prepare in settings.values()]))
        found = logits.argmax(dim=1).view(len(settings), -1)
        right.append(found == labels.cpu())
    return Table(
        torch.stack(right).numpy(),
        torch.stack(statistics).numpy(),
        tuple(scenes),
        tuple(settings),
    )


class Streams:
    """Several streams of pictures, each under its own drift and with its own setting.

    An action chooses the setting for the *next* frame. Where it changes the setting, that frame is
    lost: nothing is recognised while filters are exchanged. The reward is 1 for a frame that is
    recognised, 0 for one that is not or is lost.

    What is observed: the statistics of the newest picture, their running mean, and which setting is
    on. The scene is never observed. Scenes and pictures do not depend on the actions, so streams
    from equal generators can be compared frame by frame.

    Args:
        table: as `tabulate` gives it.
        drift: how scenes follow each other.
        count: number of streams.
        memory: weight of the past in the running mean, in [0, 1).
        lossless: whether no frame is lost, so that changes cost nothing.

    Attributes:
        state: count, state of the drift in each stream; hidden from who acts.
        setting: count, number of the setting in each stream.

    Raises:
        ValueError: a drift with scenes that the table lacks, fewer than one stream, or `memory` out
            of its range.
    """

    def __init__(
        self,
        table: Table,
        drift: Drift,
        count: int = 1,
        *,
        memory: float = 0.8,
        lossless: bool = False,
    ):
        unknown = sorted(set(drift.scenes) - set(table.scenes))
        if unknown:
            raise ValueError(f"the table has no scene {unknown}; it has {list(table.scenes)}")
        if count < 1 or not 0 <= memory < 1:
            raise ValueError(
                f"there is at least 1 stream, with a memory in [0, 1), got {count} and {memory}"
            )
        self.table, self.drift, self.count = table, drift, count
        self.memory, self.lossless = memory, lossless
        self.width = 2 * len(STATISTICS) + len(table.settings)
        self.state = np.zeros(count, np.int64)
        self.setting = np.zeros(count, np.int64)
        self._generator: np.random.Generator | None = None
        self._scene = np.array([table.scenes.index(name) for name in drift.scenes])
        self._cumulated = drift.transition.cumsum(axis=1)

    def reset(self, generator: np.random.Generator) -> np.ndarray:
        """Begin anew, each stream in a state and with a setting drawn at random.

        Args:
            generator: of all that happens until the next reset.

        Returns:
            The first observations, count x width, float32 in [0, 1].
        """
        self._generator = generator
        self.state = generator.integers(len(self._scene), size=self.count)
        self.setting = generator.integers(len(self.table.settings), size=self.count)
        now = self._see(generator)
        self._mean = now
        return self._observe(now)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Choose a setting in each stream, and see the next frame.

        Args:
            actions: count, numbers of settings.

        Returns:
            Observations, count x width, float32 in [0, 1], and rewards, count, 0.0 or 1.0.

        Raises:
            RuntimeError: `reset` was not called before.
            ValueError: an action that is no number of a setting, or another number of actions than
                streams.
        """
        generator = self._generator
        if generator is None:
            raise RuntimeError("call reset() before the first step()")
        actions = self._checked(actions)
        lost = (actions != self.setting) & (not self.lossless)
        self.setting = actions
        draws = generator.random((self.count, 1))
        follows = (draws >= self._cumulated[self.state]).sum(axis=1)
        self.state = np.minimum(follows, len(self._scene) - 1)  # sums of shares may miss 1 by 1e-16
        now = self._see(generator)
        self._mean = self.memory * self._mean + (1 - self.memory) * now
        right = self.table.right[self._scene[self.state], self.setting, self._picture]
        return self._observe(now), (right & ~lost).astype(float)

    def _see(self, generator: np.random.Generator) -> np.ndarray:
        """Draw the next pictures, and give their statistics."""
        self._picture = generator.integers(self.table.right.shape[2], size=self.count)
        return self.table.statistics[self._scene[self.state], self._picture]

    def _observe(self, now: np.ndarray) -> np.ndarray:
        on = np.eye(len(self.table.settings), dtype=np.float32)[self.setting]
        return np.hstack([now, self._mean, on]).astype(np.float32)

    def _checked(self, actions: np.ndarray) -> np.ndarray:
        actions, most = np.asarray(actions), len(self.table.settings) - 1
        if actions.shape != (self.count,):
            raise ValueError(
                f"give one action for each of {self.count} streams, got {actions.shape}"
            )
        whole = np.issubdtype(actions.dtype, np.integer)
        wrong = actions[(actions < 0) | (actions > most)] if whole else actions
        if wrong.size:
            raise ValueError(
                f"an action is the number of a setting, a whole number from 0 to {most}, got "
                f"{', '.join(map(str, np.unique(wrong)[:5]))}"
            )
        return actions.astype(np.int64)


class Played(NamedTuple):
    """What happened in streams, frames x count each.

    Attributes:
        rewards: 0.0 or 1.0.
        settings: number of the setting that was on.
        states: state of the drift.
        changed: bool, whether the setting changed; without `lossless` the frame is lost.
    """

    rewards: np.ndarray
    settings: np.ndarray
    states: np.ndarray
    changed: np.ndarray


Choose = Callable[[np.ndarray, Streams], np.ndarray]
"""Takes the observations and the streams, gives an action for each; only an oracle looks at the
streams."""


def play(
    streams: Streams, choose: Choose, *, frames: int, generator: np.random.Generator
) -> Played:
    """Let somebody choose the settings.

    Args:
        streams: they begin anew.
        choose: called before each frame.
        frames: of each stream, at least 1.
        generator: of the streams; equal ones give the same scenes and pictures.
    """
    if frames < 1:
        raise ValueError(f"there is at least 1 frame to play, got {frames}")
    observations, played = streams.reset(generator), []
    for _ in range(frames):
        before = streams.setting
        observations, rewards = streams.step(choose(observations, streams))
        played.append((rewards, streams.setting, streams.state, streams.setting != before))
    return Played(*(np.stack(column) for column in zip(*played, strict=True)))


def decision_process(table: Table, drift: Drift) -> tuple[np.ndarray, np.ndarray]:
    """The same streams as a Markov decision process whose state is seen: for an oracle.

    State d x A + a is state d of the drift with setting a on; an oracle in it knows the scene, but
    not which picture comes next.

    Returns:
        Transition probabilities, A x DA x DA (action, state, next state), and expected rewards,
        DA x A (state, action).
    """
    scenes = [table.scenes.index(name) for name in drift.scenes]
    states, settings = len(scenes), len(table.settings)
    expected = drift.transition @ table.accuracy()[scenes]  # (D, A), of the next frame
    reward = np.zeros((states, settings, settings))
    transition = np.zeros((settings, states, settings, states, settings))
    for action in range(settings):
        reward[:, action, action] = expected[:, action]
        transition[action, :, :, :, action] = drift.transition[:, None]
    size = states * settings
    return transition.reshape(settings, size, size), reward.reshape(size, settings)
