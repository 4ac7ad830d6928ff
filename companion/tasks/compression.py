"""Networks that leave torch: export to ONNX, and answers by ONNX Runtime.

    graph = export_onnx(network, images[:2], "network.onnx")
    small = OnnxNetwork(quantize_static(graph, train_images[:256]), threads=1)
    logits = predict(small, images)

`compression_int8` turns weights into whole numbers of 8 bits, `compression_pruning` sets weights to
zero, `compression_distillation` teaches a small network what a large one knows, and
`compression_cost` says what an answer costs.
"""

import copy
import os
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import nn

from companion.files import whole_file
from companion.training.checkpoint import bare


def export_onnx(
    network: nn.Module,
    example: torch.Tensor,
    path: str | os.PathLike | None = None,
    *,
    tolerance: float = 1e-4,
) -> bytes:
    """Write a network as an ONNX graph for batches of any size, and check its answers.

    A copy of the network on the CPU, in evaluation mode, is traced by torch's exporter; the network
    itself stays as it is. The graph's input is called "images". ONNX Runtime's answers to the
    example must be those of the network.

    Args:
        network: takes one tensor, gives one or several.
        example: inputs, N x ..., at least one; the graph takes the same type, and the same sizes
            but for N.
        path: where to write the graph as well, whole or not at all; its folder must exist.
        tolerance: largest difference to the network's answers, as a share of the largest answer in
            amount, or of 1 where all are smaller.

    Returns:
        The graph.

    Raises:
        ValueError: no example, or a network whose answers the graph does not give; no file is
            written.
        FileNotFoundError: the folder of `path` does not exist.

    Example:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        >>> graph = export_onnx(network, torch.rand(3, 1, 2, 2))
        >>> OnnxNetwork(graph)(torch.rand(7, 1, 2, 2)).shape
        torch.Size([7, 2])
    """
    if not len(example):
        raise ValueError("export needs an example of at least one input, got none")
    file = None if path is None else Path(path)
    if file is not None and not file.parent.is_dir():
        raise FileNotFoundError(f"{file.parent}: there is no such folder; make it first")
    network = copy.deepcopy(bare(network)).cpu().eval()
    example = example.detach().cpu()
    if len(example) == 1:  # from a single one the exporter concludes that N is always 1
        example = torch.cat([example, example])
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        input_names=["images"],
        dynamic_shapes=({0: torch.export.Dim("count")},),
        verbose=False,
    )
    assert program is not None  # with dynamo=True the exporter gives one
    graph = program.model_proto.SerializeToString()
    _check_answers(network, graph, example, tolerance)
    if file is not None:
        with whole_file(file) as written:
            written.write(graph)
    return graph


class OnnxNetwork(nn.Module):
    """A network in ONNX Runtime, on the CPU, that is asked like any other.

    It has no weights that torch knows of and gives no gradient.

    Args:
        graph: an ONNX graph with one input and one output, or the path of one.
        threads: how many compute one answer.

    Raises:
        ValueError: the graph cannot be read, has more inputs or outputs, or `threads` is below 1.
    """

    def __init__(self, graph: bytes | str | os.PathLike, *, threads: int = 1):
        super().__init__()
        self.session = open_session(graph, threads=threads)
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(
                f"the graph must have one input and one output, got {len(inputs)} and "
                f"{len(outputs)}; use open_session and its run"
            )
        self._input = inputs[0].name

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images, as the exported network took them, to what it gave."""
        answers = self.session.run(None, {self._input: images.detach().cpu().numpy()})
        return torch.from_numpy(answers[0]).to(images.device)


def open_session(
    graph: bytes | str | os.PathLike, *, threads: int = 1
) -> onnxruntime.InferenceSession:
    """Load an ONNX graph into ONNX Runtime, on the CPU.

    Sums of 8-bit products are exact on every processor. By default, ONNX Runtime adds them in pairs
    of 16 bits where the processor has no instruction for whole groups (x86 without VNNI): the
    largest pairs overflow there, and answers stray. The exact sums take more time on those
    processors, and none on others.

    Args:
        graph: the graph, or its path.
        threads: how many compute one answer.

    Raises:
        ValueError: the graph cannot be read, or `threads` is below 1.
    """
    if threads < 1:
        raise ValueError(f"threads start at 1, got {threads}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    options.add_session_config_entry("session.x64quantprecision", "1")
    source = graph if isinstance(graph, bytes) else os.fspath(graph)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except MemoryError:
        raise
    except Exception as error:  # each kind of damage has a class of its own in ONNX Runtime
        name = "the graph" if isinstance(source, bytes) else source
        raise ValueError(f"{name} cannot be loaded: {str(error)[:200]}") from error


def _check_answers(
    network: nn.Module, graph: bytes, example: torch.Tensor, tolerance: float
) -> None:
    """Refuse a graph that does not answer as the network does."""
    with torch.no_grad():
        wanted = _flat(network(example))
    given = open_session(graph).run(None, {"images": example.numpy()})
    if len(given) != len(wanted):
        raise ValueError(f"the graph gives {len(given)} answers, the network {len(wanted)}")
    for mine, theirs in zip(wanted, given, strict=True):
        theirs = torch.from_numpy(theirs).reshape(mine.shape)
        scale = max(1.0, float(mine.abs().max())) if mine.numel() else 1.0
        apart = float((mine.double() - theirs.double()).abs().max()) if mine.numel() else 0.0
        if not apart <= tolerance * scale:
            raise ValueError(
                f"ONNX Runtime's answers differ from the network's by {apart:.2g}, more than "
                f"{tolerance:g} of {scale:.3g}; use operations that the exporter knows, or raise "
                "the tolerance"
            )


def _flat(outputs: Any) -> list[torch.Tensor]:
    """All tensors of the outputs, in order."""
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    values = outputs.values() if isinstance(outputs, dict) else outputs
    return [tensor for value in values for tensor in _flat(value)]
