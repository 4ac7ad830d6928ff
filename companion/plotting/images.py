"""Pictures side by side, and what was found in them: boxes and landmarks."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from companion.plotting.style import CYCLE

_HALO = [patheffects.withStroke(linewidth=3, foreground="white")]


def show_images(
    images: Iterable[ArrayLike],
    axes: Any = None,
    *,
    titles: Sequence[str] | None = None,
    ncols: int | None = None,
    size: float = 1.6,
    limits: tuple[float, float] | Literal["each"] | None = None,
    cmap: str = "gray",
) -> Any:
    """Show each image on an axes of its own, without ticks.

    Args:
        images: Arrays of H x W (grey) or H x W x 3 (RGB): uint8 in 0..255, bool, or float in
            [0, 1].
        axes: One Axes for one image, or a sequence or array of at least as many Axes as images;
            spare ones are blanked. None makes a new figure.
        titles: One short title per image.
        ncols: Images in a row of the new figure; 6 at most by default.
        size: Width of one image in the new figure, in inches. Its height follows the tallest.
        limits: What is drawn black and white in a grey image: (low, high), "each" for every
            image's own minimum and maximum, None for the range of its type.
        cmap: Colour map for grey images.

    Returns:
        The axes that were given, or an array (rows, ncols) of the new ones.

    Raises:
        ValueError: If there is no image, an image has another shape or range, or the number of
            titles or axes does not fit.
    """
    pictures = [_picture(image, number, limits) for number, image in enumerate(images)]
    if not pictures:
        raise ValueError("show_images needs at least one image, got none")
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"got {len(titles)} titles for {len(pictures)} images; give one per image")
    if axes is None:
        axes = _new_axes(pictures, ncols or min(6, len(pictures)), size, titles is not None)
    flat = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
    if len(flat) < len(pictures):
        raise ValueError(f"got {len(flat)} axes for {len(pictures)} images; give one per image")
    for ax in flat:
        ax.set_axis_off()
    for number, (ax, picture) in enumerate(zip(flat, pictures, strict=False)):
        low, high = _limits(picture, limits)
        ax.imshow(picture, cmap=cmap, vmin=low, vmax=high)
        if titles is not None:
            ax.set_title(titles[number], fontsize=9)
    return axes


def draw_boxes(
    boxes: ArrayLike,
    ax: Axes,
    *,
    labels: Sequence[str] | None = None,
    color: str | Sequence[str] = CYCLE[1],
    linewidth: float = 2.0,
) -> Axes:
    """Draw boxes over an image.

    Args:
        boxes: (N, 4) x1, y1, x2, y2 in pixels. N may be 0.
        ax: The axes that show the image.
        labels: One short text per box, written on its upper edge.
        color: One colour for all boxes or one per box.
        linewidth: In points.

    Returns:
        `ax`.

    Raises:
        ValueError: If the boxes are not (N, 4) with x1 <= x2 and y1 <= y2, or the number of labels
            or colours is not N.
    """
    boxes = _points(boxes, (4,), "boxes", "(N, 4) x1, y1, x2, y2")
    if (boxes[:, :2] > boxes[:, 2:]).any():
        bad = boxes[(boxes[:, :2] > boxes[:, 2:]).any(1)][0]
        raise ValueError(f"a box needs x1 <= x2 and y1 <= y2, got {bad.tolist()}")
    colors = [color] * len(boxes) if isinstance(color, str) else list(color)
    for name, values in (("labels", labels), ("colors", colors)):
        if values is not None and len(values) != len(boxes):
            raise ValueError(f"got {len(values)} {name} for {len(boxes)} boxes; give one per box")
    for number, ((x1, y1, x2, y2), line) in enumerate(zip(boxes, colors, strict=True)):
        frame = Rectangle(
            (x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=line, linewidth=linewidth
        )
        frame.set_path_effects([patheffects.withStroke(linewidth=linewidth + 1.5, foreground="w")])
        ax.add_patch(frame)
        if labels is not None:
            ax.annotate(
                labels[number],
                (x1, y1),
                xytext=(2, 2),
                textcoords="offset points",
                fontsize=8,
                color=text_color(line),
                annotation_clip=False,
                bbox={"facecolor": line, "edgecolor": "none", "pad": 1.5},
            )
    return ax


def draw_landmarks(
    points: ArrayLike,
    ax: Axes,
    *,
    lines: Iterable[Sequence[int]] = (),
    color: str = CYCLE[0],
    size: float = 12.0,
) -> Axes:
    """Draw landmark points over an image, with a white rim that shows on any picture.

    Args:
        points: (K, 2) x, y in pixels of one object, or (N, K, 2) of several. N may be 0.
        ax: The axes that show the image.
        lines: Sequences of point numbers below K to be joined by a line, the same for every object.
        color: Of points and lines.
        size: Area of a point, in square points.

    Returns:
        `ax`.

    Raises:
        ValueError: If `points` has another shape or is not finite.
    """
    objects = np.asarray(points, float)
    if objects.ndim == 2:
        objects = objects[None]
    if objects.ndim != 3 or objects.shape[-1] != 2:
        raise ValueError(f"points must be (K, 2) or (N, K, 2) x, y; got {np.shape(points)}")
    _points(objects.reshape(-1, 2), (2,), "points", "(K, 2)")
    lines = [list(line) for line in lines]
    if ax.images:
        ax.set_autoscale_on(False)  # a point beyond the image's edge must not shrink the image
    for one in objects:
        for line in lines:
            ax.plot(*one[line].T, color=color, linewidth=1, path_effects=_HALO, zorder=2)
        x, y = one.T
        ax.scatter(x, y, s=size, color=color, edgecolors="white", linewidths=0.6, zorder=3)
    return ax


def text_color(background: Any) -> str:
    """Return "black" or "white", whichever stands out more from a background colour."""
    channels = np.asarray(to_rgb(background))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    # Where the contrasts with black and with white are equal (WCAG 2, relative luminance).
    return "black" if linear @ (0.2126, 0.7152, 0.0722) > 0.179 else "white"


def _picture(image: ArrayLike, number: int, limits: Any) -> np.ndarray:
    picture = np.asarray(image)
    if picture.ndim == 3 and picture.shape[-1] == 1:
        picture = picture[..., 0]
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[-1] != 3):
        raise ValueError(
            f"image {number} must be H x W or H x W x 3, got {picture.shape}; "
            "move the channels last or show one channel"
        )
    if picture.size == 0:
        raise ValueError(f"image {number} is empty: {picture.shape}")
    if picture.dtype == bool:
        picture = picture.astype(float)
    if picture.dtype == np.uint8 or (picture.ndim == 2 and limits is not None):
        return picture
    low, high = float(picture.min()), float(picture.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"image {number} ({picture.dtype}) must lie in [0, 1], got {low:g} to {high:g}; "
            'scale it, or give limits=(low, high) or limits="each" for a grey image'
        )
    return picture


def _limits(picture: np.ndarray, limits: Any) -> tuple[float, float]:
    if limits == "each":
        return float(picture.min()), float(picture.max())
    if limits is not None:
        return limits
    return (0, 255) if picture.dtype == np.uint8 else (0, 1)


def _new_axes(pictures: list[np.ndarray], ncols: int, size: float, titled: bool) -> np.ndarray:
    from matplotlib import pyplot as plt

    nrows = -(-len(pictures) // ncols)
    tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    figsize = (ncols * size, nrows * (size * tallest + 0.25 * titled))
    return plt.subplots(nrows, ncols, squeeze=False, figsize=figsize)[1]


def _points(values: ArrayLike, tail: tuple[int, ...], name: str, wanted: str) -> np.ndarray:
    array = np.asarray(values, float)
    if array.size == 0:
        return array.reshape(0, *tail)
    if array.ndim != 2 or array.shape[1:] != tail:
        raise ValueError(f"{name} must be {wanted}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return array
