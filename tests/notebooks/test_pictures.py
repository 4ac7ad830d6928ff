"""Two pictures are the same up to small drift, and not beyond."""

import base64
import io

import numpy as np
import pytest
from matplotlib import style
from matplotlib.figure import Figure
from nbtools import pictures
from PIL import Image, ImageFilter
from skimage import data

from companion.plotting import plot_curves
from companion.plotting.style import STYLE

EPOCHS = np.arange(1, 21)


def encode(picture, kind="png", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return base64.b64encode(file.getvalue()).decode()


def plot(loss, *, ylabel="loss", pad=0.1, kind="png"):
    with style.context(["default", STYLE]):
        fig = Figure(figsize=(6, 4))
        plot_curves({"train": loss}, fig.add_subplot(), ylabel=ylabel)
        file = io.BytesIO()
        fig.savefig(file, format=kind, bbox_inches="tight", pad_inches=pad)
    return base64.b64encode(file.getvalue()).decode()


FALLING = 1 / EPOCHS
STORED = plot(FALLING)


def test_the_same_picture_is_the_same():
    assert pictures.difference(STORED, plot(FALLING)) is None


@pytest.mark.parametrize(
    "fresh",
    [
        plot(FALLING + 0.01 * np.sin(EPOCHS)),  # a drift of one per cent of the axis
        plot(FALLING, pad=0.11),  # a margin one pixel wider
    ],
    ids=["drift", "margin"],
)
def test_small_drift_passes(fresh):
    assert pictures.difference(STORED, fresh) is None


@pytest.mark.parametrize(
    "fresh",
    [
        plot(1 - FALLING),
        plot(0.6 / EPOCHS + 0.4),
        plot(1.05 * FALLING),
        plot(FALLING, ylabel="accuracy"),
        plot(np.where(EPOCHS == 12, 0.6, FALLING)),
    ],
    ids=["another curve", "another end", "another scale", "another label", "an outlier"],
)
def test_another_line_plot_is_caught_though_most_of_it_is_ground(fresh):
    assert "show something else" in pictures.difference(STORED, fresh)


def test_a_curve_may_drift_where_that_is_said_but_not_be_gone_or_another():
    moved = plot(FALLING + 0.03 * np.sin(EPOCHS / 2))
    assert "show something else" in pictures.difference(STORED, moved)
    assert pictures.difference(STORED, moved, drifts=True) is None
    for wrong in (plot(1 - FALLING), plot(1.4 * FALLING), plot(FALLING[:8]), plot(0 * FALLING)):
        assert pictures.difference(STORED, wrong, drifts=True) is not None


def test_the_mean_alone_would_not_see_another_curve():
    one, other = (np.asarray(pictures.decode(p), float) for p in (STORED, plot(1 - FALLING)))
    assert np.abs(one - other).mean() < pictures.MEAN


def test_jpeg_plots_are_compared_alike():
    stored = plot(FALLING, kind="jpeg")
    assert pictures.difference(stored, plot(FALLING + 0.01 * np.sin(EPOCHS), kind="jpeg")) is None
    assert pictures.difference(stored, plot(1 - FALLING, kind="jpeg")) is not None


def test_another_size_is_caught_beyond_three_pixels():
    ground = Image.new("RGB", (100, 80), "white")
    for extra in range(6):
        grown = ground.resize((100 + extra, 80))
        same = pictures.difference(encode(ground), encode(grown)) is None
        assert same == (extra <= 3)


def test_another_photograph_is_caught_and_varies_allows_it():
    one, other = Image.fromarray(data.chelsea()), Image.fromarray(data.coffee())
    one, other = one.resize((150, 100)), other.resize((150, 100))
    assert "mean difference" in pictures.difference(encode(one), encode(other))
    assert pictures.difference(encode(one), encode(other), varies=True) is None
    assert "the size is 149x90" in pictures.difference(
        encode(one), encode(other.resize((149, 90))), varies=True
    )


def test_a_photograph_with_noise_or_as_jpeg_passes():
    photograph = Image.fromarray(data.chelsea())
    rng = np.random.default_rng(0)
    noisy = np.clip(np.asarray(photograph, float) + rng.normal(0, 3, (300, 451, 3)), 0, 255)
    stored = encode(photograph)
    assert pictures.difference(stored, encode(Image.fromarray(noisy.astype(np.uint8)))) is None
    assert pictures.difference(stored, encode(photograph, "jpeg", quality=85)) is None


def test_a_face_painted_over_in_a_photograph_is_caught():
    photograph = Image.fromarray(data.astronaut())
    painted = photograph.copy()
    face = (170, 60, 290, 210)
    painted.paste(photograph.crop(face).filter(ImageFilter.GaussianBlur(40)), face)
    assert pictures.difference(encode(photograph), encode(painted)) is not None


def test_the_difference_is_the_same_in_both_directions():
    other = plot(0.6 / EPOCHS + 0.4)
    assert pictures.difference(STORED, other) == pictures.difference(other, STORED)


@pytest.mark.parametrize("broken", ["", "no picture", STORED[: len(STORED) // 8 * 4]])
def test_a_broken_picture_is_an_error_with_a_reason(broken):
    with pytest.raises(ValueError, match="cannot be read"):
        pictures.difference(broken, STORED)
