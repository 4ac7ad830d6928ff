"""Faults that tests plant into a sound notebook, each with what the checks must answer."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


class Faults:
    """Functions that spoil a notebook, by their names.

    A module makes one, registers its functions with `@faults("message")`, and calls `caught` and
    `each_catches_one` in its tests.
    """

    def __init__(self):
        self.planted: dict[str, tuple[Callable, str]] = {}

    def __call__(self, message: str) -> Callable:
        """Register the function that follows; the checks must answer with `message`."""

        def register(spoil):
            assert spoil.__name__ not in self.planted, f"two faults are called {spoil.__name__}"
            self.planted[spoil.__name__] = (spoil, message)
            return spoil

        return register

    def __iter__(self):
        return iter(self.planted)

    def caught(self, name: str, problems_of: Callable) -> None:
        """Fail unless the checks see this fault."""
        spoil, message = self.planted[name]
        found = problems_of(spoil)
        assert any(message in problem for problem in found), found

    def each_catches_one(
        self,
        tried: Iterable[Callable],
        checks: Any,
        problems_of: Callable,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Fail unless each of the checks that are tried, working alone, sees one of the faults."""
        for check in tried:
            monkeypatch.setattr(checks, "CHECKS", [check])
            assert any(
                message in problem
                for spoil, message in self.planted.values()
                for problem in problems_of(spoil)
            ), check.__name__
