"""Is an installed carrier still, byte for byte, what was published?

Every wheel brings a RECORD: a table of its files with sha256 and size (PyPA specification
"Recording installed projects"). The installer adds rows of its own for the files that it writes, so
the installed RECORD differs from the published one in a known way. What the two share is hashed,
and that hash is pinned in the table of carriers: editing a file shows against RECORD, editing
RECORD shows against the pin.
"""

import base64
import csv
import hashlib
from pathlib import Path

from companion.data.carriers import Carrier

# Written by the installer beside RECORD, not part of the published wheel.
_INSTALLER_FILES = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}


def listing_sha256(rows: list[list[str]]) -> str:
    """Hash of the published part of a RECORD, independent of row order and of the installer.

    Args:
        rows: the rows of RECORD, each (path, hash, size) as text.

    Returns:
        sha256 in hexadecimal of the sorted lines `path,hash,size`, one newline after each.
    """
    lines = sorted(",".join(row) for row in rows if row and not _is_installers(row[0]))
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def find_faults(carrier: Carrier, folder: Path) -> list[str]:
    """Compare an installed carrier with what was published.

    Reads every file once; about 0.5 GB for all seven sets.

    Args:
        carrier: the table's entry.
        folder: where the set lies.

    Returns:
        One line per fault, "path: what is wrong"; empty when every file is as published.
    """
    records = sorted(folder.glob("*.dist-info/RECORD"))
    if len(records) != 1:
        return [f"RECORD: expected exactly one *.dist-info/RECORD, found {len(records)}"]
    record = records[0].relative_to(folder).as_posix()
    try:
        text = records[0].read_text(encoding="utf-8")
        rows = [row for row in csv.reader(text.splitlines(), strict=True) if row]
    except (OSError, ValueError, csv.Error) as error:
        return [f"{record}: cannot be read: {error}"]

    faults = []
    if listing_sha256(rows) != carrier.listing_sha256:
        faults.append(f"{record}: is not the list of files of {carrier.project} {carrier.version}")
    listed = {record}
    for row in rows:
        if row[0] in listed:  # RECORD lists itself, without a hash
            continue
        listed.add(row[0])
        fault = _file_fault(folder, row)
        if fault:
            faults.append(f"{row[0]}: {fault}")
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}
    faults += [f"{name}: does not belong to the set" for name in sorted(present - listed)]
    return faults


def _is_installers(name: str) -> bool:
    directory, _, file = name.rpartition("/")
    return directory.endswith(".dist-info") and "/" not in directory and file in _INSTALLER_FILES


def _file_fault(folder: Path, row: list[str]) -> str | None:
    if len(row) != 3 or not row[1].startswith("sha256="):
        return "RECORD gives no sha256 for it"
    name, wanted, size = row
    file = folder / name
    try:
        if not file.resolve().is_relative_to(folder.resolve()):
            return "lies outside the set"
        if not file.is_file():
            return "is missing"
        if size and file.stat().st_size != int(size):
            return f"has {file.stat().st_size} bytes instead of {size}"
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
    except (OSError, ValueError) as error:
        return f"cannot be checked: {error}"
    found = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return None if f"sha256={found}" == wanted else "its content differs (sha256)"
