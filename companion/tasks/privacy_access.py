"""Who may do what with a gallery, every question of theirs logged before it is answered.

    desk = GuardedGallery(gallery, log, staff={"Ines": "registrar", "Otto": "operator"})
    desk.enroll("Ada", codes, by="Ines")
    desk.identify(code, by="Otto")          # Match("Ada", 0.41) or None, and a line in the log
    desk.forget("Ada", by="Otto")           # PermissionError, and a line in the log

No log, no answer: where the log cannot be written, nothing is done. The log knows the people in the
gallery by pseudonyms only, so that forgetting a person leaves no name in it. Roles follow Sandhu et
al., 1996, doi:10.1109/2.485845. That `by` is who he says he is must be made sure of elsewhere.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np

from companion.tasks.privacy_log import AccessLog, Entry, Newest

ROLES: Mapping[str, frozenset[str]] = {
    "operator": frozenset({"identify"}),
    "registrar": frozenset({"enroll", "forget", "people"}),
    "auditor": frozenset({"log"}),
}
"""What each role may do. Nobody can both look at faces and see who looked at whom."""


class GalleryLike(Protocol):
    """What is needed of a gallery: the verbs of `companion.tasks.gallery.Gallery`."""

    def enroll(self, name: str, embeddings: np.ndarray, *, add: bool = False) -> None:
        """Store a person."""

    def identify_many(self, embeddings: np.ndarray, *, threshold: float) -> list[Any]:
        """Who are these?"""

    def forget(self, name: str) -> None:
        """Delete a person."""

    def people(self) -> dict[str, int]:
        """Names, each with its number of embeddings."""


class GuardedGallery:
    """A gallery behind a desk: each verb names who asks.

    Args:
        gallery: what answers.
        log: what remembers.
        staff: role of each person who may ask.
        roles: what each role may do.

    Raises:
        ValueError: somebody on the staff has a role that is not in `roles`.
    """

    def __init__(
        self,
        gallery: GalleryLike,
        log: AccessLog,
        *,
        staff: Mapping[str, str],
        roles: Mapping[str, frozenset[str]] = ROLES,
    ) -> None:
        for who, role in staff.items():
            if role not in roles:
                raise ValueError(f"{who!r} has the role {role!r}; the roles are {sorted(roles)}")
        self._gallery, self._log = gallery, log
        self._staff, self._roles = dict(staff), dict(roles)

    def enroll(self, name: str, embeddings: np.ndarray, *, by: str, add: bool = False) -> None:
        """Store a person; for registrars.

        Raises:
            PermissionError: `by` may not.
            Exception: what the gallery and the log raise.
        """
        self._act("enroll", by, [name], partial(self._gallery.enroll, name, embeddings, add=add))

    def identify(self, embedding: np.ndarray, *, by: str, threshold: float) -> Any:
        """Who is this? For operators; arguments and answer as of the gallery's `identify`.

        Raises:
            PermissionError: `by` may not.
            Exception: what the gallery and the log raise.
        """
        return self.identify_many(np.asarray(embedding)[None], by=by, threshold=threshold)[0]

    def identify_many(self, embeddings: np.ndarray, *, by: str, threshold: float) -> list[Any]:
        """Who are these? For operators; one line in the log for each that was found.

        Raises:
            PermissionError: `by` may not.
            Exception: what the gallery and the log raise.
        """
        search = partial(self._gallery.identify_many, embeddings, threshold=threshold)
        matches = self._act("identify", by, [], search)
        for name in sorted({match.name for match in matches if match is not None}):
            self._log.append(by, "identify", about=self._log.pseudonym(name), outcome="found")
        return matches

    def forget(self, name: str, *, by: str) -> None:
        """Delete a person; for registrars.

        Raises:
            PermissionError: `by` may not.
            Exception: what the gallery and the log raise.
        """
        self._act("forget", by, [name], partial(self._gallery.forget, name))

    def people(self, *, by: str) -> dict[str, int]:
        """Names, each with its number of embeddings; for registrars.

        Raises:
            PermissionError: `by` may not.
            Exception: what the gallery and the log raise.
        """
        return self._act("people", by, [], self._gallery.people)

    def log(self, *, by: str, since: Newest | None = None) -> list[Entry]:
        """The log's entries, checked; for auditors.

        Args:
            by: who asks.
            since: what `AccessLog.newest` gave at some time and was kept elsewhere.

        Raises:
            PermissionError: `by` may not.
            LogTamperedError: the log was changed.
        """
        return self._act("log", by, [], partial(self._log.entries, since=since))

    def _allow(self, action: str, by: str) -> None:
        """Refuse, and log that, unless the role of `by` has the action."""
        role = self._staff.get(by)
        if role is not None and action in self._roles[role]:
            return
        self._log.append(by if role else "unknown", action, outcome="refused")
        allowed = sorted(name for name, actions in self._roles.items() if action in actions)
        whom = f"{by!r} is {role}" if role else f"nobody on the staff is called {by!r}"
        raise PermissionError(f"{whom}; {action!r} is for: {', '.join(allowed) or 'nobody'}")

    def _act(self, action: str, by: str, names: list[str], work: Callable[[], Any]) -> Any:
        """Log the question, do the work, log how it ended where it did not end well."""
        self._allow(action, by)
        about = ", ".join(self._log.pseudonym(name) for name in names if isinstance(name, str))
        self._log.append(by, action, about=about, outcome="allowed")
        try:
            return work()
        except Exception as error:
            self._log.append(by, action, about=about, outcome=f"failed: {type(error).__name__}")
            raise
