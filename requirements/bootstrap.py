"""Make the project's environment in .venv: standard library only, whole or not at all.

The environment counts as ready only when `.venv/.ready` holds the digest of everything it was
made from. The mark is removed before the first change and written after the last, so that an
interrupted call leaves nothing that the next one would trust.

    python3 requirements/bootstrap.py            environment, then every data set
    python3 requirements/bootstrap.py --no-data  environment only
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
READY = VENV / ".ready"
PYTHON = VENV / "bin" / "python"
LOG = ROOT / "_build" / "setup.log"
SOURCES = ("requirements/lock.txt", "requirements/uv.txt", "requirements/bootstrap.py",
           "pyproject.toml")  # fmt: skip
OLDEST, NEWEST = (3, 11), (3, 13)
NEEDED_GB = 8.0
"""The environment (6.5 GB, PyTorch's wheels carry CUDA), the data sets (0.5 GB), and some room."""

NETWORK_SIGNS = (
    "connection", "dns error", "error sending request", "failed to fetch", "name resolution",
    "timed out", "timeout", "tunnel", "unreachable", "could not connect", "network",
)  # fmt: skip


class SetupError(Exception):
    """What stopped the set-up and its cure, in one line."""


def digest() -> str:
    """Name the environment that the sources and this interpreter ask for."""
    seen = hashlib.sha256(f"{sys.version}\n{sys.base_prefix}\n{VENV}".encode())
    for name in SOURCES:
        seen.update((ROOT / name).read_bytes())
    return seen.hexdigest()


def check_python() -> None:
    """Refuse an interpreter that the locked packages have no wheels for."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise SetupError(
            f"Python {sys.version_info[0]}.{sys.version_info[1]} was given, 3.11 to 3.13 is "
            "needed; name another one: make PYTHON=/path/to/python3.12 ..."
        )


def check_disk(needed_gb: float) -> None:
    """Refuse to begin what the disk cannot hold."""
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    if free_gb < needed_gb:
        raise SetupError(
            f"{free_gb:.1f} GB are free at {ROOT}, {needed_gb:.1f} GB are needed; "
            "make room or clone to a larger disk, then call again"
        )


def explain(what: str, output: str) -> SetupError:
    """Turn an installer's output into one line that says what to do."""
    lowered = output.lower()
    if "no space left" in lowered or "disk quota" in lowered:
        return SetupError(f"{what}: the disk is full; make room, then call again")
    if any(sign in lowered for sign in NETWORK_SIGNS):
        return SetupError(
            f"{what}: the package registry was not reached; check the connection, or set "
            "HTTPS_PROXY or PIP_INDEX_URL, then call again"
        )
    last = [line.strip() for line in output.splitlines() if line.strip()][-1:]
    return SetupError(f"{what} failed: {' '.join(last) or 'no output'} (all of it: {LOG})")


def installer_settings() -> dict[str, str]:
    """Give uv the registry and certificate that this machine's pip is set to."""
    env = dict(os.environ)
    env.pop("VIRTUAL_ENV", None)
    env["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    if "PIP_INDEX_URL" in env and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & env.keys():
        env["UV_DEFAULT_INDEX"] = env["PIP_INDEX_URL"]
    if "PIP_CERT" in env:
        env.setdefault("SSL_CERT_FILE", env["PIP_CERT"])
    return env


def run(what: str, *command: str | Path) -> None:
    """Run one installer step; its progress bar shows on a terminal, its output goes to the log.

    On a terminal the first try draws straight to it; a failure is then tried once more with its
    output kept, to say what was wrong (and a passing fault is healed on the way).
    """
    env = installer_settings()
    if sys.stderr.isatty() and subprocess.run(command, env=env, cwd=ROOT).returncode == 0:
        return
    done = subprocess.run(
        command, env=env, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(map(str, command))}\n{done.stdout}\n")
    if done.returncode:
        raise explain(what, done.stdout)


def make_environment(needed_gb: float) -> None:
    """Create `.venv` and install the locked packages and this project into it."""
    check_python()
    usable = READY.exists() and PYTHON.exists() and same_interpreter()
    READY.unlink(missing_ok=True)
    if not usable:
        if VENV.exists():
            print("setup: removing an unfinished or foreign .venv", flush=True)
            shutil.rmtree(VENV)
        check_disk(needed_gb)
        print(f"setup: making .venv with Python {sys.version.split()[0]}", flush=True)
        venv.create(VENV, with_pip=True, symlinks=True)
    print("setup: installing the locked packages (a minute or several; 3 GB to fetch)", flush=True)
    run("installing uv", PYTHON, "-m", "pip", "install", "--quiet", "--retries=2",
        "--require-hashes", "--only-binary=:all:", "-r", "requirements/uv.txt")  # fmt: skip
    uv = VENV / "bin" / "uv"
    run("installing the packages", uv, "pip", "install", "--python", PYTHON, "--require-hashes",
        "--no-build", "--compile-bytecode", "-r", "requirements/lock.txt")  # fmt: skip
    run("installing companion", uv, "pip", "install", "--python", PYTHON, "--no-deps",
        "--no-build-isolation", "--editable", ".")  # fmt: skip
    part = READY.with_suffix(".part")
    part.write_text(f"{digest()}\n{sys.version}\n", encoding="utf-8")
    part.replace(READY)


def same_interpreter() -> bool:
    """Tell whether `.venv` was made by the interpreter that runs now."""
    recorded = READY.read_text(encoding="utf-8").partition("\n")[2].strip()
    return recorded == sys.version.strip()


def is_ready() -> bool:
    """Tell whether `.venv` is just what the sources ask for."""
    if not (READY.exists() and PYTHON.exists()):
        return False
    return READY.read_text(encoding="utf-8").partition("\n")[0] == digest()


def main(arguments: list[str] | None = None) -> int:
    """Set up what is missing; 0 when all is there, 1 with one line on standard error."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--no-data", action="store_true", help="leave the data sets out")
    parser.add_argument("--needed-gb", type=float, default=NEEDED_GB, help="free disk to insist on")
    options = parser.parse_args(arguments)
    # The folder itself is the lock: two calls at once take turns, and a killed one frees it.
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        made = not is_ready()
        if made:
            make_environment(options.needed_gb)
        if not options.no_data:
            data = [PYTHON, "-m", "companion.data", "install", "--quiet"]
            if subprocess.run(data, cwd=ROOT).returncode:
                return 1
        if made:
            print("setup: done; `source .venv/bin/activate` makes it the `python` of a terminal")
        return 0
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"setup: {error}; mend that, then call again", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: stopped; the next call starts it anew", file=sys.stderr)
        return 130
    finally:
        os.close(folder)


if __name__ == "__main__":
    sys.exit(main())
