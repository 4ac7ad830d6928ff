"""The access log: everything that can be done to a file of lines is noticed."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading

import pytest

from companion.tasks.privacy_log import AccessLog, LogTamperedError, Newest

KEY = b"k" * 32


@pytest.fixture
def path(tmp_path):
    return tmp_path / "access.log"


@pytest.fixture
def log(path):
    log = AccessLog(path, KEY, create=True)
    for number in range(1, 7):
        log.append("Otto", "identify", about=f"person {number}", outcome="found")
    return log


def lines(path):
    return path.read_bytes().splitlines(keepends=True)


def write(path, parts):
    path.write_bytes(b"".join(parts))


def test_reads_what_was_written_also_after_reopening(log, path):
    first = log.entries()
    assert [entry.number for entry in first] == [1, 2, 3, 4, 5, 6]
    assert first[2][2:6] == ("Otto", "identify", "person 3", "found")
    again = AccessLog(path, KEY)
    assert again.entries(since=log.newest()) == first
    again.append("Ines", "forget")
    assert log.append("Ines", "enroll").number == 8  # sees what the other object wrote
    assert len(again.entries()) == 8


def test_links_are_the_standard_librarys_hmac(log, path):
    """Written out by hand: anybody with the key can check the log without this package."""
    link = hmac.new(KEY, json.dumps(["the log begins"]).encode(), hashlib.sha256).hexdigest()
    for raw in lines(path):
        entry = json.loads(raw)
        stored = entry.pop("link")
        words = json.dumps([link, json.dumps(list(entry.values()))]).encode()
        link = hmac.new(KEY, words, hashlib.sha256).hexdigest()
        assert stored == link


def _edit(parts):
    parts[2] = parts[2].replace(b"person 3", b"person 9")


def _edit_space(parts):
    parts[2] = parts[2].replace(b": 3,", b":3,")


def _swap(parts):
    parts[1], parts[3] = parts[3], parts[1]


def _remove(parts):
    del parts[2]


def _double(parts):
    parts.insert(3, parts[2])


def _put_in(parts):
    parts.insert(0, b'{"number": 1}\n')


def _remove_first(parts):
    del parts[0]


def _remove_all_but_last(parts):
    del parts[:-1]


def _renumber(parts):
    """Remove a line and number the later ones anew, links kept."""
    del parts[2]
    for at in range(2, len(parts)):
        parts[at] = parts[at].replace(b'"number": %d' % (at + 2), b'"number": %d' % (at + 1))


def _cut_in_a_line(parts):
    parts[-1] = parts[-1][:-20]


def _cut_the_line_end(parts):
    parts[-1] = parts[-1][:-1]


def _garbage(parts):
    parts[4] = b"\xff\xfe\0\n"


def _deep(parts):
    parts[4] = b"[" * 100_000 + b"\n"


def _other_script(parts):
    parts[4] = parts[4][:-20] + '\u0664"}\n'.encode()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_edit, "line 3: does not fit"),
        (_edit_space, "line 3: is no entry"),
        (_swap, "line 2: holds entry 4.*swapped"),
        (_remove, "line 3: holds entry 4: lines were removed"),
        (_double, "line 4: holds entry 3"),
        (_put_in, "line 1: is no entry"),
        (_remove_first, "line 1: holds entry 2"),
        (_remove_all_but_last, "line 1: holds entry 6"),
        (_renumber, "line 3: does not fit"),
        (_cut_in_a_line, "line 6: is cut off in the middle"),
        (_cut_the_line_end, "line 6: is cut off in the middle"),
        (_garbage, "line 5: is no entry"),
        (_deep, "line 5: is no entry"),
        (_other_script, "line 5: is no entry"),
    ],
)
def test_tampering_is_noticed_and_nothing_is_lost(log, path, spoil, message):
    parts = lines(path)
    spoil(parts)
    write(path, parts)
    before = path.read_bytes()
    for deed in (log.entries, lambda: AccessLog(path, KEY), lambda: log.append("Otto", "identify")):
        with pytest.raises(LogTamperedError, match=message):
            deed()
    assert path.read_bytes() == before


def test_every_single_changed_byte_is_noticed(log, path):
    content = path.read_bytes()
    for at in range(0, len(content), 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(LogTamperedError):
            log.entries()
    path.write_bytes(content)
    assert len(log.entries()) == 6


def test_a_cut_tail_is_noticed_by_the_newest_link_kept_elsewhere(log, path):
    kept = log.newest()
    write(path, lines(path)[:4])
    assert len(log.entries()) == 4  # by itself, the shorter log is sound: that is the gap
    with pytest.raises(LogTamperedError, match="ends with entry 4, but entry 6 had been written"):
        log.entries(since=kept)
    log.append("Otto", "identify")
    log.append("Otto", "identify")
    log.append("Otto", "identify")
    with pytest.raises(LogTamperedError, match="entry 6 is another one than was kept"):
        log.entries(since=kept)


def test_an_emptied_or_deleted_log_is_noticed(log, path):
    kept = log.newest()
    path.write_bytes(b"")
    with pytest.raises(LogTamperedError, match="ends with entry 0, but entry 6"):
        AccessLog(path, KEY).entries(since=kept)
    path.unlink()
    for deed in (log.entries, log.newest, lambda: log.append("Otto", "identify")):
        with pytest.raises(LogTamperedError, match="has vanished"):
            deed()
    with pytest.raises(FileNotFoundError, match="find out whether it was deleted"):
        AccessLog(path, KEY)
    assert not path.exists()


def test_an_older_newest_stays_good_and_that_of_an_empty_log_too(path):
    log = AccessLog(path, KEY, create=True)
    none = log.newest()
    assert none.number == 0
    log.append("Otto", "identify")
    one = log.newest()
    log.append("Otto", "identify")
    assert len(log.entries(since=none)) == len(log.entries(since=one)) == 2
    with pytest.raises(LogTamperedError, match="entry 1 is another"):
        log.entries(since=Newest(1, "0" * 64))


def test_another_key_does_not_open_the_log(log, path):
    with pytest.raises(LogTamperedError, match=r"line 1.*the key is another one"):
        AccessLog(path, b"x" * 32)


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [("k" * 32, TypeError, "bytes, got str"), (b"short", ValueError, "at least 16 bytes, got 5")],
)
def test_refuses_a_bad_key(path, key, error, message):
    with pytest.raises(error, match=message):
        AccessLog(path, key, create=True)
    assert not path.exists()


def test_refuses_folders(tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        AccessLog(tmp_path, KEY, create=True)
    with pytest.raises(FileNotFoundError, match="create it first"):
        AccessLog(tmp_path / "no" / "access.log", KEY, create=True)


@pytest.mark.parametrize("text", ["a\nb", "x" * 201, 7, "a\0"])
def test_refuses_texts_that_could_break_a_line(log, path, text):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="printable characters"):
        log.append(text, "identify")
    assert path.read_bytes() == before


def test_a_full_disk_leaves_the_log_sound(log, path, monkeypatch):
    before = path.read_bytes()

    def half(number, line):
        return real(number, line[:10])

    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(OSError, match="not written whole"):
            log.append("Otto", "identify")
    assert path.read_bytes() == before
    assert log.append("Otto", "identify").number == 7
    assert len(log.entries()) == 7


def test_pseudonyms_are_stable_hide_the_name_and_need_the_key(log, path, tmp_path):
    assert log.pseudonym("Marguerite") == AccessLog(path, KEY).pseudonym("Marguerite")
    assert log.pseudonym("\u00c9mile") == log.pseudonym("E\u0301mile")
    assert log.pseudonym("Marguerite") != log.pseudonym("Marguerita")
    other = AccessLog(tmp_path / "other.log", b"x" * 32, create=True)
    assert other.pseudonym("Marguerite") != log.pseudonym("Marguerite")
    assert len(log.pseudonym("Marguerite")) == 16


def test_threads_and_processes_write_one_chain(log, path):
    script = (
        "import sys; from companion.tasks.privacy_log import AccessLog\n"
        "log = AccessLog(sys.argv[1], b'k' * 32)\n"
        "for _ in range(20): log.append('process', 'identify')\n"
    )

    def write_twenty():
        for _ in range(20):
            log.append("thread", "identify")

    threads = [threading.Thread(target=write_twenty) for _ in range(3)]
    with subprocess.Popen([sys.executable, "-c", script, str(path)]) as process:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert process.returncode == 0
    entries = log.entries()
    assert len(entries) == 6 + 4 * 20
    assert sum(entry.who == "process" for entry in entries) == 20
