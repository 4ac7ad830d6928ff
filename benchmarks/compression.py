"""ONNX Runtime and int8 against the same network in torch, on one thread each.

MobileNetV2 with random last layer, pictures of 64 x 64 pixels, one at a time and 32 together.
"""

from functools import partial

import torch

from benchmarks.measure import Row, turns
from companion.data.weights import mobilenet_weights
from companion.data.xrays import load_xrays
from companion.models import mobilenet_classifier
from companion.tasks.compression import OnnxNetwork, export_onnx
from companion.tasks.compression_int8 import quantize_static

ROUNDS = 15


def rows() -> list[Row]:
    images = load_xrays(size=64).images[:256] / 255
    torch.manual_seed(0)
    network = mobilenet_classifier(2, mobilenet_weights()).eval()
    graph = export_onnx(network, images[:2])
    exported = OnnxNetwork(graph, threads=1)
    small = OnnxNetwork(quantize_static(graph, images), threads=1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    table = []
    try:
        with torch.inference_mode():
            torch.testing.assert_close(exported(images), network(images), rtol=1e-3, atol=1e-3)
            exact = network(images)
            apart = (small(images) - exact).abs().mean() / exact.std()
            if apart > 0.3:
                raise AssertionError(f"int8 strays by {apart:.2f} deviations of the answers")
            for count in (1, 32):
                calls = [partial(net, images[:count]) for net in (small, exported, network)]
                int8, compiled, eager = turns(*calls, times=ROUNDS)
                task = f"MobileNetV2, {count} at a time, 1 thread"
                table += [
                    Row(f"{task}, ONNX", compiled, "torch", eager, 1.0),
                    Row(f"{task}, int8", int8, "torch", eager, 0.5),
                    Row(f"{task}, int8", int8, "onnxruntime, float32", compiled, 1.0),
                ]
    finally:
        torch.set_num_threads(threads)
    return table
