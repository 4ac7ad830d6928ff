"""The sealed gallery answers as the plain one does, and its file tells nothing."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from companion.tasks import privacy_gallery
from companion.tasks.gallery import Gallery, Match
from companion.tasks.privacy_gallery import SealedGallery
from companion.tasks.privacy_seal import WrongPasswordError
from companion.tasks.privacy_traces import find_traces

PASSWORD = "correct horse battery staple"


def codes(seed, n=3, dimension=128):
    return np.random.default_rng(seed).normal(size=(n, dimension)).astype(np.float32) / 8


def opened(path, password=PASSWORD, **settings):
    return SealedGallery(path, password, work=10, **settings)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "people.sealed"


@pytest.fixture
def gallery(path):
    with opened(path) as gallery:
        gallery.enroll("Ada", codes(1))
        gallery.enroll("Émile", codes(2))
        yield gallery


def test_answers_as_the_plain_gallery_through_a_random_life(tmp_path):
    """The slow reference: the same deeds done to both, the same answers after each."""
    rng = np.random.default_rng(0)
    names = [f"person {number}" for number in range(12)]
    queries = codes(99, n=20)
    with Gallery(tmp_path / "plain") as plain, opened(tmp_path / "sealed") as sealed:
        for step in range(60):
            name, more = str(rng.choice(names)), codes(step, n=int(rng.integers(1, 4)))
            known, leaves = name in plain.people(), rng.random() < 0.4
            for one in (plain, sealed):
                if known and leaves:
                    one.forget(name)
                else:
                    one.enroll(name, more, add=known)
            assert list(plain.people().items()) == list(sealed.people().items())
            assert len(plain) == len(sealed)
            expected = plain.identify_many(queries, threshold=9)
            assert sealed.identify_many(queries, threshold=9) == expected


def test_reads_everything_again_after_reopening(gallery, path):
    gallery.enroll("Ada", codes(3, n=2), add=True)
    gallery.close()
    gallery.close()
    with opened(path) as again:
        assert again.people() == {"Ada": 5, "Émile": 3}
        assert again.identify(codes(3)[1]) == Match("Ada", 0.0)
    with pytest.raises(ValueError, match="closed; open it again"):
        gallery.people()


def test_refuses_what_the_plain_gallery_refuses_and_changes_nothing(gallery, path):
    before = path.read_bytes()
    for people, message in [
        ({"New": codes(4), "Ada": codes(5)}, "enrolled already"),
        ({"Émile".replace("É", "E\u0301"): codes(5)}, "enrolled already"),
        ({"New": codes(4, dimension=64)}, r"got \(3, 64\)"),
        ({" New": codes(4)}, "without space"),
    ]:
        with pytest.raises(ValueError, match=message):
            gallery.enroll_many(people)
    with pytest.raises(ValueError, match="enroll without add=True"):
        gallery.enroll("New", codes(4), add=True)
    with pytest.raises(LookupError, match="nobody is called"):
        gallery.forget("New")
    assert path.read_bytes() == before
    assert gallery.people() == {"Ada": 3, "Émile": 3}


def test_no_byte_of_anybody_is_ever_in_the_folder(gallery, path):
    assert find_traces(path.parent, "Émile", codes(2)) == []
    gallery.forget("Émile")
    assert find_traces(path.parent, "Émile", codes(2)) == []
    assert gallery.identify(codes(2)[0]) is None


def test_a_forgotten_person_is_in_no_plain_byte_either(gallery, path):
    """Opened with the password, the new file holds the others alone."""
    gallery.forget("Émile")
    plain, _ = privacy_gallery.unseal(path.read_bytes(), PASSWORD)
    assert codes(1)[0].tobytes() in plain
    assert codes(2)[0].tobytes()[:16] not in plain
    assert "Émile".encode("utf-32-le") not in plain
    assert "Ada".encode("utf-32-le") in plain


# Who has no key


def test_the_plain_gallery_refuses_a_sealed_file(gallery, path):
    gallery.close()
    before = path.read_bytes()
    with pytest.raises(ValueError, match="no SQLite file; it was left as it is"):
        Gallery(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("password", "error", "message"),
    [
        ("another horse battery staple", WrongPasswordError, "people.sealed: the password does"),
        ("short", WrongPasswordError, "nothing was opened or changed"),
        ("", ValueError, "people.sealed: a password is needed"),
        (None, TypeError, "must be text"),
    ],
)
def test_a_wrong_or_no_password_opens_nothing_and_loses_nothing(
    gallery, path, password, error, message
):
    gallery.close()
    before = path.read_bytes()
    with pytest.raises(error, match=message):
        opened(path, password)
    assert path.read_bytes() == before
    with opened(path, timeout=0) as again:  # the lock was let go of, too
        assert len(again) == 2


def test_a_short_password_makes_no_file(path):
    with pytest.raises(ValueError, match="at least 12"):
        opened(path, "secret")
    assert not path.exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content[:-5], "cut off"),
        (lambda content: content[:20], "cut off or damaged"),
        (lambda content: content[:200] + b"\0" + content[201:], "changed or damaged"),
        (lambda content: b"", "no sealed file"),
        (lambda content: b"just a text\n" * 50, "no sealed file"),
    ],
)
def test_a_damaged_file_is_left_as_it_is(gallery, path, spoil, message):
    gallery.close()
    spoilt = spoil(path.read_bytes())
    path.write_bytes(spoilt)
    with pytest.raises(ValueError, match=f"people.sealed: .*{message}"):
        opened(path)
    assert path.read_bytes() == spoilt


def test_refuses_folders_missing_files_and_other_dimensions(gallery, tmp_path, path):
    with pytest.raises(ValueError, match="is a folder"):
        opened(tmp_path)
    with pytest.raises(FileNotFoundError, match="create it first"):
        opened(tmp_path / "no" / "people.sealed")
    with pytest.raises(FileNotFoundError, match="create=True"):
        opened(tmp_path / "other.sealed", create=False)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        opened(tmp_path / "other.sealed", dimension=0)
    gallery.close()
    with pytest.raises(ValueError, match="dimension 128, not 64"):
        opened(path, dimension=64)
    with opened(tmp_path / "small", dimension=2) as small:
        small.enroll("Ada", np.eye(2))
    with opened(tmp_path / "small") as small:
        assert small.dimension == 2


# Keeping


def test_a_full_disk_loses_nothing(gallery, path, monkeypatch):
    def full_disk(_):
        raise OSError("disk full")

    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        for deed in (
            lambda: gallery.enroll("New", codes(4)),
            lambda: gallery.forget("Ada"),
            lambda: gallery.change_password("another horse battery", work=10),
        ):
            with pytest.raises(OSError, match="disk full"):
                deed()
    assert path.read_bytes() == before
    assert gallery.people() == {"Ada": 3, "Émile": 3}
    gallery.enroll("New", codes(4))  # still under the old password
    gallery.close()
    with opened(path) as again:
        assert len(again) == 3


def test_after_a_change_the_old_password_opens_nothing(gallery, path):
    with pytest.raises(ValueError, match="at least 12"):
        gallery.change_password("secret")
    gallery.change_password("another horse battery", work=10)
    gallery.enroll("New", codes(4))
    gallery.close()
    with pytest.raises(WrongPasswordError):
        opened(path)
    with opened(path, "another horse battery") as again:
        assert again.people() == {"Ada": 3, "New": 3, "Émile": 3}


def test_what_a_killed_program_left_goes_at_the_next_opening(gallery, path):
    gallery.close()
    left = path.with_name(f".{path.name}.1.2.part")
    left.write_bytes(b"half")
    opened(path).close()
    assert not left.exists()


# Together


def test_a_second_program_waits_or_is_told(gallery, path):
    script = (
        "import sys; from companion.tasks.privacy_gallery import SealedGallery\n"
        "try: SealedGallery(sys.argv[1], sys.argv[2], timeout=0.1)\n"
        "except TimeoutError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), PASSWORD],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "another program has the gallery open" in done.stdout
    with pytest.raises(TimeoutError, match="close it there"):
        opened(path, timeout=0.1)


def test_threads_share_one_gallery(gallery, path):
    def enroll(number):
        gallery.enroll(f"person {number}", codes(number))

    threads = [threading.Thread(target=enroll, args=(number,)) for number in range(10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gallery.close()
    with opened(path) as again:
        assert len(again) == 12
        assert again.identify(codes(15)[1]) == Match("person 15", 0.0)
