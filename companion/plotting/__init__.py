"""The book's figures: one style, and functions that take values and an `ax` and return the `ax`.

Importing this package changes no matplotlib setting; `use_style` does, when it is called.
"""

from companion.plotting.curves import plot_confusion, plot_curves, plot_roc
from companion.plotting.images import draw_boxes, draw_landmarks, show_images
from companion.plotting.style import use_style

__all__ = [
    "draw_boxes",
    "draw_landmarks",
    "plot_confusion",
    "plot_curves",
    "plot_roc",
    "show_images",
    "use_style",
]
