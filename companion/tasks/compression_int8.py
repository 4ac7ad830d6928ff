"""Quantisation to 8 bits: weights and activations as whole numbers with a scale.

A value x becomes round(x / scale) + zero point (Jacob et al., 2018, arXiv:1712.05877). ONNX
Runtime's quantiser does it: torch's own, `torch.ao.quantization`, is deprecated.

`OnnxNetwork` computes such a graph with exact sums. Whoever opens it with ONNX Runtime alone, on
x86 without VNNI, should set the session's option `session.x64quantprecision` to "1": see
`open_session`.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

from companion.tasks.compression import open_session


def quantize_static(
    graph: bytes, pictures: torch.Tensor, *, per_channel: bool = True, batch_size: int = 64
) -> bytes:
    """Quantise weights and activations, with the activations' ranges seen on some pictures.

    Args:
        graph: an ONNX graph with one input, as `export_onnx` gives it.
        pictures: typical inputs of the training part, N x ...; some hundred are enough.
        per_channel: give every output channel of the weights a scale of its own, rather than one to
            all of a layer.
        batch_size: pictures at a time.

    Returns:
        The quantised graph, with the same input and output.

    Raises:
        ValueError: no pictures, or pictures of another shape or type than the graph takes, or a
            graph that cannot be read.
    """
    _check_pictures(graph, pictures)
    reader = _Pictures(pictures, open_session(graph).get_inputs()[0].name, batch_size)

    def quantize(source: Path, target: Path) -> None:
        quantization.quantize_static(
            source,
            target,
            reader,
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=per_channel,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )

    return _through_files(graph, quantize)


def quantize_dynamic(graph: bytes) -> bytes:
    """Quantise weights now, and activations anew for each batch, by the range they have there.

    No pictures are needed, but finding the range takes time in every layer of every answer, and all
    of a layer's weights share one scale.

    Args:
        graph: an ONNX graph, as `export_onnx` gives it.

    Returns:
        The quantised graph, with the same input and output.

    Raises:
        ValueError: the graph cannot be read.
    """
    open_session(graph)

    def quantize(source: Path, target: Path) -> None:
        quantization.quantize_dynamic(
            source, target, weight_type=quantization.QuantType.QInt8, per_channel=False
        )

    return _through_files(graph, quantize)


class _Pictures(quantization.CalibrationDataReader):
    """Hands out pictures batch by batch, and None at the end, as the quantiser wants it."""

    def __init__(self, pictures: torch.Tensor, name: str, batch_size: int):
        parts = pictures.detach().cpu().split(batch_size)
        self._batches = iter([{name: part.numpy()} for part in parts])

    def get_next(self) -> dict | None:
        return next(self._batches, None)


_TYPES = {"tensor(float)": torch.float32, "tensor(uint8)": torch.uint8}


def _check_pictures(graph: bytes, pictures: torch.Tensor) -> None:
    inputs = open_session(graph).get_inputs()
    if len(inputs) != 1:
        raise ValueError(f"the graph must have one input, got {len(inputs)}")
    if not len(pictures):
        raise ValueError(
            "static quantisation needs pictures to see the activations' ranges on, got none; take "
            "some hundred of the training part, or quantize_dynamic"
        )
    shape, dtype = inputs[0].shape[1:], inputs[0].type
    if list(pictures.shape[1:]) != shape or _TYPES.get(dtype) != pictures.dtype:
        raise ValueError(
            f"the graph takes N x {' x '.join(map(str, shape))}, {dtype}, got pictures of "
            f"{tuple(pictures.shape)}, {pictures.dtype}"
        )


def _through_files(graph: bytes, quantize: Callable[[Path, Path], None]) -> bytes:
    """The quantiser reads and writes files."""
    with tempfile.TemporaryDirectory() as folder:
        given, prepared, done = (Path(folder) / name for name in ("given", "prepared", "done"))
        given.write_bytes(graph)
        quant_pre_process(given, prepared)  # shapes of all values, layers fused
        quantize(prepared, done)
        return done.read_bytes()
