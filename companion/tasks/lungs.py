"""Lungs in chest X-rays: a U-Net that learns from the drawings of the carrier `xrays`.

    learnt = learn()                              # a minute or two; learnt.dice says how well
    mask = outline(learnt.network, picture)       # (height, width) bool, at the picture's size

The drawings are of healthy children, and so is what the network knows: in ill lungs it stops where
they are bright. `companion.tasks.segmentation` is the general tool.
"""

import os
from dataclasses import dataclass

import torch
from sklearn.model_selection import GroupShuffleSplit
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from companion.data.augment import AffinePerImage, LightPerImage
from companion.data.xrays import load_lung_masks, load_xrays
from companion.models.unet import UNet, unet
from companion.seeding import torch_generator
from companion.tasks import segmentation
from companion.training import load_weights

SIZE = 96
"""Side that every picture is brought to for the network, in pixels."""

HELD_OUT = 0.25
"""Share of the patients whose drawings are not learnt from."""

_WIDTHS = (8, 16, 32, 64)


@dataclass(frozen=True, eq=False)
class Learnt:
    """What `learn` leaves.

    Attributes:
        network: from images, N x 1 x `SIZE` x `SIZE`, to logits of the same shape.
        dice: Dice coefficients on the drawings of patients who were not learnt from, at `SIZE`.
    """

    network: UNet
    dice: torch.Tensor


def learn(*, epochs: int = 20, seed: int = 0, device: str | torch.device = "auto") -> Learnt:
    """Train on the drawings of three quarters of the patients, and score on the others.

    Args:
        epochs: how often to go through some 225 X-rays; 2 s each on two cores of a CPU.
        seed: decides who is held out, the first weights, the order and the augmentation.
        device: as for `companion.device.pick_device`.

    Raises:
        FileNotFoundError: the set `xrays` is not installed.
        ValueError: no epochs, or a device that is not there.
    """
    everyone = load_xrays(size=SIZE)
    drawn = load_lung_masks(everyone)
    xrays = everyone.take(drawn.rows)
    cut = GroupShuffleSplit(1, test_size=HELD_OUT, random_state=seed)
    inner, held = next(cut.split(xrays.images, groups=xrays.patients))
    move = AffinePerImage(degrees=10, translate=(0.08, 0.08), scale=(0.85, 1.15))
    light = LightPerImage(brightness=0.3, contrast=0.4)
    generator = torch_generator(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = unet(widths=_WIDTHS)
    segmentation.train(
        network,
        xrays.images[inner],
        drawn.masks[inner],
        epochs=epochs,
        augment=lambda images, masks: light(*move(images, masks)),
        device=device,
        generator=generator,
    )
    found = segmentation.predict_probs(network, xrays.images[held]) >= 0.5
    return Learnt(network, segmentation.score(found, drawn.masks[held]).dice)


def load(weights: str | os.PathLike) -> UNet:
    """The network with weights that `companion.training.save_weights` has written after `learn`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no safetensors file, or of another network.
    """
    network = unet(widths=_WIDTHS)
    load_weights(network, weights)
    return network.eval()


def outline(network: UNet, picture: torch.Tensor) -> torch.Tensor:
    """Find the lungs in an X-ray of any size.

    Args:
        network: as `learn` or `load` give it.
        picture: (height, width) uint8, grey, air dark.

    Returns:
        (height, width) bool, on the CPU.

    Raises:
        ValueError: another shape or type, or less than 32 pixels in height or width.
    """
    if picture.ndim != 2 or picture.dtype != torch.uint8 or min(picture.shape) < 32:
        raise ValueError(
            "an X-ray is (height, width) uint8, of at least 32 x 32 pixels, got "
            f"{tuple(picture.shape)} {picture.dtype}"
        )
    small = functional.resize(tv_tensors.Image(picture[None]), [SIZE, SIZE], antialias=True)
    probs = segmentation.predict_probs(network, torch.as_tensor(small)[None])
    return functional.resize(probs, list(picture.shape), antialias=False)[0, 0] >= 0.5
