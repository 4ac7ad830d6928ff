"""Features of X-rays by MobileNetV2, against a loop over images and against ONNX Runtime.

All sides start from the same uint8 pictures, 128 x 128 pixels, with the same weights. The loop does
what torchvision's examples do: the preset transforms, then the network, one picture at a time.
"""

import onnxruntime
import torch
from torch import nn
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

from benchmarks.measure import Row, turns
from companion.data.weights import mobilenet_weights
from companion.data.xrays import load_xrays
from companion.models.mobilenet import MEAN, STD, MobileNetFeatures
from companion.tasks.compression import export_onnx
from companion.training import predict

COUNT, SIZE, BATCH, ROUNDS = 512, 128, 16, 7


class Reference(nn.Module):
    """torchvision's network up to the pooled features, from uint8 pictures."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.features = network.features
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map uint8 images N x 1 x H x W to features N x 1280."""
        return self.features((images / 255 - self.mean) / self.std).mean((2, 3))


def rows() -> list[Row]:
    images = load_xrays(size=SIZE).images[:COUNT]
    network = mobilenet_v2().eval()
    network.load_state_dict(torch.load(mobilenet_weights(), weights_only=True))
    features = MobileNetFeatures(mobilenet_weights())
    prepare = MobileNet_V2_Weights.IMAGENET1K_V1.transforms(resize_size=SIZE, crop_size=SIZE)
    session = onnxruntime.InferenceSession(
        exported(Reference(network).eval(), images[:BATCH]), providers=["CPUExecutionProvider"]
    )

    def ours():
        return predict(features, images, batch_size=BATCH)

    @torch.no_grad()
    def loop():
        found = []
        for image in images:
            inputs = prepare(image.expand(3, -1, -1)).unsqueeze(0)
            found.append(network.features(inputs).mean((2, 3)))
        return torch.cat(found)

    def runtimes():
        parts = [session.run(None, {"images": part.numpy()})[0] for part in images.split(BATCH)]
        return torch.cat([torch.from_numpy(part) for part in parts])

    for other in (loop(), runtimes()):  # the same work
        torch.testing.assert_close(ours(), other, rtol=1e-3, atol=1e-3)
    mine, single, compiled = turns(ours, loop, runtimes, times=ROUNDS)
    task = f"MobileNetV2 features of {COUNT} X-rays"
    return [
        Row(task, mine, "torchvision, image by image", single, 1.0),
        Row(task, mine, "onnxruntime", compiled, 2.5),
    ]


def exported(network: nn.Module, example: torch.Tensor) -> bytes:
    """The network in ONNX, for batches of any size."""
    return export_onnx(network, example, tolerance=1e-3)
