"""The drawn road as a gymnasium environment (Towers et al., 2024, arXiv:2407.17032).

One episode of `companion.tasks.driving_simulation`: the same traffic, dynamics and camera, for
learners that speak gymnasium's language.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from companion.tasks.driving import look
from companion.tasks.driving_simulation import STEER, STEP, STRONGEST, Simulation
from companion.tasks.driving_traffic import HARDEST

_METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": round(1 / STEP)}


class DrivingEnv(gymnasium.Env[dict[str, Any], np.ndarray]):
    """Drive by a forward camera.

    Observations are a dictionary: "camera", (height, width, 3) uint8 RGB, and "speed", (1,)
    float32 in m/s. An action is (2,) float32 in [-1, 1]: pedals, -1 for braking with 8 m/s^2 and 1
    for 2.5 m/s^2 of acceleration, and steering, 1 for 0.15 radians to the right.

    The reward of a step is the share of the wished-for speed that was driven, less 0.02 per m/s^3
    of jerk, less 20 for hitting something or leaving the road, which ends the episode.

    Args:
        seconds: after which an episode is cut off.
        width: of the camera's picture, pixels.
        height: likewise.
        render_mode: "rgb_array" for larger pictures from `render`, or None.
        **settings: as for `Simulation`: weather, light, person.

    Raises:
        ValueError: `seconds` shorter than one step, or another `render_mode`.

    Example:
        >>> env = DrivingEnv(seconds=5, weather="clear")
        >>> observation, info = env.reset(seed=0)
        >>> observation["camera"].shape
        (40, 96, 3)
        >>> _, reward, terminated, truncated, _ = env.step(np.array([0.5, 0.0], np.float32))
        >>> terminated, truncated
        (False, False)
    """

    metadata = _METADATA

    def __init__(
        self,
        *,
        seconds: float = 10.0,
        width: int = 96,
        height: int = 40,
        render_mode: str | None = None,
        **settings: Any,
    ):
        if seconds < STEP:
            raise ValueError(f"an episode takes at least one step of {STEP} s, got {seconds}")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f'render_mode is None or "rgb_array", got {render_mode!r}')
        self.render_mode = render_mode
        self.observation_space = spaces.Dict(
            {
                "camera": spaces.Box(0, 255, (height, width, 3), np.uint8),
                "speed": spaces.Box(0.0, 60.0, (1,), np.float32),
            }
        )
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self._steps, self._size, self._settings = round(seconds / STEP), (width, height), settings
        self.simulation: Simulation | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin a new episode on a new road."""
        super().reset(seed=seed)
        seed_of_road = int(self.np_random.integers(2**31))
        self.simulation = Simulation(1, seed=seed_of_road, **self._settings)
        self._done = 0
        return self._observe(self.simulation), self._info(self.simulation)

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Drive on for a quarter of a second."""
        if self.simulation is None:
            raise RuntimeError("call reset() before the first step()")
        simulation = self.simulation
        pedals, steering = np.clip(np.asarray(action, float), -1, 1)
        before, place = simulation.acceleration[0], simulation.along[0]
        wish = pedals * (STRONGEST if pedals > 0 else HARDEST)
        simulation.step(np.array([wish]), np.array([steering * STEER]))
        self._done += 1
        crashed = not simulation.running[0]
        driven = (simulation.along[0] - place) / (STEP * simulation.desired[0])
        jerk = 0.0 if crashed else abs(simulation.acceleration[0] - before) / STEP
        reward = float(driven - 0.02 * jerk - 20 * crashed)
        seen, info = self._observe(simulation), self._info(simulation)
        return seen, reward, crashed, self._done >= self._steps, info

    def render(self) -> np.ndarray | None:
        """A picture of five times the size, where `render_mode` asks for pictures."""
        if self.render_mode is None:
            return None
        if self.simulation is None:
            raise RuntimeError("call reset() before the first render()")
        width, height = self._size
        generator = np.random.default_rng(self._done)
        return look(self.simulation, 0, generator, width=5 * width, height=5 * height)

    def _observe(self, simulation: Simulation) -> dict[str, np.ndarray]:
        width, height = self._size
        picture = look(simulation, 0, self.np_random, width=width, height=height)
        return {"camera": picture, "speed": simulation.speed.astype(np.float32)}

    @staticmethod
    def _info(simulation: Simulation) -> dict[str, Any]:
        """The truth, for measuring; a learner must not use it."""
        truth = simulation.truth()
        return {"gap": float(truth.gap[0, 1]), "hit": int(simulation.hit[0])}
