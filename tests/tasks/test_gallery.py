"""The gallery: what it answers, what it refuses, what it keeps and what it forgets."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from companion.tasks import gallery_schema
from companion.tasks.gallery import DEFAULT_THRESHOLD, MAX_NAME, Gallery, Match


def codes(seed, n=3, dimension=128):
    return np.random.default_rng(seed).normal(size=(n, dimension)).astype(np.float32) / 8


def contents(path: Path) -> bytes:
    """All bytes of the gallery's files."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(path.name + "*")))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "people.gallery"


@pytest.fixture
def gallery(path):
    with Gallery(path) as gallery:
        gallery.enroll("Ada", codes(1))
        gallery.enroll("Émile", codes(2))
        yield gallery


def test_finds_the_nearest_person_and_measures_the_distance(gallery):
    query = codes(1)[2] + np.float32(0.01)
    match = gallery.identify(query)
    assert match.name == "Ada"
    assert match.distance == pytest.approx(0.01 * np.sqrt(128), abs=1e-6)
    assert isinstance(match, Match)


def test_refuses_a_stranger_and_includes_the_threshold_itself(gallery):
    query = codes(1)[0].copy()
    query[0] += 0.75
    distance = gallery.identify(query, threshold=10).distance
    assert gallery.identify(query) is None
    assert gallery.identify(query, threshold=distance) == Match("Ada", distance)
    assert gallery.identify(query, threshold=np.nextafter(distance, 0)) is None
    assert distance > DEFAULT_THRESHOLD


def test_many_queries_give_the_answers_of_single_ones(gallery):
    queries = np.concatenate([codes(2), codes(9), codes(1)])
    together = gallery.identify_many(queries, threshold=0.4)
    assert together == [gallery.identify(query, threshold=0.4) for query in queries]
    assert [match and match.name for match in together] == ["Émile"] * 3 + [None] * 3 + ["Ada"] * 3
    assert gallery.identify_many(np.empty((0, 128))) == []


def test_an_empty_gallery_knows_nobody(path):
    with Gallery(path) as gallery:
        assert gallery.identify(codes(1)[0], threshold=np.inf) is None
        assert gallery.people() == {}
        assert len(gallery) == 0


def test_lists_people_and_reads_them_again_after_reopening(gallery, path):
    gallery.enroll("Ada", codes(3, n=2), add=True)
    gallery.enroll_many({"Zoë": codes(4, n=1), "Bo": codes(5, n=1)})
    expected = {"Ada": 5, "Bo": 1, "Zoë": 1, "Émile": 3}
    assert gallery.people() == expected
    assert len(gallery) == 4
    gallery.close()
    gallery.close()
    with Gallery(path) as again:
        assert list(again.people().items()) == list(expected.items())
        assert again.identify(codes(3)[1]) == Match("Ada", 0.0)
    with pytest.raises(ValueError, match="closed; open it again"):
        gallery.people()


def test_two_ways_to_write_a_letter_are_one_name(gallery):
    with pytest.raises(ValueError, match="enrolled already"):
        gallery.enroll("E\u0301mile", codes(3))
    with pytest.raises(ValueError, match="given twice"):
        gallery.enroll_many({"Zoe\u0308": codes(3), "Zo\u00eb": codes(4)})
    gallery.forget("E\u0301mile")
    assert list(gallery.people()) == ["Ada"]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("", ValueError, "1 to 200 printable"),
        ("  ", ValueError, "1 to 200 printable"),
        (" Ada", ValueError, "without space at its ends"),
        ("A\nda", ValueError, "printable"),
        ("A\0", ValueError, "printable"),
        ("\ud800", ValueError, "printable"),
        ("x" * (MAX_NAME + 1), ValueError, "1 to 200"),
        (b"Ada", TypeError, "text, got bytes"),
        (7, TypeError, "text, got int"),
        ("Ada", ValueError, "add=True"),
    ],
)
def test_refuses_a_name_and_changes_nothing(gallery, name, error, message):
    before = gallery.people()
    with pytest.raises(error, match=message):
        gallery.enroll(name, codes(7))
    assert gallery.people() == before


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (codes(1)[0], r"\(n, 128\), got \(128,\).*codes\[None\]"),
        (codes(1, dimension=64), r"got \(3, 64\)"),
        (np.empty((0, 128)), "no embedding.*was a face found"),
        (np.full((1, 128), np.nan), "finite.*got NaN"),
        (np.full((1, 128), np.inf), "finite.*infinity"),
        (np.full((1, 128), 1e300), "finite and at most 1e\\+15"),
    ],
)
def test_refuses_embeddings_and_changes_nothing(gallery, embeddings, message):
    with pytest.raises(ValueError, match=message):
        gallery.enroll_many({"New": codes(4), "Bad": embeddings})
    with pytest.raises(ValueError, match=message):
        gallery.enroll("Ada", embeddings, add=True)
    assert gallery.people() == {"Ada": 3, "Émile": 3}


