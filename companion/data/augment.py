"""Augmentation that draws anew for every image of a batch, in one call.

torchvision's v2 transforms take a batch but draw once for all of it, which teaches a network less:
on the digits, a small network trained with one draw per batch errs a third more often than with one
per image. These are v2 transforms too, so they stand in `v2.Compose` beside torchvision's own. They
draw from torch's global generator, as all of v2 does, and on the CPU: the same on every device.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional
from torchvision import tv_tensors
from torchvision.transforms import v2


class _PerImage(v2.Transform):
    """A transform of float images N x C x H x W, and of their masks N x H x W or N x 1 x H x W."""

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        for value in flat_inputs:
            if isinstance(value, tv_tensors.BoundingBoxes | tv_tensors.KeyPoints):
                raise TypeError(
                    f"{type(self).__name__} moves images and masks, not {type(value).__name__}; "
                    "use torchvision's transforms image by image"
                )

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        first = next((v for v in flat_inputs if not isinstance(v, tv_tensors.Mask)), None)
        if not isinstance(first, torch.Tensor) or first.ndim != 4 or not first.is_floating_point():
            given = f"{first.dtype} {tuple(first.shape)}" if torch.is_tensor(first) else type(first)
            raise TypeError(
                f"{type(self).__name__} takes float images N x C x H x W, got {given}; put "
                "v2.ToDtype(torch.float32, scale=True) before it"
            )
        return self.draw(first)

    def draw(self, images: torch.Tensor) -> dict[str, Any]:
        """Draw one set of parameters for each image, given the images."""
        raise NotImplementedError


class AffinePerImage(_PerImage):
    """Rotate, shift, resize and shear each image in its own way, around its centre.

    Images are read between pixels by bilinear interpolation, masks at the nearest pixel; what comes
    in from outside is zero.

    Args:
        degrees: largest rotation to either side.
        translate: largest shift along x and y, as shares of width and height.
        scale: smallest and largest enlargement.
        shear: largest shear along x to either side, in degrees.

    Raises:
        ValueError: a negative limit, or a scale that is not positive and in order.

    Example:
        >>> transform = AffinePerImage(degrees=15, translate=(0.1, 0.1), scale=(0.9, 1.1))
        >>> transform(torch.rand(5, 1, 8, 8)).shape
        torch.Size([5, 1, 8, 8])
    """

    def __init__(
        self,
        degrees: float = 0.0,
        translate: Sequence[float] = (0.0, 0.0),
        scale: Sequence[float] = (1.0, 1.0),
        shear: float = 0.0,
    ):
        super().__init__()
        if min(degrees, *translate, shear) < 0 or not 0 < scale[0] <= scale[1]:
            raise ValueError(
                "degrees, translate and shear are limits to either side and not negative, scale is "
                f"(smallest, largest); got {degrees}, {translate}, {scale}, {shear}"
            )
        self.degrees, self.translate = degrees, tuple(translate)
        self.scale, self.shear = tuple(scale), shear

    def draw(self, images: torch.Tensor) -> dict[str, Any]:
        """Draw angle (degrees), shift x, y (pixels), scale and shear (degrees) of each image."""
        height, width = images.shape[-2:]
        count = len(images)
        reach = torch.tensor(
            [self.degrees, self.translate[0] * width, self.translate[1] * height, self.shear]
        )
        angle, shift_x, shift_y, shear = (2 * torch.rand(count, 4) - 1).mul(reach).T
        scale = self.scale[0] + torch.rand(count) * (self.scale[1] - self.scale[0])
        return {"angle": angle, "shift": (shift_x, shift_y), "scale": scale, "shear": shear}

    def transform(self, inpt: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        """Move images or masks by drawn parameters."""
        inverse = _inverse(**params)  # (N, 2, 3), from output pixels to input pixels
        mask = isinstance(inpt, tv_tensors.Mask)
        pixels = inpt.as_subclass(torch.Tensor)
        if pixels.ndim == 3:
            pixels = pixels.unsqueeze(1)
        values = pixels.float() if mask else pixels
        grid = _grid(inverse.to(pixels.device), *pixels.shape[-2:]).to(values.dtype)
        mode = "nearest" if mask else "bilinear"
        moved = functional.grid_sample(values, grid, mode=mode, align_corners=False)
        return tv_tensors.wrap(moved.to(inpt.dtype).reshape(inpt.shape), like=inpt)


def _inverse(
    angle: torch.Tensor,
    shift: tuple[torch.Tensor, torch.Tensor],
    scale: torch.Tensor,
    shear: torch.Tensor,
) -> torch.Tensor:
    """Matrices from output to input pixels around the centre: N x 2 x 3.

    The forward map shears, rotates, resizes and then shifts, as torchvision's `affine` does.
    """
    turn, lean = angle.mul(math.pi / 180), shear.mul(math.pi / 180).tan()
    sine, cosine = turn.sin() / scale, turn.cos() / scale
    second = torch.stack([-sine, cosine], dim=1)
    first = torch.stack([cosine, sine], dim=1) + lean[:, None] * second
    linear = torch.stack([first, second], dim=1)  # (N, 2, 2)
    offset = -(linear @ torch.stack(shift, dim=1).unsqueeze(2))
    return torch.cat([linear, offset], dim=2)


def _grid(inverse: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Where each output pixel is read, in the units of `grid_sample`: N x H x W x 2.

    One matrix product for the whole batch; `affine_grid` takes several times as long.
    """
    device = inverse.device
    columns = torch.arange(width, device=device) + 0.5 - width / 2
    rows = torch.arange(height, device=device) + 0.5 - height / 2
    ones = torch.ones(height, width, device=device)
    places = torch.stack([columns * ones, rows[:, None] * ones, ones]).flatten(1)  # (3, H * W)
    # The units are half an image, from the centre.
    half = torch.tensor([width / 2, height / 2], device=device)
    sources = (inverse / half[:, None]).reshape(-1, 3) @ places  # (2 N, H * W)
    return sources.view(-1, 2, height, width).permute(0, 2, 3, 1)


