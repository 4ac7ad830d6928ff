"""Grad-CAM (Selvaraju et al., 2017, arXiv:1610.02391): which parts of an image raise a score.

Works on any module and any layer inside it that gives feature maps, and on a batch at a time:

    heat = grad_cam(model, images, layer="features.blocks.13")
    heat.maps                    # (N, H, W), at the images' size, from 0 on
    heat.share(corner)           # (N,) part of the heat that lies in a region
"""

import difflib
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import interpolate

from companion.training.evaluation import device_of, evaluation_mode

Method = Literal["grad-cam", "hires-cam"]


@dataclass(frozen=True, eq=False)
class Heat:
    """Where the evidence for a score lies.

    Attributes:
        maps: N x H x W, float32, on the CPU: 0 where nothing speaks for the score; the unit is that
            of the score, so maps of one model and one class can be compared.
        scores: N, the scores that are explained.
    """

    maps: torch.Tensor
    scores: torch.Tensor

    def __len__(self) -> int:
        return len(self.maps)

    def share(self, region: torch.Tensor) -> torch.Tensor:
        """The part of each map's heat that lies in a region.

        Args:
            region: H x W, or N x H x W with one region for each map, bool.

        Returns:
            N, in [0, 1]; NaN for a map without any heat.

        Raises:
            TypeError: the region is not bool.
            ValueError: the region has another size than the maps.
        """
        if region.dtype != torch.bool:
            raise TypeError(f"a region is bool, got {region.dtype}; compare, as in mask > 0.5")
        if region.shape not in (self.maps.shape, self.maps.shape[1:]):
            raise ValueError(
                f"a region for maps of {tuple(self.maps.shape)} is H x W or N x H x W, got "
                f"{tuple(region.shape)}"
            )
        return (self.maps * region).sum((1, 2)) / self.maps.sum((1, 2))


def grad_cam(
    model: nn.Module,
    images: torch.Tensor,
    *,
    layer: str | nn.Module,
    target: int | None = None,
    method: Method = "grad-cam",
    batch_size: int = 64,
) -> Heat:
    """Explain scores by the feature maps of one layer and the score's gradient by them.

    `"grad-cam"` weighs each channel by the mean of its gradient over all places, adds up, and keeps
    what is positive. That mean forgets where a channel counts; for a model whose last layer weighs
    places differently it can point to places that do not matter. `"hires-cam"` (Draelos and Carin,
    2020, arXiv:2011.08891) multiplies map and gradient place by place instead; the two agree where
    the layer is followed by global average pooling and a linear layer.

    The model is used in evaluation mode; its weights, their gradients and its modes stay as they
    are, and frozen weights do not matter.

    Args:
        model: gives N x K scores, or N or N x 1 of a single score, such as the logit of "ill".
        images: N x C x H x W, as the model takes them.
        layer: a module inside the model, or its name as in `model.named_modules()`. It gives
            N x channels x h x w, and it is used once in a pass.
        target: which score to explain, 0 to K - 1; by default each image's largest. Of a single
            score, 1 means the score itself, which is the default, and 0 its negative.
        method: how map and gradient are joined.
        batch_size: images at a time.

    Returns:
        The heat, brought to the images' size by bilinear interpolation.

    Raises:
        ValueError: no images, a model without that layer, a layer that gives no feature maps or is
            not used exactly once, a score that does not depend on it, scores of another shape, or a
            target that the model does not have.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> grad_cam(model, torch.rand(5, 1, 8, 8), layer="0", target=2).maps.shape
        torch.Size([5, 8, 8])
    """
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(f"images are N x C x H x W with N at least 1, got {tuple(images.shape)}")
    if method not in ("grad-cam", "hires-cam"):
        raise ValueError(f"method must be 'grad-cam' or 'hires-cam', got {method!r}")
    layer = _find(model, layer)
    device, maps, scores = device_of(model), [], []
    with evaluation_mode(model):
        for part in images.split(batch_size):
            heat, score = _explain(model, part.to(device), layer, target, method)
            size = part.shape[-2:]
            heat = interpolate(heat.unsqueeze(1), size, mode="bilinear", align_corners=False)
            maps.append(heat[:, 0].cpu())
            scores.append(score.cpu())
    return Heat(torch.cat(maps), torch.cat(scores))


def _explain(
    model: nn.Module, images: torch.Tensor, layer: nn.Module, target: int | None, method: Method
) -> tuple[torch.Tensor, torch.Tensor]:
    """Heat N x h x w at the layer's size, and the scores, N."""
    taken: list[torch.Tensor] = []

    def take(module: nn.Module, inputs: tuple, maps: object) -> torch.Tensor:
        if not isinstance(maps, torch.Tensor) or maps.ndim != 4:
            given = tuple(maps.shape) if isinstance(maps, torch.Tensor) else type(maps).__name__
            raise ValueError(
                f"the layer must give feature maps N x channels x h x w, got {given}; name an "
                "earlier layer"
            )
        taken.append(maps.detach().requires_grad_())
        return taken[-1].clone()  # what follows may work in place

    hook = layer.register_forward_hook(take)
    try:
        with torch.enable_grad():
            score = _score(model(images), len(images), target)
            total = score.sum()
    finally:
        hook.remove()
    if len(taken) != 1:
        raise ValueError(f"the layer must be used once in a pass, was used {len(taken)} times")
    (maps,) = taken
    gradient = None
    if score.requires_grad:
        (gradient,) = torch.autograd.grad(total, maps, allow_unused=True)
    if gradient is None:
        raise ValueError("the score does not depend on the layer; name one on its way")
    if method == "grad-cam":
        gradient = gradient.mean((2, 3), keepdim=True)  # (N, channels, 1, 1)
    heat = (maps.detach() * gradient).sum(1).relu()  # (N, h, w)
    return heat.float(), score.detach().float()


def _score(outputs: torch.Tensor, count: int, target: int | None) -> torch.Tensor:
    """The score to explain of each image, N."""
    if not isinstance(outputs, torch.Tensor) or outputs.shape[0] != count or outputs.ndim > 2:
        given = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs)
        raise ValueError(f"the model must give scores N or N x K for N = {count}, got {given}")
    single = outputs.ndim == 1 or outputs.shape[1] == 1
    classes = 2 if single else outputs.shape[1]
    if target is not None and not 0 <= target < classes:
        raise ValueError(f"target must lie between 0 and {classes - 1}, got {target}")
    if single:
        score = outputs.reshape(count)
        return -score if target == 0 else score
    return outputs.max(dim=1).values if target is None else outputs[:, target]


def _find(model: nn.Module, layer: str | nn.Module) -> nn.Module:
    modules = dict(model.named_modules())
    if isinstance(layer, nn.Module):
        if not any(layer is module for module in modules.values()):
            raise ValueError(f"the model does not contain that layer, {type(layer).__name__}")
        return layer
    if layer not in modules:
        near = difflib.get_close_matches(layer, modules, n=3, cutoff=0.0)
        raise ValueError(f"the model has no layer {layer!r}; similar names: {', '.join(near)}")
    return modules[layer]