def test_all_or_nobody_is_enrolled(gallery):
    with pytest.raises(ValueError, match="'Ada' is enrolled already"):
        gallery.enroll_many({"New": codes(4), "Ada": codes(5)})
    with pytest.raises(ValueError, match="nobody is called 'New'"):
        gallery.enroll("New", codes(4), add=True)
    assert gallery.people() == {"Ada": 3, "Émile": 3}


def test_refuses_a_senseless_query(gallery):
    with pytest.raises(ValueError, match="identify_many"):
        gallery.identify(codes(1))
    with pytest.raises(ValueError, match=r"\(n, 128\)"):
        gallery.identify(np.zeros(64))
    with pytest.raises(ValueError, match="NaN"):
        gallery.identify(np.full(128, np.nan))
    for threshold in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="0 or more"):
            gallery.identify(codes(1)[0], threshold=threshold)


def test_the_dimension_belongs_to_the_file(tmp_path):
    with Gallery(tmp_path / "small", dimension=2) as gallery:
        gallery.enroll("Ada", np.eye(2))
        assert gallery.identify(np.array([1.0, 0.1])) == Match("Ada", pytest.approx(0.1))
    with Gallery(tmp_path / "small") as gallery:
        assert gallery.dimension == 2
    with pytest.raises(ValueError, match="dimension 2, not 128"):
        Gallery(tmp_path / "small", dimension=128)


# What is no gallery


