import numpy as np
import pytest
import torch
from PIL import Image

from companion.data.cells import Cells, load_cells, module_of_each
from companion.data.splits import Split, stratified_split


@pytest.fixture(scope="module")
def cells():
    return load_cells(size=50)


@pytest.fixture
def folder(tmp_path):
    """Four cells of noise, one of each grade."""
    generator = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    lines = []
    for number, likelihood in enumerate(("0.0", "0.3333333333333333", "0.6666666666666666", "1.0")):
        pixels = generator.integers(0, 256, (300, 300), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/cell{number}.png")
        lines.append(f"images/cell{number}.png  {likelihood}   {('mono', 'poly')[number > 1]}\n")
    (tmp_path / "labels.csv").write_text("".join(lines))
    return tmp_path


def test_the_carrier_holds_what_its_authors_counted(cells):
    assert cells.images.shape == (2624, 1, 50, 50)
    assert cells.images.dtype == torch.uint8
    mono = torch.from_numpy(cells.kinds == "mono")
    assert cells.grades[mono].bincount().tolist() == [588, 117, 56, 313]
    assert cells.grades[~mono].bincount().tolist() == [920, 178, 50, 402]
    assert cells.bad.sum() == 106 + 715
    torch.testing.assert_close(cells.likelihoods, cells.grades / 3)


def test_bad_cells_are_darker_and_rows_belong_together(cells):
    light = cells.images.float().mean(dim=(1, 2, 3))
    assert light[cells.bad].mean() < light[cells.grades == 0].mean() - 5  # what is dark is broken
    part = cells.take([5, 2000, 7])
    for row, whole in enumerate((5, 2000, 7)):
        assert part.files[row] == cells.files[whole]
        assert (part.images[row] == cells.images[whole]).all()
        assert part.grades[row] == cells.grades[whole]
        assert part.kinds[row] == cells.kinds[whole]
        assert part.modules[row] == cells.modules[whole]


def test_full_size_pictures_are_the_files_own_pixels(folder):
    cells = load_cells(folder, size=300, module_sizes=(2, 1, 1))
    for image, file in zip(cells.images, cells.files, strict=True):
        assert (image[0].numpy() == np.asarray(Image.open(folder / file))).all()
    assert cells.grades.tolist() == [0, 1, 2, 3]
    assert cells.kinds.tolist() == ["mono", "mono", "poly", "poly"]


def test_smaller_pictures_are_averages(cells):
    whole = np.asarray(Image.open(cells.folder / cells.files[17]), float)
    blocks = whole.reshape(50, 6, 50, 6).mean((1, 3))
    assert np.abs(cells.images[17, 0].numpy() - blocks).mean() < 3  # Pillow weighs by a triangle


def test_modules_are_runs_of_one_kind_as_many_as_the_authors_photographed(cells):
    numbers, counts = np.unique(cells.modules, return_counts=True)
    assert len(numbers) == 44
    assert (np.diff(cells.modules) >= 0).all()
    kinds = [set(cells.kinds[cells.modules == number]) for number in numbers]
    assert all(len(kind) == 1 for kind in kinds)
    assert sum(kind == {"mono"} for kind in kinds) == 18
    assert set(counts.tolist()) == {48, 50, 54, 60, 72}


def test_cells_look_more_like_those_of_their_own_module_than_like_those_next_to_it(cells):
    """The evidence for the sizes: six cells before a border look like the ten before them."""
    looks = cells.images.float().flatten(1)
    looks = torch.cat([looks, looks.sort(dim=1).values], dim=1)  # pixels, and their distribution
    own, other = [], []
    for border in np.flatnonzero(np.diff(cells.modules)) + 1:
        for near, mates, strangers in (
            (slice(border - 6, border), slice(border - 24, border - 6), slice(border, border + 18)),
            (slice(border, border + 6), slice(border + 6, border + 24), slice(border - 18, border)),
        ):
            middle = looks[near].median(dim=0).values
            own.append(float((looks[mates].median(dim=0).values - middle).norm()))
            other.append(float((looks[strangers].median(dim=0).values - middle).norm()))
    own, other = np.array(own), np.array(other)
    assert (own < other).mean() > 0.85
    assert np.median(other / own) > 1.6


def test_parts_share_no_module_and_both_have_all_strata(cells):
    train, test = cells.parts(held_out=0.3, seed=1)
    assert not set(train.modules) & set(test.modules)
    assert len(train) + len(test) == len(cells)
    assert len(test) / len(cells) == pytest.approx(0.3, abs=0.03)
    assert set(train.strata()) == set(test.strata()) == set(cells.strata())
    assert set(cells.strata()) == {"mono good", "mono bad", "poly good", "poly bad"}
    again = cells.parts(held_out=0.3, seed=1)[1]
    assert again.files == test.files
    assert cells.parts(held_out=0.3, seed=2)[1].files != test.files


def test_a_split_with_a_module_in_both_parts_is_refused_unless_told(cells):
    split = stratified_split(cells.grades, held_out=0.2, seed=0)
    with pytest.raises(ValueError, match=r"44 modules stand in both parts, 0 among them"):
        cells.parts(split)
    train, test = cells.parts(split, allow_shared_modules=True)
    assert len(train) + len(test) == len(cells)


def test_module_of_each_refuses_sizes_that_do_not_fit():
    assert module_of_each(["mono"] * 3 + ["poly"], [1, 2, 1]).tolist() == [0, 1, 1, 2]
    with pytest.raises(
        ValueError, match="module 1 would have cells of both kinds, from file 3 to 4"
    ):
        module_of_each(["mono"] * 3 + ["poly"], [1, 3])
    with pytest.raises(ValueError, match="4 cells need modules that add up to as many, got 2 of 3"):
        module_of_each(["mono"] * 4, [1, 2])
    with pytest.raises(ValueError, match="add up to as many"):
        module_of_each(["mono"] * 4, [5, -1])


@pytest.mark.parametrize(
    "line",
    [
        "images/cell0.png 0.5 mono",
        "images/cell0.png 1.3333 mono",
        "images/cell0.png -0.3333 mono",
        "images/cell0.png nan mono",
        "images/cell0.png inf mono",
        "images/cell0.png 1.0 amorphous",
        "images/cell0.png 1.0",
        "images/cell0.png likely mono",
        "images/cell0.png 1.0 mono extra",
    ],
)
def test_a_line_that_says_something_else_is_named(folder, line):
    with (folder / "labels.csv").open("a") as table:
        table.write(line + "\n")
    with pytest.raises(ValueError, match=r"labels\.csv, line 5: needs a path, a likelihood"):
        load_cells(folder, module_sizes=(2, 2))


def test_what_is_missing_or_damaged_is_named(folder):
    with pytest.raises(ValueError, match="size is a number of pixels"):
        load_cells(folder, size=0, module_sizes=(2, 2))
    file = folder / "images/cell1.png"
    content = file.read_bytes()
    file.write_bytes(content[:2000])
    with pytest.raises(ValueError, match=r"cell1\.png: cannot be used: .*truncated"):
        load_cells(folder, module_sizes=(2, 2))
    Image.new("RGB", (300, 300)).save(file)
    with pytest.raises(ValueError, match="in mode RGB, but 300 x 300 and grey are needed"):
        load_cells(folder, module_sizes=(2, 2))
    Image.new("L", (20, 30)).save(file)
    with pytest.raises(ValueError, match="20 x 30 pixels, grey, but"):
        load_cells(folder, module_sizes=(2, 2))
    file.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"cell1\.png: there is no such file, but the table"
    ):
        load_cells(folder, module_sizes=(2, 2))
    table = folder / "labels.csv"
    table.write_text(table.read_text() + "images/cell0.png 0.0 mono\n")
    with pytest.raises(ValueError, match=r"names images/cell0\.png twice"):
        load_cells(folder, module_sizes=(2, 2))
    table.write_text("\n")
    with pytest.raises(ValueError, match="lists no pictures"):
        load_cells(folder, module_sizes=(2, 2))
    table.unlink()
    with pytest.raises(FileNotFoundError, match="it lists the pictures"):
        load_cells(folder, module_sizes=(2, 2))


def test_a_missing_carrier_is_named_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_DATA_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"python -m companion\.data install cells"):
        load_cells()


def test_lengths_must_agree(folder):
    cells = load_cells(folder, size=8, module_sizes=(2, 2))
    with pytest.raises(ValueError, match="every cell needs one grade"):
        Cells(cells.images[:3], cells.grades, cells.kinds, cells.modules, cells.files, folder)
    with pytest.raises(ValueError, match="add up to as many"):
        load_cells(folder, size=8)


def test_explicit_rows(folder):
    cells = load_cells(folder, size=8, module_sizes=(2, 2))
    train, test = cells.parts(Split(np.array([3, 2]), np.array([0, 1])))
    assert train.files == ("images/cell3.png", "images/cell2.png")
    assert test.grades.tolist() == [0, 1]
