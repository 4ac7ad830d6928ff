"""Who may do what with a gallery, and what the log says about it."""

import numpy as np
import pytest

from companion.tasks.gallery import Gallery
from companion.tasks.privacy_access import ROLES, GuardedGallery
from companion.tasks.privacy_log import AccessLog, LogTamperedError
from companion.tasks.privacy_traces import find_traces

STAFF = {"Ines": "registrar", "Otto": "operator", "Ana": "auditor"}


def codes(seed, n=3):
    return np.random.default_rng(seed).normal(size=(n, 128)).astype(np.float32) / 8


@pytest.fixture
def log(tmp_path):
    return AccessLog(tmp_path / "access.log", b"k" * 32, create=True)


@pytest.fixture
def desk(tmp_path, log):
    with Gallery(tmp_path / "people.gallery") as gallery:
        desk = GuardedGallery(gallery, log, staff=STAFF)
        desk.enroll("Marguerite", codes(1), by="Ines")
        yield desk


DEEDS = {
    "enroll": lambda desk, by: desk.enroll("Bo", codes(2), by=by),
    "identify": lambda desk, by: desk.identify(codes(1)[0], by=by, threshold=0.5),
    "people": lambda desk, by: desk.people(by=by),
    "forget": lambda desk, by: desk.forget("Marguerite", by=by),
    "log": lambda desk, by: desk.log(by=by),
}


@pytest.mark.parametrize("who", [*STAFF, "Eve"])
@pytest.mark.parametrize("action", DEEDS)
def test_each_may_do_what_the_role_allows_and_nothing_else(desk, log, who, action):
    before = desk.people(by="Ines")
    if who in STAFF and action in ROLES[STAFF[who]]:
        DEEDS[action](desk, who)
        assert any(e[2:4] == (who, action) and e.outcome == "allowed" for e in log.entries())
        return
    with pytest.raises(PermissionError, match=f"{action!r} is for: "):
        DEEDS[action](desk, who)
    last = log.entries()[-1]
    assert (last.action, last.outcome) == (action, "refused")
    assert last.who == (who if who in STAFF else "unknown")
    assert desk.people(by="Ines") == before


def test_every_action_has_a_role_and_the_watcher_cannot_look_at_faces():
    assert set().union(*ROLES.values()) == set(DEEDS)
    assert not any("log" in actions and len(actions) > 1 for actions in ROLES.values())


def test_answers_as_the_gallery_and_logs_who_was_found(desk, log):
    matches = desk.identify_many(np.concatenate([codes(1), codes(9)]), by="Otto", threshold=0.5)
    assert [match and match.name for match in matches] == ["Marguerite"] * 3 + [None] * 3
    last = log.entries()[-1]
    assert (last.who, last.outcome) == ("Otto", "found")
    assert last.about == log.pseudonym("Marguerite")


def test_no_name_ever_stands_in_the_log_and_forgetting_leaves_no_byte(desk, tmp_path):
    desk.identify(codes(1)[0], by="Otto", threshold=0.5)
    found = {trace.file.name for trace in find_traces(tmp_path, "Marguerite", codes(1))}
    assert found
    assert "access.log" not in found
    desk.forget("Marguerite", by="Ines")
    with pytest.raises(LookupError):
        desk.forget("Marguerite", by="Ines")
    assert find_traces(tmp_path, "Marguerite", codes(1)) == []
    assert desk.log(by="Ana")[-2].outcome == "failed: LookupError"


def test_without_a_log_there_is_no_answer(desk, log):
    content = log.path.read_bytes()
    log.path.write_bytes(content[:-1])
    for deed in (DEEDS["identify"], DEEDS["enroll"], DEEDS["forget"]):
        for who in STAFF:
            with pytest.raises(LogTamperedError):
                deed(desk, who)
    log.path.write_bytes(content)
    assert desk.people(by="Ines") == {"Marguerite": 3}


def test_what_was_found_is_logged_before_it_is_told(desk, log, monkeypatch):
    real = log.append

    def only_the_question(who, action, **rest):
        if rest.get("outcome") == "found":
            raise OSError("disk full")
        return real(who, action, **rest)

    monkeypatch.setattr(log, "append", only_the_question)
    with pytest.raises(OSError, match="disk full"):
        desk.identify(codes(1)[0], by="Otto", threshold=0.5)


def test_a_failure_is_logged_and_handed_on(desk, log):
    with pytest.raises(ValueError, match="enrolled already"):
        desk.enroll("Marguerite", codes(2), by="Ines")
    assert log.entries()[-1].outcome == "failed: ValueError"
    with pytest.raises(TypeError, match="must be text"):
        desk.enroll(7, codes(2), by="Ines")


def test_refuses_an_unknown_role(desk, log):
    with pytest.raises(ValueError, match="'king'; the roles are"):
        GuardedGallery(None, log, staff={"Ines": "king"})
