"""One look for every figure: colours for colour-blind readers, and a ground that suits both pages.

The ground is opaque. No grey text can reach a contrast of 4.5 on a white and on a near-black page
at once, so a transparent figure is poor on both; a light card reads well on both.
"""

import sys
from typing import Any, Literal

from cycler import cycler

GROUND = "#F7F7F7"
INK = "#222222"

# Blue, orange, green, mauve, brown, near-black: Okabe and Ito's hues, darkened until each line has
# a contrast of 3 to the ground and moved apart until any two stay distinct (CIEDE2000 above 15)
# under simulated colour blindness (Machado, Oliveira and Fernandes, 2009).
CYCLE = ("#1257B5", "#E04E0A", "#129A70", "#A878A6", "#7A3B2A", "#3B3444")

STYLE: dict[str, Any] = {
    "figure.figsize": [6.0, 4.0],
    "figure.dpi": 100,
    "figure.facecolor": GROUND,
    "figure.constrained_layout.use": True,
    "figure.titlesize": 12,
    "axes.facecolor": GROUND,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#D5D5D5",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
    "patch.linewidth": 1.8,
    "savefig.facecolor": GROUND,
}


def use_style(*, picture: Literal["png", "jpeg"] = "png") -> None:
    """Give all figures made from here on the book's look. Call it once, in a notebook's setup.

    The reader's own matplotlibrc is set aside, so that everybody gets the same picture.

    Args:
        picture: How a notebook stores its figures. "jpeg" (quality 85) keeps a notebook full of
            photographs small; lines and text are sharper in "png". It concerns notebooks only:
            `Figure.savefig` goes by the file's name.

    Raises:
        ValueError: If `picture` is neither "png" nor "jpeg".
    """
    if picture not in ("png", "jpeg"):
        raise ValueError(f'picture must be "png" or "jpeg", got {picture!r}')
    from matplotlib import style

    style.use(["default", STYLE])
    _store_as(picture)


def _store_as(picture: str) -> None:
    """Tell the notebook's kernel, where there is one, how to encode inline figures."""
    ipython = sys.modules.get("IPython")  # loaded wherever a kernel is
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    options = {"pil_kwargs": {"quality": 85}} if picture == "jpeg" else {}
    set_matplotlib_formats(picture, **options)
