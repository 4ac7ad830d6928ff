"""A U-Net's answer for X-rays, against the same graph in ONNX Runtime.

Both start from the same uint8 pictures, 128 x 128 pixels, with the same weights, and end with a
probability for each pixel. ONNX Runtime folds the batch norms when it loads the graph.
"""

import onnxruntime
import torch
from torch import nn

from benchmarks.features import exported
from benchmarks.measure import Row, turns
from companion.data.xrays import load_xrays
from companion.models import unet
from companion.tasks import segmentation

COUNT, SIZE, BATCH, ROUNDS = 128, 128, 16, 7


class WithProbs(nn.Module):
    """The network with the sigmoid at its end, from uint8 pictures."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map uint8 images N x 1 x H x W to probabilities of the same shape."""
        return self.network(images).sigmoid()


def rows() -> list[Row]:
    images = load_xrays(size=SIZE).images[:COUNT]
    torch.manual_seed(0)
    network = unet()
    with torch.no_grad():
        for part in images.split(BATCH):  # batch norms that have seen X-rays
            network(part)
    network.eval()
    graph = exported(WithProbs(network), images[:BATCH])
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])

    def ours():
        return segmentation.predict_probs(network, images, batch_size=BATCH)

    def runtimes():
        parts = [session.run(None, {"images": part.numpy()})[0] for part in images.split(BATCH)]
        return torch.cat([torch.from_numpy(part) for part in parts])

    torch.testing.assert_close(ours(), runtimes(), rtol=1e-3, atol=1e-4)  # the same work
    mine, compiled = turns(ours, runtimes, times=ROUNDS)
    return [Row(f"U-Net on {COUNT} X-rays", mine, "onnxruntime", compiled, 2.0)]
