"""Small residual network for small images (He, Zhang, Ren and Sun, 2015, arXiv:1512.03385)."""

import torch
from torch import nn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions whose result is added to what went in.

    Where the shape changes, a 1x1 convolution brings the input to the new shape.

    Args:
        before: channels of the input.
        after: channels of the output.
        stride: 2 halves height and width.
    """

    def __init__(self, before: int, after: int, stride: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map N x before x H x W to N x after x H/stride x W/stride."""
        return torch.relu(self.body(maps) + self.shortcut(maps))


class ResNet(nn.Module):
    """The paper's network for CIFAR-10: three stages of residual blocks, then the mean.

    Args:
        classes: number of logits.
        channels: 1 for grey images, 3 for colour.
        blocks: residual blocks in each of the three stages; 6 x blocks + 2 layers in all.
        width: channels of the first stage, doubled by each of the other two.

    Raises:
        ValueError: a size below 1.
    """

    def __init__(self, classes: int = 10, channels: int = 3, *, blocks: int = 1, width: int = 16):
        super().__init__()
        sizes = (classes, channels, blocks, width)
        if min(sizes) < 1:
            raise ValueError(f"classes, channels, blocks and width start at 1, got {sizes}")
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        stages = []
        before = width
        for stage in range(3):
            after = width * 2**stage
            for block in range(blocks):
                stride = 2 if stage and block == 0 else 1
                stages.append(ResidualBlock(before, after, stride))
                before = after
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(before, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images, N x channels x H x W, to logits, N x classes."""
        maps = self.stages(self.stem(images))  # (N, 4 width, H/4, W/4)
        return self.classifier(maps.mean(dim=(2, 3)))


def resnet(classes: int = 10, channels: int = 3, *, blocks: int = 1, width: int = 16) -> ResNet:
    """Build a residual network for small images.

    Weights at width 16, 3 channels and 10 classes: 78,042 with 1 block a stage (8 layers), 175,258
    with 2 (14 layers), 272,474 with 3 (the paper's 20 layers; shortcuts by 1x1 convolution).
    Channels of the three stages: width, 2 width, 4 width.

    Args:
        classes: number of logits.
        channels: 1 for grey images, 3 for colour.
        blocks: residual blocks in each of the three stages.
        width: channels of the first stage.

    Returns:
        A network from images, N x channels x H x W of any size, to logits, N x classes.

    Raises:
        ValueError: a size below 1.

    Example:
        >>> resnet()(torch.zeros(5, 3, 32, 32)).shape
        torch.Size([5, 10])
    """
    return ResNet(classes, channels, blocks=blocks, width=width)
