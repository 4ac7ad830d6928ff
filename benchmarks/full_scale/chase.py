"""Vessels of CHASE_DB1 at full scale: machine and second person, both against the first person.

    COMPANION_DATA=... python -m benchmarks.full_scale.chase

Children 01 to 10 (20 photographs) are learnt from, 11 to 14 (8 photographs) are tested on. Three
machines: a U-Net that learns from the first person's drawings, the same U-Net that has only seen
drawn vessels (`companion.data.vessels`), and Sato's filter of scikit-image. The thresholds of the
latter two are chosen on five of the 20 photographs. Scores are means over the 8 photographs, within
the circle of the camera.
"""

import time
from collections.abc import Iterator

import numpy as np
import torch
from scipy.ndimage import binary_erosion
from skimage.filters import sato

from benchmarks.full_scale.measured import Measured, keep
from companion.data.augment import AffinePerImage, FlipPerImage
from companion.data.chase import load_chase
from companion.data.vessels import draw_vessels, even_out
from companion.device import describe_device, pick_device
from companion.models import unet
from companion.seeding import numpy_generator, torch_generator
from companion.tasks import segmentation

WIDTHS, PATCH, PATCHES, EPOCHS, SEED = (8, 16, 32), 64, 3000, 10, 0


def measure() -> Iterator[Measured]:
    vessels = load_chase()
    learnt = torch.from_numpy(vessels.children <= "10")
    green = vessels.images[:, 1:2] / 255
    inside = camera_circle(vessels.images)
    inputs = even_out(green)
    first, second = vessels.first & inside, vessels.second & inside
    print(f"{int(learnt.sum())} photographs to learn from, {int((~learnt).sum())} to test on")

    split = f"{int(learnt.sum())} / {int((~learnt).sum())}"

    def scored(name: str, found: torch.Tensor, seconds: float) -> Measured:
        dice = report(f"{name}, {seconds:.0f} s", found, first[~learnt])
        where = describe_device(pick_device("auto" if "U-Net" in name else "cpu"))
        return Measured("CHASE_DB1", split, name, "Dice", dice, seconds, where)

    yield scored("the second person", second[~learnt], 0.0)
    start = time.perf_counter()
    network = trained(*cut_patches(inputs[learnt], first[learnt], inside[learnt]))
    taken = time.perf_counter() - start
    probs = segmentation.predict_probs(network, inputs[~learnt], batch_size=4)
    yield scored("U-Net on patches", (probs >= 0.5) & inside[~learnt], taken)

    chosen = torch.nonzero(learnt).ravel()[2::4]
    tuning, test = (green[chosen], first[chosen], inside[chosen]), green[~learnt]
    start = time.perf_counter()
    drawn = draw_vessels(PATCHES, size=PATCH, generator=numpy_generator(SEED))
    network = trained(even_out(drawn.images), drawn.masks)
    taken = time.perf_counter() - start

    def by_network(pictures):
        return segmentation.predict_probs(network, even_out(pictures), batch_size=4)

    for name, method, seconds in (
        ("U-Net that has only seen drawn vessels", by_network, taken),
        ("Sato's filter", ridges, 0.0),
    ):
        cut = best_cut(method(tuning[0]), *tuning[1:])
        yield scored(name, (method(test) >= cut) & inside[~learnt], seconds)


def trained(images: torch.Tensor, masks: torch.Tensor) -> torch.nn.Module:
    torch.manual_seed(SEED)
    network = unet(widths=WIDTHS)

    def augment(images, masks):
        return FlipPerImage()(*AffinePerImage(degrees=45, scale=(0.8, 1.25))(images, masks))

    segmentation.train(
        network,
        images,
        masks,
        epochs=EPOCHS,
        augment=augment,
        generator=torch_generator(SEED),
    )
    return network


def cut_patches(
    images: torch.Tensor, masks: torch.Tensor, inside: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches whose middle lies within the camera's circle: images and masks."""
    generator = numpy_generator(SEED)
    half = PATCH // 2
    middles = torch.nonzero(inside[:, 0, half:-half, half:-half])
    chosen = middles[generator.choice(len(middles), PATCHES, replace=False)].tolist()

    def cut(pictures):
        parts = [pictures[n, :, row : row + PATCH, col : col + PATCH] for n, row, col in chosen]
        return torch.stack(parts)

    return cut(images), cut(masks)


def camera_circle(images: torch.Tensor) -> torch.Tensor:
    """Where the photograph is not the black around the camera's circle, less a rim of 8 pixels."""
    bright = images.float().mean(dim=1).numpy() > 20
    return torch.from_numpy(binary_erosion(bright, np.ones((1, 3, 3)), iterations=8))[:, None]


def ridges(pictures: torch.Tensor) -> torch.Tensor:
    """Sato's measure of dark lines 1 to 4 pixels wide to either side."""
    lines = [sato(picture, sigmas=(1, 2, 3, 4)) for picture in pictures[:, 0].double().numpy()]
    return torch.from_numpy(np.stack(lines))[:, None]


def best_cut(values: torch.Tensor, drawn: torch.Tensor, inside: torch.Tensor) -> float:
    """The threshold with the highest Dice of all photographs together."""
    cuts = np.quantile(values[inside].numpy()[::97], np.linspace(0.8, 0.98, 37))
    return max(cuts, key=lambda cut: pooled_dice((values >= cut) & inside, drawn))


def pooled_dice(found: torch.Tensor, drawn: torch.Tensor) -> float:
    return float(2 * (found & drawn).sum() / (found.sum() + drawn.sum()))


def report(name: str, found: torch.Tensor, drawn: torch.Tensor) -> float:
    scores = segmentation.score(found, drawn)
    sensitivity = float((found & drawn).sum() / drawn.sum())
    precision = float((found & drawn).sum() / found.sum())
    print(
        f"{name:<46} Dice {scores.dice.mean():.3f} (worst {scores.dice.min():.3f}), "
        f"sensitivity {sensitivity:.3f}, precision {precision:.3f}, "
        f"edges {scores.surface.mean():.2f} pixels apart",
        flush=True,
    )
    return scores.dice.mean().item()


if __name__ == "__main__":
    keep(measure())
