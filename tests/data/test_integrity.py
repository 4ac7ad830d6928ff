import shutil
import zipfile

import pytest
from spoilt import spoilt

from companion.data import carriers, integrity


@pytest.fixture
def installed(shop):
    (wheel,) = shop.wheels.iterdir()
    zipfile.ZipFile(wheel).extractall(shop.folder)
    assert integrity.find_faults(shop.carrier, shop.folder) == []
    return shop


def faults(shop):
    return integrity.find_faults(shop.carrier, shop.folder)


@pytest.mark.parametrize("name", list(carriers.CARRIERS))
def test_the_real_sets_are_as_published(name):
    """Holds the pinned lists of files to what pip truly unpacks."""
    assert integrity.find_faults(carriers.get(name), carriers.path(name)) == []


def test_edited_file_of_the_same_size(installed):
    file = installed.folder / "tinyset/pictures/one.bin"
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(content)
    assert faults(installed) == ["tinyset/pictures/one.bin: its content differs (sha256)"]


def test_file_cut_short(installed):
    file = installed.folder / "tinyset/pictures/one.bin"
    file.write_bytes(file.read_bytes()[:-1])
    assert faults(installed) == ["tinyset/pictures/one.bin: has 10239 bytes instead of 10240"]


def test_every_deleted_and_extra_file_is_named(installed):
    (installed.folder / "tinyset/pictures/an odd name, two.bin").unlink()
    (installed.folder / "tinyset/run.sh").unlink()
    (installed.folder / "tinyset/pictures/three.bin").write_bytes(b"new")
    assert faults(installed) == [
        "tinyset/pictures/an odd name, two.bin: is missing",
        "tinyset/run.sh: is missing",
        "tinyset/pictures/three.bin: does not belong to the set",
    ]


def test_record_edited_to_match_an_edited_file(installed):
    file = installed.folder / "tinyset/run.sh"
    other = installed.folder / "tinyset/__init__.py"
    record = installed.folder / "tinyset-1.0.dist-info/RECORD"
    lines = record.read_text(encoding="utf-8").splitlines()
    (as_init,) = (line for line in lines if line.startswith("tinyset/__init__.py,"))
    (as_run,) = (line for line in lines if line.startswith("tinyset/run.sh,"))
    shutil.copy(other, file)
    lines[lines.index(as_run)] = as_init.replace("__init__.py", "run.sh")
    record.write_text("\n".join(lines), encoding="utf-8")
    assert faults(installed) == [
        "tinyset-1.0.dist-info/RECORD: is not the list of files of tinyset 1.0"
    ]


def test_file_and_its_row_removed_together(installed):
    record = installed.folder / "tinyset-1.0.dist-info/RECORD"
    (installed.folder / "tinyset/run.sh").unlink()
    kept = [line for line in record.read_text().splitlines() if "run.sh" not in line]
    record.write_text("\n".join(kept))
    assert len(faults(installed)) == 1


def test_row_that_leaves_the_set_is_not_followed(installed):
    record = installed.folder / "tinyset-1.0.dist-info/RECORD"
    with record.open("a") as stream:
        stream.write("../outside.txt,sha256=abc,3\n")
    (installed.home / "outside.txt").write_text("abc")
    assert "../outside.txt: lies outside the set" in faults(installed)


def test_record_missing_or_unreadable(installed):
    record = installed.folder / "tinyset-1.0.dist-info/RECORD"
    record.write_bytes(b"\xff\xfe\x00bad")
    assert len(faults(installed)) == 1
    record.unlink()
    assert faults(installed) == ["RECORD: expected exactly one *.dist-info/RECORD, found 0"]


def test_listing_hash_ignores_order_and_the_installers_files_only():
    rows = [["a/b", "sha256=x", "1"], ["c", "sha256=y", "2"]]
    own = [[f"d.dist-info/{name}", "", ""] for name in ("RECORD", "INSTALLER", "REQUESTED")]
    pinned = integrity.listing_sha256(rows)
    assert integrity.listing_sha256(own + rows[::-1]) == pinned
    assert integrity.listing_sha256([*rows, ["a/INSTALLER", "", ""]]) != pinned
    assert integrity.listing_sha256([["a/b", "sha256=x", "1"], ["c", "sha256=y", "3"]]) != pinned


def test_unpublished_set_is_found_out(installed):
    other = carriers.Carrier(**{**vars(installed.carrier), "listing_sha256": "0" * 64})
    assert len(integrity.find_faults(other, installed.folder)) == 1


def test_whatever_is_changed_is_noticed(installed):
    """A thousand spoilt files, one at a time; only what RECORD says of itself may change."""

    def lines(content):
        of_others = {line for line in content.splitlines() if line and b"/RECORD" not in line}
        return file.name == "RECORD" and of_others

    files = [
        file
        for file in sorted(installed.folder.rglob("*"))
        if file.is_file() and file.stat().st_size
    ]
    for file in files:
        before = file.read_bytes()
        for version in spoilt(before, 1000 // len(files)):
            file.write_bytes(version)
            same = version == before or lines(version) == lines(before)
            assert same or faults(installed), (file.name, version)
        file.write_bytes(before)
    assert faults(installed) == []
