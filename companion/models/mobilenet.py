"""MobileNetV2 (Sandler et al., 2018, arXiv:1801.04381), pretrained, as a source of features."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import mobilenet_v2
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.ops import Conv2dNormActivation

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's red, green and blue, for values in [0, 1]."""

LAST = 18
"""Number of torchvision's last block; block 0 is the first convolution."""


class MobileNetFeatures(nn.Module):
    """MobileNetV2 without its classifier: images to vectors of features.

    Frozen by default: the weights take no gradient, and each batch norm is folded into the
    convolution before it, which changes the features by rounding only and saves time. With
    `trainable_from`, the blocks from that one on are trained and the earlier ones stay as they are,
    their batch norms included.

    Channels after block 1: 16, 3: 24, 6: 32, 10: 64, 13: 96, 16: 160, 17: 320, 18: 1280; the image
    is shrunk 2, 4, 8, 16, 16, 32, 32 and 32 times there.

    Args:
        weights: torchvision's ImageNet file, see `companion.data.weights`; None for random weights.
        depths: after which blocks features are taken, ascending, each from 0 to 18; several are
            joined. Blocks after the last are left out.
        trainable_from: first block that is trained: 0 for all; None for none.

    Attributes:
        width: number of features.

    Raises:
        FileNotFoundError: there is no such file of weights.
        ValueError: the file does not hold MobileNetV2's weights, depths that are not ascending
            from 0 to 18, or `trainable_from` outside of the blocks used.

    Example:
        >>> MobileNetFeatures(depths=(6, 18))(torch.zeros(2, 1, 64, 64, dtype=torch.uint8)).shape
        torch.Size([2, 1312])
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        weights: str | os.PathLike | None = None,
        *,
        depths: Sequence[int] = (LAST,),
        trainable_from: int | None = None,
    ):
        super().__init__()
        depths = tuple(depths)
        if (
            not depths
            or list(depths) != sorted(set(depths))
            or not 0 <= depths[0] <= depths[-1] <= LAST
        ):
            raise ValueError(f"depths ascend and lie between 0 and {LAST}, got {depths}")
        if trainable_from is not None and not 0 <= trainable_from <= depths[-1]:
            raise ValueError(
                f"trainable_from must name a block from 0 to {depths[-1]}, got {trainable_from}"
            )
        network = mobilenet_v2()
        if weights is not None:
            _load(network, Path(weights))
        self.blocks = network.features[: depths[-1] + 1]
        self.depths = depths
        self.trainable_from = trainable_from
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        frozen = self._frozen()
        frozen.requires_grad_(False)
        if trainable_from is None:
            _fold_batch_norms(self.eval())
        self.to(memory_format=torch.channels_last)
        self.train(self.training)
        self.width = sum(_channels(self.blocks[depth]) for depth in depths)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images to the means of their feature maps.

        Args:
            images: N x 3 x H x W, or N x 1 x H x W for grey ones; uint8, or floats in [0, 1].
                At least 32 x 32 pixels make sense.

        Returns:
            N x width, float.
        """
        return torch.cat([maps.mean(dim=(2, 3)) for maps in self.maps(images)], dim=1)

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The feature maps after each of `depths`, N x channels x height x width each."""
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(
                f"images are N x 3 x H x W, or N x 1 x H x W for grey, got {tuple(images.shape)}"
            )
        if images.dtype == torch.uint8:
            images = images / 255
        maps = (images - self.mean) / self.std  # a grey image becomes three equal channels here
        maps = maps.contiguous(memory_format=torch.channels_last)
        taken = []
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if number in self.depths:
                taken.append(maps)
        return taken

    def train(self, mode: bool = True) -> "MobileNetFeatures":
        """Switch the trained blocks; frozen ones stay in evaluation mode."""
        super().train(mode)
        self._frozen().eval()
        return self

    def _frozen(self) -> nn.Sequential:
        end = len(self.blocks) if self.trainable_from is None else self.trainable_from
        return self.blocks[:end]


def mobilenet_classifier(
    classes: int,
    weights: str | os.PathLike | None = None,
    *,
    trainable_from: int | None = None,
    dropout: float = 0.2,
) -> nn.Sequential:
    """Build MobileNetV2 with a new last layer, for transfer learning.

    Args:
        classes: number of logits.
        weights: torchvision's ImageNet file; None for random weights.
        trainable_from: first block that is trained: 0 for all; None for the last layer only.
        dropout: share of the features that training leaves out.

    Returns:
        A network from images, as `MobileNetFeatures` takes them, to logits, N x classes.

    Raises:
        FileNotFoundError: there is no such file of weights.
        ValueError: as `MobileNetFeatures` says, or `classes` below 1.

    Example:
        >>> mobilenet_classifier(2)(torch.rand(5, 1, 64, 64)).shape
        torch.Size([5, 2])
    """
    if classes < 1:
        raise ValueError(f"classes start at 1, got {classes}")
    features = MobileNetFeatures(weights, trainable_from=trainable_from)
    return nn.Sequential(features, nn.Dropout(dropout), nn.Linear(features.width, classes))


def _load(network: nn.Module, file: Path) -> None:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: there is no such file of weights")
    try:
        network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes torch's reader raise almost anything
        raise ValueError(
            f"{file}: does not hold torchvision's weights of MobileNetV2: {str(error)[:200]}"
        ) from error


def _fold_batch_norms(network: nn.Module) -> None:
    """Fold each batch norm into the convolution before it, for evaluation."""
    for module in list(network.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        names = list(module._modules)
        for first, second in itertools.pairwise(names):
            convolution, norm = module._modules[first], module._modules[second]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module._modules[first] = fuse_conv_bn_eval(convolution, norm)
                module._modules[second] = nn.Identity()


def _channels(block: Conv2dNormActivation | InvertedResidual) -> int:
    return block[0].out_channels if isinstance(block, Conv2dNormActivation) else block.out_channels