def _foreign(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (name)")
    connection.close()


def _newer(path):
    Gallery(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {gallery_schema.SCHEMA_VERSION + 1}")
    connection.close()


def _damaged(path):
    with Gallery(path) as gallery:
        gallery.enroll("Ada", codes(1, n=100))
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * 3996)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("just a text\n" * 50), "no SQLite file"),
        (_foreign, "SQLite file, but not a gallery"),
        (_newer, "newer version of the package"),
        (_damaged, "damaged"),
    ],
)
def test_leaves_another_file_as_it_is(path, make, message):
    make(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message):
        Gallery(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_refuses_folders_and_missing_files(tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        Gallery(tmp_path)
    with pytest.raises(FileNotFoundError, match="create it first"):
        Gallery(tmp_path / "no" / "people.gallery")
    with pytest.raises(FileNotFoundError, match="create=True"):
        Gallery(tmp_path / "people.gallery", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="file permissions of POSIX")
def test_says_that_it_may_not_write():
    # SQLite asks the system, and root may write everywhere: then ask as nobody.
    script = (
        "import os, sys; from companion.tasks import gallery_schema\n"
        "from pathlib import Path\n"
        "os.getuid() or os.setuid(65534)\n"
        "try: gallery_schema.connect(Path(sys.argv[1]), None, create=True, timeout=1)\n"
        "except PermissionError as error: print(error)\n"
    )
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to other users
        path = Path(folder) / "people.gallery"
        Gallery(path).close()
        path.chmod(0o444)
        path.parent.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
        )
        path.parent.chmod(0o755)
    assert "cannot be written" in done.stdout


# Keeping


_ENROLLER = """
import sys
import numpy as np
from companion.tasks.gallery_store import Store
from pathlib import Path

store = Store(Path(sys.argv[1]), 128, create=True, timeout=30)
for number in range(100_000):
    store.add({f"person {number}": np.full((3, 128), number, np.float32)}, known=False)
    print(number, flush=True)
"""


def test_what_enroll_returned_survives_a_kill(tmp_path):
    rng = np.random.default_rng(0)
    for trial in range(4):
        path = tmp_path / f"{trial}.gallery"
        with subprocess.Popen(
            [sys.executable, "-c", _ENROLLER, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            first = process.stdout.readline()
            time.sleep(rng.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            told = [int(line) for line in [first, *process.stdout] if line.endswith("\n")]
        assert process.returncode == -signal.SIGKILL
        assert told
        with Gallery(path) as gallery:
            people = gallery.people()
            assert set(people.values()) == {3}  # nobody stands there by half
            assert {f"person {number}" for number in told} <= set(people)
            assert len(people) - len(told) in (0, 1)  # stored, but killed before telling
            last = np.full(128, told[-1], np.float32)
            assert gallery.identify(last) == Match(f"person {told[-1]}", 0.0)
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


def test_keeps_the_promises_that_the_file_makes(gallery):
    connection = gallery._store._connection
    for pragma, value in [
        ("foreign_keys", 1),
        ("journal_mode", "wal"),
        ("synchronous", 2),  # FULL: the log is synced at every commit
        ("secure_delete", 1),
        ("application_id", gallery_schema.APPLICATION_ID),
        ("user_version", gallery_schema.SCHEMA_VERSION),
    ]:
        assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,), pragma


def test_exports_everything_whole_or_not_at_all(gallery, tmp_path):
    target = tmp_path / "all.npz"
    gallery.export(target)
    with np.load(target) as archive:
        assert archive["names"].tolist() == ["Ada"] * 3 + ["Émile"] * 3
        np.testing.assert_array_equal(archive["embeddings"], np.concatenate([codes(1), codes(2)]))
    before = target.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", _full_disk)
        with pytest.raises(OSError, match="disk full"):
            gallery.export(target)
    assert target.read_bytes() == before
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def _full_disk(_):
    raise OSError("disk full")


# Forgetting


def test_no_byte_of_a_forgotten_person_remains(path):
    """Many come and go in no order, so that the database moves rows between its pages."""
    rng = np.random.default_rng(0)
    people = {
        f"{rng.integers(10**9):09}-person-{'x' * rng.integers(100)}": codes(i, n=rng.integers(1, 4))
        for i in range(200)
    }
    with Gallery(path) as gallery, Gallery(path) as reader:
        for name, embeddings in people.items():
            gallery.enroll(name, embeddings)
        reader.identify(codes(0)[0])
        gone = [str(name) for name in rng.permutation(list(people))[:100]]
        for name in gone:
            pieces = [
                name.encode()[:16],
                *(code.tobytes()[at : at + 32] for code in people[name] for at in (0, 240, 480)),
            ]
            before = contents(path)
            assert all(piece in before for piece in pieces)
            gallery.forget(name)
            after = contents(path)
            assert not any(piece in after for piece in pieces)
        assert gallery.people().keys() == people.keys() - set(gone)
        with pytest.raises(LookupError, match="nobody is called"):
            gallery.forget(gone[0])
        kept = next(iter(gallery.people()))
        assert reader.identify(people[kept][0]) == Match(kept, 0.0)
        assert reader.identify(people[gone[0]][0]) is None


def test_a_deletion_that_was_cut_short_is_finished_at_the_next_opening(gallery, path):
    gallery.enroll("Marguerite", codes(3, n=40))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery._store, "scrub", _interrupted)
        with pytest.raises(InterruptedError):
            gallery.forget("Marguerite")
    assert b"Marguerite" in contents(path)
    with Gallery(path) as again:
        assert b"Marguerite" not in contents(path)
        assert codes(3, n=40)[7].tobytes() not in contents(path)
        assert list(again.people()) == ["Ada", "Émile"]


def _interrupted():
    raise InterruptedError


def test_says_when_a_reader_keeps_the_bytes_alive(path):
    with Gallery(path, timeout=0.1) as gallery:
        gallery.enroll("Ada", codes(1))
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM people").fetchall()
        with pytest.raises(TimeoutError, match="call scrub"):
            gallery.forget("Ada")
        assert gallery.people() == {}
        reader.execute("COMMIT")
        reader.close()
        gallery.scrub()
        assert b"Ada" not in contents(path)


# Together


def test_a_reader_sees_what_another_process_writes(gallery, path):
    def told():
        return process.stdout.readline().strip()

    script = (
        "import sys; from companion.tasks.gallery import Gallery; import numpy as np\n"
        "with Gallery(sys.argv[1]) as gallery:\n"
        "    for line in sys.stdin:\n"
        "        match = gallery.identify(np.full(128, float(line)), threshold=0.001)\n"
        "        print(match.name if match else 'nobody', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        for step, expected in [(None, "nobody"), ("enroll", "Seven"), ("forget", "nobody")]:
            if step == "enroll":
                gallery.enroll("Seven", np.full((1, 128), 7.0))
            if step == "forget":
                gallery.forget("Seven")
            process.stdin.write("7\n")
            assert told() == expected
        process.stdin.close()


def test_a_second_writer_waits_or_is_told(path):
    with Gallery(path, timeout=0.1) as gallery:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TimeoutError, match=r"busy for 0\.1 s"):
            gallery.enroll("Ada", codes(1))
        assert gallery.identify(codes(1)[0]) is None  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        gallery.enroll("Ada", codes(1))


def test_threads_share_one_gallery(gallery):
    problems = []

    def work(number):
        try:
            for step in range(10):
                name, code = f"{number}-{step}", codes(100 * number + step, n=1)
                gallery.enroll(name, code)
                assert gallery.identify(code[0]) == Match(name, 0.0)
        except BaseException as error:
            problems.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(gallery) == 2 + 4 * 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_is_not_carried_across_a_fork(gallery):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            gallery.people()
        except RuntimeError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert b"open it in the new process" in os.read(read, 1000)


def test_processes_that_create_it_together_make_one_gallery(path):
    script = (
        "import sys; import numpy as np; from pathlib import Path\n"
        "from companion.tasks.gallery_store import Store\n"
        "print(flush=True); sys.stdin.readline()\n"
        "store = Store(Path(sys.argv[1]), 128, create=True, timeout=60)\n"
        "store.add({sys.argv[2]: np.zeros((1, 128), np.float32)}, known=False)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "abcd"
    ]
    for process in processes:
        process.stdout.readline()  # it is ready: all start together
    for process in processes:
        process.communicate("\n", timeout=120)
    assert [process.returncode for process in processes] == [0] * 4
    with Gallery(path) as gallery:
        assert gallery.people() == dict.fromkeys("abcd", 1)


def test_a_copy_of_a_closed_gallery_is_a_gallery(gallery, path):
    gallery.close()
    copy = Path(shutil.copy(path, path.with_name("copy")))
    with Gallery(copy, create=False) as other:
        assert other.people() == {"Ada": 3, "Émile": 3}
