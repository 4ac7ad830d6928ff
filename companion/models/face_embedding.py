"""dlib's face embedding (King, 2017), a ResNet with 29 convolutions (He et al., 2016), in PyTorch.

dlib computes it on one core, a face at a time, and keeps Python waiting meanwhile. Here the same
weights are read from dlib's own file: batches, all cores, or an accelerator. The numbers agree with
dlib's to 1e-5.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from companion.models.dlib_file import MEAN, RANGE, DlibFile

STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""Channels, residual blocks, and whether the first of them halves the picture."""


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
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1))
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
        x = functional.relu(self.stem((faces - self.mean) / RANGE))  # (N, 32, 72, 72)
        x = functional.max_pool2d(x, 3, stride=2)  # (N, 32, 35, 35)
        return self.head(self.blocks(x).mean((2, 3)))


def read_embedding(path: Path) -> FaceEmbedding:
    """Build the network from `dlib_face_recognition_resnet_model_v1.dat`.

    Three kinds of layers have numbers there: convolutions, with weights and bias; affine layers,
    whose factors and offsets stand where batch normalisation stood in training and are multiplied
    into the convolution before them; the last, linear layer.

    Raises:
        ValueError: the file does not hold this network.
    """
    file = DlibFile(path, "loss_metric_", "dlib's face embedding")
    layers = _parameters(file)
    network = FaceEmbedding()
    with torch.no_grad():
        for conv in (module for module in network.modules() if isinstance(module, nn.Conv2d)):
            kernel = _take(layers, "con_4", conv.weight.numel() + conv.out_channels, file)
            affine = _take(layers, "affine_", 2 * conv.out_channels, file)
            factor, offset = affine.view(2, -1)
            weight, bias = kernel.split([conv.weight.numel(), conv.out_channels])
            conv.weight.copy_(weight.view_as(conv.weight) * factor.view(-1, 1, 1, 1))
            conv.get_parameter("bias").copy_(bias * factor + offset)
        head = _take(layers, "fc_2", network.head.weight.numel(), file)
        network.head.weight.copy_(head.view(network.head.in_features, -1).T)
    return network.eval().requires_grad_(requires_grad=False)


def _parameters(file: DlibFile) -> Iterator[tuple[str, torch.Tensor]]:
    """The layers that have parameters, in the order of computation."""
    for name in file.layers("con_4", "affine_", "fc_2"):
        for _ in range(2 if name == "fc_2" else 0):  # first its outputs and inputs
            file.integer()
        yield name, file.tensor()


def _take(
    layers: Iterator[tuple[str, torch.Tensor]], kind: str, count: int, file: DlibFile
) -> torch.Tensor:
    found, values = next(layers, ("nothing", torch.empty(0)))
    if found != kind or len(values) != count:
        raise ValueError(
            f"{file.path}: expected {count} numbers of a layer {kind!r}, "
            f"found {len(values)} of {found!r}"
        )
    return values


def _padded(x: torch.Tensor, channels: int, height: int, width: int) -> torch.Tensor:
    """Zeros behind the last channel, row and column, up to the given size."""
    return functional.pad(
        x, (0, width - x.shape[3], 0, height - x.shape[2], 0, channels - x.shape[1])
    )
