"""Figures are drawn without a display."""

import matplotlib as mpl
import pytest

mpl.use("agg")


@pytest.fixture
def ax():
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


@pytest.fixture(autouse=True)
def _close_all():
    yield
    from matplotlib import pyplot as plt

    plt.close("all")
