"""dlib's convolutional face detector (King, 2015, arXiv:1502.00046), in PyTorch.

dlib computes it without a matrix library on one core and keeps Python waiting meanwhile. Here the
same weights are read from dlib's own file: all cores, or an accelerator. The scores agree with
dlib's to 1e-4. The network has no size of its own: it slides over a picture of any size, and
`companion.tasks.face_pyramid` lays all sizes of a photograph into one such picture.
"""

from pathlib import Path

import torch
from torch import nn

from companion.models.dlib_file import DlibFile

LAYERS = (
    (3, 16, 5, 2, 0),
    (16, 32, 5, 2, 0),
    (32, 32, 5, 2, 0),
    (32, 45, 5, 1, 2),
    (45, 45, 5, 1, 2),
    (45, 45, 5, 1, 2),
    (45, 1, 9, 1, 4),
)
"""Inputs, outputs, kernel, stride and padding of the convolutions; ReLU stands between them."""

WINDOW = 80
"""Side in pixels of the square around each score's place that holds the face."""

STEP, FIRST = 8, 14
"""Score number i belongs to pixel `FIRST + STEP * i`: three convolutions halve, and pad nothing."""

_EPSILON = 1e-4  # of the batch normalisations, as the file says


class FaceDetector(nn.Sequential):
    """A picture (N, 3, H, W), colours less `dlib_file.MEAN` over `RANGE`, to scores (N, 1, H', W').

    A score above zero means that a face fills the window around its place.
    """

    def __init__(self) -> None:
        modules: list[nn.Module] = []
        for inputs, outputs, kernel, stride, padding in LAYERS:
            modules.append(nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding))
            modules.append(nn.ReLU(inplace=True))
        super().__init__(*modules[:-1])  # scores may be negative


def read_detector(path: Path) -> FaceDetector:
    """Build the network from `mmod_human_face_detector.dat`.

    Two kinds of layers have numbers there: convolutions, with weights and bias, and behind all but
    the last a batch normalisation, which is multiplied into the convolution before it.

    Raises:
        ValueError: the file does not hold this network.
    """
    file = DlibFile(path, "loss_mmod_", "dlib's face detector")
    network = FaceDetector()
    convolutions = [module for module in network if isinstance(module, nn.Conv2d)]
    names = [name for conv in convolutions for name in ("con_4", "bn_con2")][:-1]
    found = file.layers("con_4", "bn_con2")
    with torch.no_grad():
        for expected in names:
            if next(found, None) != expected:
                raise file.damaged()
            if expected == "con_4":
                conv = convolutions.pop(0)
                size = conv.weight.numel()
                kernel = _sized(file, size + conv.out_channels)
                weight, bias = kernel[:size].view_as(conv.weight), kernel[size:]
            else:
                factor, offset = _normalisation(file, conv.out_channels)
                weight, bias = weight * factor.view(-1, 1, 1, 1), bias * factor + offset
            conv.weight.copy_(weight)
            conv.get_parameter("bias").copy_(bias)
    return network.eval().requires_grad_(requires_grad=False)


def _normalisation(file: DlibFile, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors and offsets of a batch normalisation that has learnt."""
    gamma, beta = _sized(file, 2 * channels).split(channels)
    for _ in range(10):  # the shapes of the two, told once more
        file.integer()
    _, _, mean, variance = (_sized(file, channels) for _ in range(4))  # last batch's, then all
    factor = gamma / (variance + _EPSILON).sqrt()
    return factor, beta - factor * mean


def _sized(file: DlibFile, count: int) -> torch.Tensor:
    values = file.tensor()
    if len(values) != count:
        raise file.damaged()
    return values
