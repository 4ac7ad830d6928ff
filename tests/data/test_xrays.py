import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import max_pool2d

from companion.data.splits import Split, stratified_split
from companion.data.xrays import CLASSES, load_lung_masks, load_xrays


@pytest.fixture(scope="module")
def xrays():
    return load_xrays(size=64)


@pytest.fixture
def folder(tmp_path):
    """Two patients of each class, one of the healthy ones with two pictures."""
    generator = np.random.default_rng(0)
    names = {
        "NORMAL": ("IM-0001-0001.jpeg", "NORMAL2-IM-0001-0001.jpeg", "IM-0001-0002.jpeg"),
        "PNEUMONIA": ("person1_virus_6.jpeg", "person2_bacteria_7.jpeg"),
    }
    for label, files in names.items():
        (tmp_path / label).mkdir()
        for file in files:
            pixels = generator.integers(0, 256, (224, 224), np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / file)
    return tmp_path


def test_the_carrier_holds_what_its_table_says(xrays):
    assert xrays.images.shape == (3166, 1, 64, 64)
    assert xrays.images.dtype == torch.uint8
    assert xrays.labels.bincount().tolist() == [1583, 1583]
    assert len(set(xrays.patients)) == 2457
    published = np.array([file.split(os.sep)[0] for file in xrays.files])
    both = set(xrays.patients[published == "train"]) & set(xrays.patients[published == "test"])
    assert len(both) == 174
    assert not xrays.skipped


def test_labels_belong_to_their_files(xrays):
    assert all(
        CLASSES[label] == file.split(os.sep)[1]
        for label, file in zip(xrays.labels.tolist(), xrays.files, strict=True)
    )
    healthy = np.array(["IM-" in patient for patient in xrays.patients])
    assert (healthy == (xrays.labels.numpy() == 0)).all()


def test_full_size_pictures_are_the_files_own_pixels(folder):
    xrays = load_xrays(folder, size=224)
    for image, file in zip(xrays.images, xrays.files, strict=True):
        assert (image[0].numpy() == np.asarray(Image.open(folder / file))).all()


def test_smaller_pictures_are_averages(xrays):
    row = 17
    whole = np.asarray(Image.open(xrays.folder / xrays.files[row]), float)
    blocks = whole.reshape(32, 7, 32, 7).mean((1, 3))
    small = load_xrays(size=32).images[row, 0].numpy()
    assert np.abs(small - blocks).mean() < 2  # Pillow weighs with a triangle, of the same mean


def test_parts_share_no_patient_and_keep_rows_together(xrays):
    train, test = xrays.parts(held_out=0.25, seed=3)
    assert not set(train.patients) & set(test.patients)
    assert len(train) + len(test) == len(xrays)
    assert len(test) / len(xrays) == pytest.approx(0.25, abs=0.02)
    rows = {file: row for row, file in enumerate(xrays.files)}
    where = [rows[file] for file in test.files]
    assert (xrays.images[where] == test.images).all()
    assert (xrays.labels[where] == test.labels).all()
    assert (xrays.patients[where] == test.patients).all()


def test_a_split_with_a_patient_in_both_parts_is_refused_unless_told(xrays):
    split = stratified_split(xrays.labels, held_out=0.2, seed=0)
    with pytest.raises(ValueError, match=r"patients stand in both parts, .* among them"):
        xrays.parts(split)
    train, test = xrays.parts(split, allow_shared_patients=True)
    assert set(train.patients) & set(test.patients)


def test_masks_lie_on_their_xrays(xrays):
    part = xrays.take(np.arange(0, len(xrays), 2))
    lungs = load_lung_masks(part)
    everything = load_lung_masks(xrays)
    assert len(everything.rows) == 299
    assert (part.labels[lungs.rows] == 0).all()
    by_file = {
        xrays.files[row]: m for row, m in zip(everything.rows, everything.masks, strict=True)
    }
    assert all(
        (mask == by_file[part.files[row]]).all()
        for row, mask in zip(lungs.rows, lungs.masks, strict=True)
    )
    images = xrays.images[everything.rows].float()
    around = max_pool2d(everything.masks.float(), 9, stride=1, padding=4).bool() & ~everything.masks
    assert images[everything.masks].mean() < images[around].mean() - 20  # lungs hold air: dark


def test_masks_need_an_xray_that_has_one(xrays):
    with pytest.raises(ValueError, match="holds no mask for any of the 1 X-rays"):
        load_lung_masks(xrays.take(torch.nonzero(xrays.labels == 1)[0]))


def damage(folder, kind):
    file = folder / "PNEUMONIA" / "person3_virus_1.jpeg"
    good = folder / "PNEUMONIA" / "person1_virus_6.jpeg"
    if kind == "cut off":
        file.write_bytes(good.read_bytes()[:5000])
    elif kind == "text":
        file.write_text("not a picture")
    elif kind == "colour":
        Image.new("RGB", (224, 224)).save(file)
    elif kind == "size":
        Image.new("L", (300, 200)).save(file)
    else:
        file = folder / "PNEUMONIA" / "scan.jpeg"
        shutil.copy(good, file)
    return file


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("cut off", "truncated"),
        ("text", "cannot identify"),
        ("colour", "mode RGB, but 224 x 224 and grey are needed"),
        ("size", "300 x 200 pixels, grey, but"),
        ("name", "does not begin with a patient"),
    ],
)
def test_a_bad_file_stops_the_reading_or_is_reported(folder, kind, reason):
    file = damage(folder, kind)
    with pytest.raises(ValueError, match=rf"{file.name}.*{reason}"):
        load_xrays(folder)
    xrays = load_xrays(folder, skip_bad=True)
    assert len(xrays) == 5
    [skipped] = xrays.skipped
    assert skipped.file == os.path.join("PNEUMONIA", file.name)
    assert reason in skipped.reason


def test_an_empty_class_is_named(folder):
    for file in (folder / "NORMAL").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match="class NORMAL has no picture"):
        load_xrays(folder)


def test_one_patient_cannot_be_split(folder):
    xrays = load_xrays(folder)
    alone = xrays.take(torch.nonzero(torch.from_numpy(xrays.patients == "IM-0001"))[:, 0])
    with pytest.raises(ValueError, match=r"two classes|two groups"):
        alone.parts()
    with pytest.raises(ValueError, match="IM-0001 among them"):
        alone.parts(Split(np.array([0]), np.array([1])))


def test_columns_of_several_lengths_are_refused(xrays):
    with pytest.raises(ValueError, match=r"one label, patient and file.*'labels': 10"):
        replace(xrays, labels=xrays.labels[:10])


def test_a_folder_of_another_layout_says_what_is_needed(tmp_path):
    with pytest.raises(ValueError, match="needs folders called NORMAL and PNEUMONIA"):
        load_xrays(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load_xrays(tmp_path / "missing")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        load_xrays(tmp_path, size=0)
