"""The layers that Darknet's cfg files are made of, each built from its section.

A maker takes the section, the block before it and all blocks so far, and gives a `Block`: the
module with the channels and the stride of what it puts out.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from companion.models.darknet_cfg import Section

EPSILON = 1e-5
"""Added to a batch norm's variance, as Darknet does when it folds one."""


class Block(NamedTuple):
    """A layer with what it puts out.

    Attributes:
        layer: the module.
        channels: number of feature maps; 0 after a [yolo] layer, which ends a branch.
        stride: pixels of the network's input per cell of the maps.
    """

    layer: nn.Module
    channels: int
    stride: float


class Convolution(nn.Module):
    """Convolution, batch norm where there is one, and leaky ReLU or nothing."""

    def __init__(self, before: int, filters: int, size: int, stride: int, padding: int,
                 *, norm: bool, leaky: bool):  # fmt: skip
        super().__init__()
        self.conv = nn.Conv2d(before, filters, size, stride, padding, bias=not norm)
        self.norm = nn.BatchNorm2d(filters, eps=EPSILON) if norm else None
        self.leaky = leaky

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Convolve: N x before x H x W to N x filters x H/stride x W/stride."""
        maps = self.conv(maps)
        if self.norm is not None:
            maps = self.norm(maps)
        return functional.leaky_relu_(maps, 0.1) if self.leaky else maps

    def in_file_order(self) -> list[torch.Tensor]:
        """The tensors in the order in which a weights file holds their numbers."""
        if self.norm is None:
            return [self.conv.get_parameter("bias"), self.conv.weight]
        norm = self.norm
        mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        return [norm.bias, norm.weight, mean, variance, self.conv.weight]


class MaxPool(nn.Module):
    """Darknet's pooling: size - 1 cells are added around, the larger half of them at the end."""

    def __init__(self, size: int, stride: int):
        super().__init__()
        self.size, self.stride = size, stride
        before = (size - 1) // 2
        self.padding = (before, size - 1 - before)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Take maxima: N x C x H x W to N x C x ceil(H / stride) x ceil(W / stride)."""
        if self.size == self.stride == 2:  # the added cells fill up odd sizes, nothing more
            return functional.max_pool2d(maps, 2, ceil_mode=True)
        maps = functional.pad(maps, self.padding * 2, value=-torch.inf)
        return functional.max_pool2d(maps, self.size, self.stride)


class Route(nn.Module):
    """Joins the outputs of earlier layers, or passes on one part of their channels."""

    def __init__(self, sources: Sequence[int], groups: int, group: int):
        super().__init__()
        self.sources, self.groups, self.group = tuple(sources), groups, group

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """Join maps, N x C_i x H x W, along the channels."""
        if self.groups > 1:
            maps = [part.chunk(self.groups, dim=1)[self.group] for part in maps]
        return maps[0] if len(maps) == 1 else torch.cat(maps, dim=1)


class Yolo(nn.Module):
    """The last layer of a branch: numbers per anchor and cell to boxes and probabilities.

    Args:
        anchors: (K, 2) width and height in pixels of the boxes that the layer refines.
        classes: number of classes.
        reach: by how much the centre's range of one cell is stretched (`scale_x_y`).
    """

    anchors: torch.Tensor

    def __init__(self, anchors: Sequence[Sequence[float]], classes: int, reach: float):
        super().__init__()
        self.register_buffer("anchors", torch.tensor(anchors), persistent=False)
        self.classes, self.reach = classes, reach

    def forward(self, maps: torch.Tensor, stride: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode N x (K (5 + classes)) x H x W to boxes N x (K H W) x 4 and probabilities."""
        height, width = maps.shape[2:]
        numbers = maps.float().unflatten(1, (len(self.anchors), -1))  # (N, K, 5 + classes, H, W)
        columns = torch.arange(width, device=maps.device)
        rows = torch.arange(height, device=maps.device)
        cells = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))  # (2, H, W)
        inside = numbers[:, :, :2].sigmoid() * self.reach - (self.reach - 1) / 2
        centres = (inside + cells) * stride
        half = numbers[:, :, 2:4].exp() * (self.anchors[:, :, None, None] / 2)
        boxes = torch.cat([centres - half, centres + half], dim=2)  # (N, K, 4, H, W)
        probs = numbers[:, :, 4:5].sigmoid() * numbers[:, :, 5:].sigmoid()
        boxes, probs = (part.permute(0, 1, 3, 4, 2).flatten(1, 3) for part in (boxes, probs))
        return boxes, probs