class FlipPerImage(_PerImage):
    """Mirror each image left to right, or leave it, by its own draw.

    Args:
        p: probability of a flip.

    Raises:
        ValueError: `p` is outside [0, 1].
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p is a probability in [0, 1], got {p}")
        self.p = p

    def draw(self, images: torch.Tensor) -> dict[str, Any]:
        """Draw which images to flip."""
        return {"flip": torch.rand(len(images)) < self.p}

    def transform(self, inpt: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        """Flip images or masks."""
        pixels = inpt.as_subclass(torch.Tensor)
        columns = torch.arange(pixels.shape[-1], device=inpt.device)
        sources = torch.where(params["flip"].to(inpt.device)[:, None], columns.flip(0), columns)
        sources = sources.view(-1, *[1] * (pixels.ndim - 2), len(columns))  # N x 1 x 1 x W
        return tv_tensors.wrap(pixels.gather(-1, sources.expand(pixels.shape)), like=inpt)


class LightPerImage(_PerImage):
    """Change brightness and contrast of each image by its own draw; values stay in [0, 1].

    Args:
        brightness: largest change of the factor that all values are multiplied by, to either side
            of 1.
        contrast: largest change of the factor by which values move away from the image's mean, to
            either side of 1.

    Raises:
        ValueError: a limit outside [0, 1].
    """

    def __init__(self, brightness: float = 0.0, contrast: float = 0.0):
        super().__init__()
        if not (0 <= brightness <= 1 and 0 <= contrast <= 1):
            raise ValueError(f"both limits lie in [0, 1], got {brightness} and {contrast}")
        self.brightness, self.contrast = brightness, contrast

    def draw(self, images: torch.Tensor) -> dict[str, Any]:
        """Draw both factors of each image."""
        reach = torch.tensor([self.brightness, self.contrast])
        brightness, contrast = (1 + (2 * torch.rand(len(images), 2) - 1) * reach).T
        return {"brightness": brightness, "contrast": contrast}

    def transform(self, inpt: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        """Change images; masks stay as they are."""
        if isinstance(inpt, tv_tensors.Mask):
            return inpt
        brightness, contrast = (
            params[name].to(inpt.device, inpt.dtype).view(-1, 1, 1, 1)
            for name in ("brightness", "contrast")
        )
        pixels = inpt.as_subclass(torch.Tensor) * brightness
        mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
        return tv_tensors.wrap((mean + (pixels - mean) * contrast).clamp(0, 1), like=inpt)
