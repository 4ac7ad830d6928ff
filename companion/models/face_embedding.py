"""dlib's face embedding (King, 2017), a ResNet with 29 convolutions (He et al., 2016), in PyTorch.

dlib computes it on one core, a face at a time, and keeps Python waiting meanwhile. Here the same
weights are read from dlib's own file: batches, all cores, or an accelerator. The numbers agree with
dlib's to 1e-5.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""Channels, residual blocks, and whether the first of them halves the picture."""

_MEAN = (122.782, 117.001, 104.298)
_MAGIC = b"loss_metric_"


class Block(nn.Module):
    """A residual block: two convolutions, and their input added again.

    Where the block halves the picture, its input is averaged over 2 x 2 pixels and gets channels
    of zeros, so that no weights stand in the shortcut.
    """

    def __init__(self, inputs: int, outputs: int, *, halve: bool) -> None:
        super().__init__()
        self.halve = halve
        self.first = nn.Conv2d(
            inputs, outputs, 3, stride=2 if halve else 1, padding=0 if halve else 1
        )
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) to (N, outputs, H', W')."""
        y = self.second(functional.relu(self.first(x)))
        if self.halve:
            x = functional.avg_pool2d(x, 2)
        height, width = max(x.shape[2], y.shape[2]), max(x.shape[3], y.shape[3])
        return functional.relu(
            _padded(x, y.shape[1], height, width) + _padded(y, y.shape[1], height, width)
        )


class FaceEmbedding(nn.Module):
    """Aligned faces (N, 3, 150, 150), RGB from 0 to 255, to 128 numbers each."""

    mean: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1))
        self.stem = nn.Conv2d(3, 32, 7, stride=2)
        blocks, inputs = [], 32
        for channels, count, halve in STAGES:
            for number in range(count):
                blocks.append(Block(inputs, channels, halve=halve and number == 0))
                inputs = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inputs, 128, bias=False)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """(N, 3, 150, 150) float32 to (N, 128)."""
        x = functional.relu(self.stem((faces - self.mean) / 256))  # (N, 32, 72, 72)
        x = functional.max_pool2d(x, 3, stride=2)  # (N, 32, 35, 35)
        return self.head(self.blocks(x).mean((2, 3)))


def read_dlib(path: Path) -> FaceEmbedding:
    """Build the network from `dlib_face_recognition_resnet_model_v1.dat`.

    In that file every layer begins with its name, and its numbers follow: a convolution's weights
    and bias; an affine layer's factors and offsets, which stand where batch normalisation stood in
    training and are multiplied into the convolution before them; the last, linear layer.

    Raises:
        ValueError: the file does not hold this network.
    """
    content = path.read_bytes()
    if _MAGIC not in content[:32]:
        raise ValueError(f"{path}: is not dlib's face embedding")
    layers = _parameters(content, path)
    network = FaceEmbedding()
    with torch.no_grad():
        for conv in (module for module in network.modules() if isinstance(module, nn.Conv2d)):
            kernel = _take(layers, "con", conv.weight.numel() + conv.out_channels, path)
            affine = _take(layers, "affine", 2 * conv.out_channels, path)
            factor, offset = affine.view(2, -1)
            weight, bias = kernel.split([conv.weight.numel(), conv.out_channels])
            conv.weight.copy_(weight.view_as(conv.weight) * factor.view(-1, 1, 1, 1))
            conv.get_parameter("bias").copy_(bias * factor + offset)
        head = _take(layers, "fc", network.head.weight.numel(), path)
        network.head.weight.copy_(head.view(network.head.in_features, -1).T)
    return network.eval().requires_grad_(requires_grad=False)


def _parameters(content: bytes, path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """The layers that have parameters, in the order of computation."""
    for found in re.finditer(rb"(con|affine|fc)_\d?", content):
        position = found.end()
        for _ in range(2 if found[1] == b"fc" else 0):  # first its outputs and inputs
            _, position = _integer(content, position, path)
        numbers = []
        for _ in range(5):  # a version, then the tensor's four dimensions
            number, position = _integer(content, position, path)
            numbers.append(number)
        count = int(np.prod(numbers[1:]))
        if numbers[0] != 2 or not 0 < 4 * count <= len(content) - position:
            raise ValueError(f"{path}: is damaged, or no face embedding")
        values = np.frombuffer(content, "<f4", count, position).astype(np.float32)
        yield found[1].decode(), torch.from_numpy(values)


def _integer(content: bytes, position: int, path: Path) -> tuple[int, int]:
    """An integer as dlib writes it: how many bytes, then these, the lowest first."""
    length = content[position] if position < len(content) else 0
    if not 1 <= length <= 8:
        raise ValueError(f"{path}: is damaged, or no face embedding")
    end = position + 1 + length
    return int.from_bytes(content[position + 1 : end], "little"), end


def _take(
    layers: Iterator[tuple[str, torch.Tensor]], kind: str, count: int, path: Path
) -> torch.Tensor:
    found, values = next(layers, ("nothing", torch.empty(0)))
    if found != kind or len(values) != count:
        raise ValueError(
            f"{path}: expected {count} numbers of a layer {kind!r}, "
            f"found {len(values)} of {found!r}"
        )
    return values


def _padded(x: torch.Tensor, channels: int, height: int, width: int) -> torch.Tensor:
    """Zeros behind the last channel, row and column, up to the given size."""
    return functional.pad(
        x, (0, width - x.shape[3], 0, height - x.shape[2], 0, channels - x.shape[1])
    )
