"""Files written whole or not at all: errors, kills, permissions, what others left behind."""

import os
import time

import pytest

from companion.files import ABANDONED, flush, remove_unfinished, whole_file

posix = pytest.mark.skipif(os.name != "posix", reason="permissions as on POSIX systems")


def write(path, content, **settings):
    with whole_file(path, **settings) as file:
        file.write(content)


def test_an_error_on_the_way_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "answer.json"
    write(path, b"old")

    def stop_half_way():
        with whole_file(path) as file:
            file.write(b"half of the new")
            assert path.read_bytes() == b"old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_half_way()
    assert path.read_bytes() == b"old"

    def full_disk(_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="disk full"):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_permissions_are_handed_on_and_private_files_are_private(tmp_path):
    path, secret = tmp_path / "run.sh", tmp_path / "people.sealed"
    usual = tmp_path / "usual"
    usual.touch()
    write(path, b"old")
    assert path.stat().st_mode == usual.stat().st_mode
    path.chmod(0o754)
    write(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o754
    for _ in range(2):
        write(secret, b"new", private=True)
        assert secret.stat().st_mode & 0o777 == 0o600
        secret.chmod(0o644)


def test_what_a_killed_writer_left_is_removed_later_or_on_demand(tmp_path):
    path = tmp_path / "people[1].sealed"
    old, new = (tmp_path / f".people[1].sealed.{number}.34.part" for number in (12, 13))
    others = [tmp_path / ".people.sealed.lock", tmp_path / ".people1.sealed.12.34.part"]
    for file in (path, old, new, *others):
        file.write_bytes(b"x")
    then = time.time() - ABANDONED - 60
    for file in (old, *others):
        os.utime(file, (then, then))
    write(path, b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([path, new, *others])
    remove_unfinished(path)
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])
    assert path.read_bytes() == b"whole"


def test_no_folder_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "missing" / "answer.json", b"x")
    with pytest.raises(FileNotFoundError):
        flush(tmp_path / "missing")
