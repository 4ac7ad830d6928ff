"""Models: loaded on first use, once, shared by threads; the embedding agrees with dlib's own."""

import subprocess
import sys
import threading

import dlib
import numpy as np
import pytest
import torch
from skimage import data

from companion.data import carriers
from companion.models.face_detector import read_detector
from companion.models.face_embedding import read_embedding
from companion.tasks import face_models, faces
from companion.tasks.face_models import FaceModels

FILE = face_models.FILES["embedding"]


def test_the_network_computes_what_dlib_computes(models_folder):
    astronaut = data.astronaut()
    face = faces.align(astronaut, faces.detect(astronaut, method="hog").boxes)[0]
    noise = np.random.default_rng(0).integers(0, 256, (2, 150, 150, 3), dtype=np.uint8)
    chips = [face, noise[0], noise[1], np.zeros_like(face)]
    model = dlib.face_recognition_model_v1(str(models_folder / FILE))
    expected = np.array(model.compute_face_descriptor(chips, 0))
    np.testing.assert_allclose(faces.embed_chips(chips, mirror=False), expected, atol=1e-5)


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="needs an accelerator")
def test_an_accelerator_computes_the_same(models_folder):
    chips = np.random.default_rng(0).integers(0, 256, (3, 150, 150, 3), dtype=np.uint8)
    models = FaceModels(device="auto")
    codes = faces.embed_chips(chips, models=models)
    np.testing.assert_allclose(codes, faces.embed_chips(chips), atol=1e-3)
    found = faces.detect(data.astronaut(), method="cnn", upsample=1, models=models)
    expected = faces.detect(data.astronaut(), method="cnn", upsample=1)
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-2)


def test_batches_do_not_change_the_numbers(models_folder, monkeypatch):
    chips = np.random.default_rng(0).integers(0, 256, (5, 150, 150, 3), dtype=np.uint8)
    together = faces.embed_chips(chips)
    monkeypatch.setattr(faces, "_BATCH", 2)
    np.testing.assert_allclose(faces.embed_chips(chips), together, atol=1e-5)


def test_refuses_a_file_that_holds_another_model(models_folder, tmp_path):
    with pytest.raises(ValueError, match="is not dlib's face embedding"):
        read_embedding(models_folder / face_models.FILES["cnn"])
    with pytest.raises(ValueError, match="is not dlib's face detector"):
        read_detector(models_folder / FILE)
    content = (models_folder / FILE).read_bytes()
    cut = tmp_path / "cut.dat"
    cut.write_bytes(content[:5_000_000])
    with pytest.raises(ValueError, match=r"damaged|found 0 of 'nothing'"):
        read_embedding(cut)
    start = content.index(b"\x07affine_")
    cut.write_bytes(content[:start] + b"\x07another" + content[start + 8 :])
    with pytest.raises(ValueError, match="expected 64 numbers of a layer 'affine_', found"):
        read_embedding(cut)


def test_refuses_a_damaged_detector_wherever_it_breaks(models_folder, tmp_path):
    content = (models_folder / face_models.FILES["cnn"]).read_bytes()
    cut = tmp_path / "cut.dat"
    first, layer = content.index(b"\x05con_4"), content.index(b"\x07bn_con2")
    longer = content[:first] + b"\x05con_4\x01\x02\x01\x02" + content[first + 10 :]  # 2 numbers
    ends = [content[:end] for end in (100, first + 8, first + 3000, layer + 30, len(content) // 2)]
    for damaged in (*ends, content[:layer] + b"\x05other__" + content[layer + 8 :], longer):
        cut.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"cut\.dat: is damaged, or is not dlib's face det"):
            read_detector(cut)


def test_names_the_cure_for_missing_files(tmp_path, monkeypatch):
    image = np.zeros((64, 64, 3), np.uint8)
    empty = FaceModels(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"companion\.data install dlib-models"):
        faces.detect(image, method="cnn", models=empty)
    assert len(faces.detect(image, method="hog", models=empty)) == 0  # needs no file
    monkeypatch.setenv("COMPANION_DATA_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"companion\.data install dlib-models"):
        faces.landmarks(image, [[0, 0, 64, 64]], models=FaceModels())


def test_loads_each_model_once_for_all_threads(models_folder, monkeypatch):
    loads = []
    original = dlib.shape_predictor
    monkeypatch.setattr(dlib, "shape_predictor", lambda file: loads.append(file) or original(file))
    models, image = FaceModels(), data.astronaut()
    box = np.array([[179.0, 83, 266, 170]])
    expected, results = faces.landmarks(image, box), []
    threads = [
        threading.Thread(target=lambda: results.append(faces.landmarks(image, box, models=models)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len(results) == 8
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_a_failed_load_is_tried_again(models_folder, tmp_path):
    models = FaceModels(tmp_path)
    image, box = np.zeros((64, 64, 3), np.uint8), [[0, 0, 64, 64]]
    with pytest.raises(FileNotFoundError):
        faces.landmarks(image, box, models=models)
    name = face_models.FILES["points 5"]
    (tmp_path / name).symlink_to(models_folder / name)
    assert faces.landmarks(image, box, models=models).shape == (1, 5, 2)


def test_importing_loads_no_model(tmp_path):
    script = (
        "from companion.tasks import faces, face_models\n"
        "shared = face_models.SHARED\n"
        "guards = [shared._hog, shared._cnn, shared._embedding, *shared._predictors.values()]\n"
        "assert all(guard._model is None for guard in guards)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_every_file_is_in_the_installed_set(models_folder):
    assert carriers.path("dlib-models") in models_folder.parents
    for name in face_models.FILES.values():
        assert (models_folder / name).is_file()
