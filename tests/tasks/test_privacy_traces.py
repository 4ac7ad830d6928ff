"""The search for a person's bytes finds what is planted, and says nothing of what is not there."""

import json
import sqlite3

import numpy as np
import pytest

from companion.tasks.gallery import Gallery
from companion.tasks.privacy_traces import find_traces


def codes(seed, n=3, dimension=128):
    return np.random.default_rng(seed).normal(size=(n, dimension)).astype(np.float32) / 8


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-le"])
def test_finds_a_name_in_three_encodings_and_hidden_files(tmp_path, encoding):
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / ".hidden"
    file.write_bytes(b"\0" * 10 + "Émile".encode(encoding) + b"\0" * 10)
    assert find_traces(tmp_path, "E\u0301mile") == [(file, 10, f"name in {encoding}")]
    assert find_traces(tmp_path, "Marguerite") == []


def test_finds_a_name_in_json(tmp_path):
    (tmp_path / "log").write_text(json.dumps({"who": "Émile"}), encoding="utf-8")
    assert [trace.what for trace in find_traces(tmp_path, "Émile")] == ["name in JSON"]


@pytest.mark.parametrize("kind", ["<f4", "<f8"])
def test_finds_a_rest_of_an_embedding(tmp_path, kind):
    vector = codes(1)[1].astype(kind)
    rest = vector.tobytes()[-4 * vector.itemsize :]  # all but the last four numbers overwritten
    (tmp_path / "file").write_bytes(b"\xff" * 5 + rest)
    found = find_traces(tmp_path, "Marguerite", codes(1))
    assert found == [(tmp_path / "file", 5, "embedding")]
    assert find_traces(tmp_path, "Marguerite", codes(2)) == []


def test_zeros_are_no_trace(tmp_path):
    (tmp_path / "file").write_bytes(bytes(1000))
    assert find_traces(tmp_path, "Marguerite", np.zeros((1, 128))) == []


def _deleted(path, secure):
    """A plain database, from which a row was deleted as textbooks do it."""
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA secure_delete = {secure}")
    connection.execute("CREATE TABLE people (name TEXT, vector BLOB)")
    rows = [(f"person {seed}", codes(seed, n=1).tobytes()) for seed in range(30)]
    connection.executemany("INSERT INTO people VALUES (?, ?)", rows)
    connection.commit()
    connection.execute("DELETE FROM people WHERE name = 'person 17'")
    connection.commit()
    assert not connection.execute("SELECT * FROM people WHERE name = 'person 17'").fetchall()
    connection.close()


def test_the_planted_fault_a_plain_delete_leaves_the_bytes(tmp_path):
    for number, secure in enumerate(("OFF", "ON")):
        folder = tmp_path / secure
        folder.mkdir()
        _deleted(folder / "people.db", secure)
        found = {trace.what for trace in find_traces(folder, "person 17", codes(17, n=1))}
        assert found == ({"name in utf-8", "embedding"}, set())[number]


def test_the_gallery_leaves_none_also_in_its_log(tmp_path):
    with Gallery(tmp_path / "people.gallery") as gallery:
        for seed in range(60):
            gallery.enroll(f"person {seed}!", codes(seed))
        before = find_traces(tmp_path, "person 17!", codes(17))
        assert "people.gallery-wal" in {trace.file.name for trace in before}
        gallery.forget("person 17!")
        assert find_traces(tmp_path, "person 17!", codes(17)) == []
        assert find_traces(tmp_path, "person 18!", codes(18))
    assert find_traces(tmp_path, "person 17!", codes(17)) == []


def test_refuses_what_cannot_be_looked_for(tmp_path):
    with pytest.raises(ValueError, match="at least 3 characters"):
        find_traces(tmp_path, "Bo")
    with pytest.raises(ValueError, match=r"codes\[None\]"):
        find_traces(tmp_path, "Marguerite", codes(1)[0])
    with pytest.raises(NotADirectoryError, match="no such folder"):
        find_traces(tmp_path / "no", "Marguerite")
