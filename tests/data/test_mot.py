import numpy as np
import pytest

from companion.data.mot import read_mot


def test_reads_boxes_and_identities_by_picture(tmp_path):
    file = tmp_path / "gt.txt"
    file.write_text(
        "1,4,10,20,30,40,1,-1,-1,-1\n3,4,12,20,30,40,1,-1,-1,-1\n3,9,0,0,5,5,0,-1,-1,-1\n"
    )
    tracks = read_mot(file)
    assert [ids.tolist() for ids in tracks.identities] == [[4], [], [4]]
    np.testing.assert_array_equal(tracks.boxes[2], [[12, 20, 42, 60]])
    assert tracks.boxes[1].shape == (0, 4)
    assert len(read_mot(file, pictures=5).boxes) == 5


def test_an_empty_file_has_no_pictures(tmp_path):
    file = tmp_path / "test.txt"
    file.write_text("\n")
    assert read_mot(file).boxes == []
    assert [len(b) for b in read_mot(file, pictures=2).boxes] == [0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [("1,2,3\n", "got 3 numbers"), ("1,2,3,4,5,6\n1,2\n", "same count"), ("1,a,3,4,5,6", "numbers"),
     ("0,1,2,3,4,5", "lie between 1")],
)  # fmt: skip
def test_bad_lines_are_named(tmp_path, text, message):
    file = tmp_path / "gt.txt"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_mot(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_mot(tmp_path / "gt.txt")
