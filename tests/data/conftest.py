"""A carrier of a few bytes, offered from a folder, so that installing needs no network."""

import base64
import hashlib
import os
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from companion.data import carriers
from companion.data.carriers import Carrier

CONTENT = {
    "tinyset/__init__.py": b"raise RuntimeError('carriers are never imported')\n",
    "tinyset/pictures/one.bin": bytes(range(256)) * 40,
    "tinyset/pictures/an odd name, two.bin": b"",
    "tinyset/run.sh": b"#!/bin/sh\n",
    "tinyset-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tinyset\nVersion: 1.0\n"
    b"Requires-Python: >=99\nRequires-Dist: no-such-package\n",
    "tinyset-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\n"
    b"Root-Is-Purelib: true\nTag: py3-none-any\n",
}


@dataclass(frozen=True)
class Shop:
    """Where the tiny carrier is offered and where it goes."""

    carrier: Carrier
    wheels: Path
    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "tiny-1.0"

    def driver(self, body: str) -> str:
        """Python source that knows the tiny carrier and then runs `body`."""
        table = {field.name: getattr(self.carrier, field.name) for field in fields(self.carrier)}
        return (
            "import os, signal, sys\n"
            "from companion.data import carriers\n"
            f"carriers.CARRIERS = {{'tiny': carriers.Carrier(**{table!r})}}\n"
            "from companion.data.__main__ import _run\n"
            f"{body}\n"
        )


def build_wheel(path: Path, content: dict[str, bytes]) -> tuple[str, str]:
    """Write a wheel; give its hash and the hash of its list of files, found independently."""
    record = "tinyset-1.0.dist-info/RECORD"
    lines = []
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in content.items():
            wheel.writestr(name, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append((name, f"sha256={digest}", str(len(data))))
        quoted = [f'"{n}",{h},{s}' if "," in n else f"{n},{h},{s}" for n, h, s in lines]
        wheel.writestr(record, "\n".join([*quoted, f"{record},,"]) + "\n")
    listing = "".join(f"{','.join(line)}\n" for line in sorted(lines))
    return (
        hashlib.sha256(path.read_bytes()).hexdigest(),
        hashlib.sha256(listing.encode()).hexdigest(),
    )


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Shop:
    wheels, home = tmp_path / "wheels", tmp_path / "home"
    wheels.mkdir()
    wheel = wheels / "tinyset-1.0-py3-none-any.whl"
    sha256, listing_sha256 = build_wheel(wheel, CONTENT)
    carrier = Carrier(
        name="tiny",
        what="a few bytes",
        project="tinyset",
        version="1.0",
        licence="none needed",
        sha256=sha256,
        listing_sha256=listing_sha256,
        download_bytes=wheel.stat().st_size,
        installed_bytes=sum(map(len, CONTENT.values())),
    )
    monkeypatch.setattr(carriers, "CARRIERS", {"tiny": carrier})
    monkeypatch.setenv("COMPANION_DATA_HOME", str(home))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    return Shop(carrier, wheels, home)
