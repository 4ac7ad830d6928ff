"""The things of many pictures in one row, so that all are brought into their pictures at once."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from companion.data.scene_camera import Camera, Views
from companion.data.scene_world import Things, World


@dataclass(frozen=True)
class Pictures:
    """What is to be drawn.

    Attributes:
        worlds: one for each picture.
        views: the cameras, a row each.
        things: all things, those of the first picture first.
        of: (n,) number of the picture that each thing belongs to.
        begin: (pictures,) where the things of each begin.
    """

    worlds: Sequence[World]
    views: Views
    things: Things
    of: np.ndarray
    begin: np.ndarray

    @classmethod
    def join(cls, worlds: Sequence[World], cameras: Sequence[Camera]) -> "Pictures":
        """Worlds and the cameras that they are seen from, as many of each."""
        counts = np.array([len(world.things) for world in worlds])
        return cls(
            worlds,
            Views.of(cameras, [world.road.curve for world in worlds]),
            Things.join(*(world.things for world in worlds)),
            np.repeat(np.arange(len(worlds)), counts),
            np.cumsum(counts) - counts,
        )

    def parts(self, of: np.ndarray) -> Iterator[slice]:
        """Which entries belong to each picture, of some that are sorted by it.

        Args:
            of: (m,) number of the picture of each entry, ascending.
        """
        cuts = np.searchsorted(of, np.arange(len(self.worlds) + 1)).tolist()
        return itertools.starmap(slice, itertools.pairwise(cuts))
