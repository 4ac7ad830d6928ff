"""The book's colours and settings, measured."""

import itertools
import json
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.color import deltaE_ciede2000, rgb2lab

from companion.plotting import use_style
from companion.plotting.style import CYCLE, GROUND, INK, STYLE

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def to_linear(color):
    color = np.asarray(color, float)
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def to_display(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def contrast(one, other):
    """The contrast ratio of WCAG 2, 1 to 21."""
    low, high = sorted(float(to_linear(c) @ (0.2126, 0.7152, 0.0722)) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def on_light_page(color):
    return np.asarray(to_rgb(color))


def on_dark_page(color):
    """The book's dark mode: brightness(.92)."""
    return np.asarray(to_rgb(color)) * 0.92


def on_the_themes_dark_page(color):
    """What the theme's own dark mode makes of a picture: brightness(.8), then contrast(1.2)."""
    return np.clip((np.asarray(to_rgb(color)) * 0.8 - 0.5) * 1.2 + 0.5, 0, 1)


PAGES = [on_light_page, on_dark_page, on_the_themes_dark_page]


def differences(colors, vision):
    seen = [to_display(VISION[vision] @ to_linear(to_rgb(c))) for c in colors]
    lab = rgb2lab(np.array(seen)[None])[0]
    return {
        (colors[i], colors[j]): float(deltaE_ciede2000(lab[i], lab[j]))
        for i, j in itertools.combinations(range(len(colors)), 2)
    }


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("color", CYCLE)
def test_lines_stand_out_from_the_ground(color, page):
    assert contrast(page(color), page(GROUND)) >= 3  # WCAG 2.1, 1.4.11: graphics


@pytest.mark.parametrize("page", PAGES)
def test_text_stands_out_from_the_ground(page):
    assert contrast(page(INK), page(GROUND)) >= 7  # WCAG 2.1, 1.4.6: text


@pytest.mark.parametrize("vision", VISION)
def test_any_two_colours_are_told_apart(vision):
    pair, least = min(differences(CYCLE, vision).items(), key=lambda item: item[1])
    assert least >= 15, pair


def test_the_measure_sees_confusable_colours():
    red_green = ("#D62728", "#6B8E23")
    assert differences(red_green, "normal")[red_green] > 40
    assert differences(red_green, "deuteranopia")[red_green] < 15


def test_use_style_sets_every_setting_and_drops_the_readers_own():
    with mpl.rc_context({"axes.labelsize": 33, "xtick.direction": "in"}):
        use_style()
        assert {key: mpl.rcParams[key] for key in STYLE} == STYLE
        assert mpl.rcParams["xtick.direction"] == mpl.rcParamsDefault["xtick.direction"]


def test_use_style_refuses_an_unknown_format():
    with pytest.raises(ValueError, match="'gif'"):
        use_style(picture="gif")


def test_importing_changes_no_setting_and_loads_no_pyplot():
    code = """
import json, sys
import matplotlib
def state():  # reading rcParams["backend"] would choose one
    settings = {key: matplotlib.rcParams[key] for key in matplotlib.rcParams if key != "backend"}
    return settings, matplotlib.get_backend(auto_select=False)
before = state()
import companion.plotting
print(json.dumps([state() == before, "matplotlib.pyplot" in sys.modules, "torch" in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, False, False]