def convolution(section: Section, before: Block, blocks: list[Block]) -> Block:
    """Build a [convolutional] section."""
    size, stride = section.get("size", 1), section.get("stride", 1)
    filters, activation = section.get("filters"), section.get("activation", kind=str)
    if activation not in ("leaky", "linear"):
        raise ValueError(f"{section}: activation must be leaky or linear, got {activation}")
    _positive(section, filters=filters, size=size, stride=stride)
    layer = Convolution(
        _channels(section, before), filters, size, stride,
        size // 2 if section.get("pad", 0) else 0,
        norm=bool(section.get("batch_normalize", 0)), leaky=activation == "leaky",
    )  # fmt: skip
    return Block(layer, filters, before.stride * stride)


def maxpool(section: Section, before: Block, blocks: list[Block]) -> Block:
    """Build a [maxpool] section."""
    stride = section.get("stride", 1)
    size = section.get("size", stride)
    _positive(section, size=size, stride=stride)
    return Block(MaxPool(size, stride), _channels(section, before), before.stride * stride)


def upsample(section: Section, before: Block, blocks: list[Block]) -> Block:
    """Build an [upsample] section: every cell is repeated `stride` times in both directions."""
    stride = section.get("stride", 2)
    _positive(section, stride=stride)
    layer = nn.Upsample(scale_factor=stride, mode="nearest")
    return Block(layer, _channels(section, before), before.stride / stride)


def route(section: Section, before: Block, blocks: list[Block]) -> Block:
    """Build a [route] section; negative numbers count back from here, others from the start."""
    here = len(blocks)
    sources = [here + n if n < 0 else n for n in section.numbers("layers")]
    groups, group = section.get("groups", 1), section.get("group_id", 0)
    if not all(0 <= source < here for source in sources):
        raise ValueError(f"{section}: layers must name some of the {here} before, got {sources}")
    channels = [_channels(section, blocks[source]) for source in sources]
    if not 0 <= group < groups or any(count % groups for count in channels):
        raise ValueError(
            f"{section}: group {group} of {groups} cannot be cut from {channels} channels"
        )
    strides = {blocks[source].stride for source in sources}
    if len(strides) > 1:
        raise ValueError(
            f"{section}: joins maps of different sizes, {sorted(strides)} pixels a cell"
        )
    return Block(Route(sources, groups, group), sum(channels) // groups, strides.pop())


def yolo(section: Section, before: Block, blocks: list[Block]) -> Block:
    """Build a [yolo] section."""
    sides, mask = section.numbers("anchors", float), section.numbers("mask")
    classes, count = section.get("classes"), section.get("num")
    if len(sides) != 2 * count or not all(0 <= number < count for number in mask):
        raise ValueError(
            f"{section}: num={count} needs as many pairs of anchors and mask numbers below it, got "
            f"{len(sides)} sides and mask {mask}"
        )
    needed = len(mask) * (5 + classes)
    if _channels(section, before) != needed:
        raise ValueError(
            f"{section}: {len(mask)} anchors and {classes} classes need {needed} channels, the "
            f"layer before gives {before.channels}"
        )
    anchors = [sides[2 * number : 2 * number + 2] for number in mask]
    layer = Yolo(anchors, classes, section.get("scale_x_y", 1.0, kind=float))
    return Block(layer, 0, before.stride)


def _channels(section: Section, block: Block) -> int:
    if block.channels == 0:
        raise ValueError(f"{section}: nothing can follow a [yolo] layer but a [route] to another")
    return block.channels


def _positive(section: Section, **values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{section}: {name} must be at least 1, got {value}")
