"""Common corruptions: what happens to pictures without any attacker, at five strengths.

After Hendrycks and Dietterich, 2019, arXiv:1903.12261, with strengths for small pictures of about
64 x 64 pixels. The changes are those of `torchvision.transforms.v2`; JPEG files are Pillow's, for
torchvision's own encoder is deprecated.
"""

import io
import math

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

CORRUPTIONS: dict[str, tuple[float, ...]] = {
    "noise": (0.02, 0.04, 0.08, 0.12, 0.18),
    "blur": (0.5, 1.0, 1.5, 2.0, 3.0),
    "contrast": (0.8, 0.6, 0.45, 0.3, 0.2),
    "brightness": (1.1, 1.2, 1.3, 1.45, 1.6),
    "pixelation": (0.75, 0.5, 0.375, 0.25, 0.125),
    "jpeg": (60, 30, 15, 8, 4),
}
"""Name to five values: deviation of the noise; sigma of the blur in pixels; factors of contrast and
of brightness; side of the coarse picture as a share; quality of the JPEG file, 1 to 100."""


def corrupt(
    images: torch.Tensor,
    kind: str,
    strength: int,
    *,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Corrupt images as a whole batch.

    Args:
        images: N x C x H x W, float in [0, 1]; C is 1 or 3.
        kind: a name in `CORRUPTIONS`.
        strength: 1 to 5.
        generator: source of the noise, on the device of `images`; torch's global one without it.

    Returns:
        Images of the same shape, in [0, 1].

    Raises:
        ValueError: an unknown kind or strength, images of another shape or range, or images too
            small for the blur.

    Example:
        >>> grey = torch.full((1, 1, 8, 8), 0.5)
        >>> corrupt(grey, "brightness", 2).unique().item()
        0.6000000238418579
    """
    if kind not in CORRUPTIONS:
        raise ValueError(f"kind is one of {', '.join(CORRUPTIONS)}, got {kind!r}")
    if strength not in range(1, 6):
        raise ValueError(f"strength is 1, 2, 3, 4 or 5, got {strength}")
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.is_floating_point():
        raise ValueError(
            f"images are N x C x H x W, float, of 1 or 3 channels, got {tuple(images.shape)}, "
            f"{images.dtype}"
        )
    if not ((images >= 0) & (images <= 1)).all():
        raise ValueError("images must lie in [0, 1]; divide uint8 by 255")
    value = CORRUPTIONS[kind][int(strength) - 1]
    if kind == "noise":
        noise = torch.empty_like(images).normal_(generator=generator)
        return (images + value * noise).clamp(0, 1)
    if kind == "blur":
        return _blur(images, value)
    if kind == "contrast":
        return functional.adjust_contrast(images, value)
    if kind == "brightness":
        return functional.adjust_brightness(images, value)
    if kind == "pixelation":
        return _pixelate(images, value)
    return _jpeg(images, int(value))


def _blur(images: torch.Tensor, sigma: float) -> torch.Tensor:
    reach = math.ceil(3 * sigma)
    if min(images.shape[-2:]) <= reach:
        raise ValueError(
            f"a blur of sigma {sigma} needs images of more than {reach} pixels a side, got "
            f"{images.shape[-2]} x {images.shape[-1]}"
        )
    return functional.gaussian_blur(images, [2 * reach + 1] * 2, [sigma] * 2).clamp(0, 1)


def _pixelate(images: torch.Tensor, share: float) -> torch.Tensor:
    height, width = images.shape[-2:]
    coarse = [max(1, round(share * side)) for side in (height, width)]
    small = functional.resize(images, coarse, antialias=True)
    return functional.resize(small, [height, width], InterpolationMode.NEAREST).clamp(0, 1)


def _jpeg(images: torch.Tensor, quality: int) -> torch.Tensor:
    """Through a JPEG file in memory and back, one by one, as the encoder wants it."""
    pixels = (255 * images).round().to(torch.uint8).movedim(1, -1).cpu().numpy()
    decoded = []
    for picture in pixels:  # H x W x C
        file = io.BytesIO()
        Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture).save(
            file, "JPEG", quality=quality
        )
        with Image.open(file) as stored:
            decoded.append(np.array(stored).reshape(picture.shape))
    return torch.from_numpy(np.stack(decoded)).movedim(-1, 1).to(images) / 255
