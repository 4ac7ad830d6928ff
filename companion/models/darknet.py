"""Networks of the Darknet framework, such as YOLOv4-tiny, as plain PyTorch modules.

YOLOv4-tiny: Wang, Bochkovskiy and Liao, 2021, arXiv:2011.08036. The cfg file says what the layers
are, the weights file holds their numbers in the same order, and nothing else is needed.
"""

import os
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from companion.models.candidates import Candidates, check_images
from companion.models.darknet_cfg import Section, parse_cfg
from companion.models.darknet_layers import (
    Block,
    Convolution,
    Route,
    Yolo,
    convolution,
    maxpool,
    route,
    upsample,
    yolo,
)

_MAKERS = {
    "convolutional": convolution,
    "maxpool": maxpool,
    "route": route,
    "upsample": upsample,
    "yolo": yolo,
}


class Darknet(nn.Module):
    """A detector that is described by a cfg file.

    It takes float32 images in [0, 1], N x channels x H x W, with any H and W that are multiples of
    `stride`. Called, it gives the raw maps of its [yolo] layers, as training needs them;
    predictions come from `candidates`.

    Args:
        cfg: path of the cfg file.
        weights: path of the weights file; None for random weights.
        fold: fold each batch norm into the convolution before it, and freeze the weights. It
            changes results by rounding only and saves time; set it to False to train on.

    Attributes:
        size: (height, width) in pixels for which the cfg was written.
        stride: pixels per cell of its coarsest map.
        classes: number of classes.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: the cfg is damaged, contradicts itself or uses what is not known here; the
            weights have another length than the cfg needs, or values that are not finite.
    """

    def __init__(
        self,
        cfg: str | os.PathLike,
        weights: str | os.PathLike | None = None,
        *,
        fold: bool = True,
    ):
        super().__init__()
        cfg = Path(cfg)
        try:
            net, *sections = parse_cfg(_read(cfg, "cfg").decode())
            self.size = (net.get("height"), net.get("width"))
            self.channels = net.get("channels", 3)
            self.layers, self.stride = _build(sections, self.channels)
        except ValueError as error:  # a file of bytes that are no text included
            raise ValueError(f"{cfg}: {error}") from error
        heads = [layer for layer in self.layers if isinstance(layer, Yolo)]
        if len({head.classes for head in heads}) != 1:
            raise ValueError(
                f"{cfg}: needs [yolo] layers, all for the same number of classes, got "
                f"{[head.classes for head in heads]}"
            )
        self.classes = heads[0].classes
        self._kept = {s for layer in self.layers if isinstance(layer, Route) for s in layer.sources}
        if weights is not None:
            _load(list(self.layers), Path(weights))
        if fold:
            self.eval().requires_grad_(False)
            for layer in self.layers:
                if isinstance(layer, Convolution) and layer.norm is not None:
                    layer.conv = fuse_conv_bn_eval(layer.conv, layer.norm)
                    layer.norm = None
        self.to(memory_format=torch.channels_last)  # a fifth faster on CPU than the usual layout

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Map images, N x channels x H x W in [0, 1], to the raw maps of the [yolo] layers.

        Returns:
            One map per layer: N x (anchors of the layer x (5 + classes)) x H/stride x W/stride.

        Raises:
            ValueError: the images have another shape, or a size that is no multiple of `stride`.
        """
        check_images(images, self.channels, self.stride)
        outputs: dict[int, torch.Tensor] = {}
        raw = []
        maps = images.contiguous(memory_format=torch.channels_last)
        for number, layer in enumerate(self.layers):
            if isinstance(layer, Yolo):
                raw.append(maps)
                continue
            maps = layer([outputs[s] for s in layer.sources] if isinstance(layer, Route) else maps)
            if number in self._kept:
                outputs[number] = maps
        return raw

    def candidates(self, images: torch.Tensor) -> Candidates:
        """Find boxes: all that the network considers, most of them with probabilities near 0.

        Args:
            images: as for `forward`.

        Returns:
            Boxes and probabilities, in float32; A = anchors x cells of all maps.

        Raises:
            ValueError: as for `forward`.
        """
        height = images.shape[2]
        heads = [layer for layer in self.layers if isinstance(layer, Yolo)]
        parts = [
            head(maps, stride=height // maps.shape[2])
            for head, maps in zip(heads, self(images), strict=True)
        ]
        return Candidates(*(torch.cat(part, dim=1) for part in zip(*parts, strict=True)))


def _build(sections: list[Section], channels: int) -> tuple[nn.ModuleList, int]:
    """Layers in order, and the stride of the coarsest [yolo] map."""
    blocks: list[Block] = []
    inputs = Block(nn.Identity(), channels, 1)
    for section in sections:
        before = blocks[-1] if blocks else inputs
        blocks.append(_MAKERS[section.kind](section, before, blocks))
    strides = [block.stride for block in blocks if isinstance(block.layer, Yolo)]
    if not strides or max(strides) != int(max(strides)):
        raise ValueError(f"a detector needs [yolo] layers on whole strides, got {strides}")
    return nn.ModuleList([block.layer for block in blocks]), int(max(strides))


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such {what} file") from None


def _load(layers: list[nn.Module], path: Path) -> None:
    """Fill the convolutions from a weights file, in the file's order."""
    data = _read(path, "weights")
    if len(data) < 12:
        raise ValueError(f"{path}: {len(data)} bytes are too few for the header of weights")
    major, minor = np.frombuffer(data, "<i4", 2)
    start = 12 + (8 if major * 10 + minor >= 2 else 4)  # since 0.2, images seen is 8 bytes long
    targets = [
        tensor
        for layer in layers
        if isinstance(layer, Convolution)
        for tensor in layer.in_file_order()
    ]
    needed = start + 4 * sum(tensor.numel() for tensor in targets)
    if len(data) != needed:
        raise ValueError(
            f"{path}: has {len(data)} bytes, but the cfg needs {needed}; the two files do not "
            "belong together, or one of them is cut off"
        )
    numbers = torch.from_numpy(np.frombuffer(data, "<f4", offset=start).astype(np.float32))
    if not numbers.isfinite().all():
        raise ValueError(f"{path}: holds values that are not finite; the file is damaged")
    parts = numbers.split([tensor.numel() for tensor in targets])
    with torch.no_grad():
        for tensor, part in zip(targets, parts, strict=True):
            tensor.copy_(part.view_as(tensor))
