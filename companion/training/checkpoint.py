"""Weights as safetensors, and checkpoints from which a killed run goes on as if nothing happened.

A checkpoint is a folder `epoch-00012` inside the run's folder: `weights.safetensors`,
`best.safetensors` where early stopping keeps the best, and `state.pt` with the rest. It is written
under another name, flushed to disk and then renamed, so that at any moment the newest folder is
whole. No file is read that could run code: safetensors holds only numbers, and `state.pt` is read
with `weights_only=True`.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save, save_file
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from companion.files import flush, whole_file

_NAME = re.compile(r"epoch-(\d{5,})")


class Checkpoint(NamedTuple):
    """What a run needs to go on.

    Attributes:
        epoch: whole epochs behind it.
        weights: the model's state.
        best: its state in the best epoch, or None.
        state: optimizer, schedule, history, randomness, as plain values and tensors.
    """

    epoch: int
    weights: dict[str, torch.Tensor]
    best: dict[str, torch.Tensor] | None
    state: dict[str, Any]


def bare(model: nn.Module) -> nn.Module:
    """The model itself, without what DistributedDataParallel or torch.compile put around it."""
    while True:
        if isinstance(model, DistributedDataParallel):
            model = model.module
        elif hasattr(model, "_orig_mod"):
            model = model.get_submodule("_orig_mod")
        else:
            return model


def save_weights(model: nn.Module, path: str | os.PathLike) -> Path:
    """Write a model's weights and buffers to one safetensors file, whole or not at all.

    Args:
        model: any network; weights are stored from whatever device they are on.
        path: the file, usually `*.safetensors`; its folder is made if missing.

    Returns:
        The path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write(save(_portable(bare(model).state_dict())))
    return path


def load_weights(model: nn.Module, path: str | os.PathLike) -> None:
    """Fill a model with the weights of a safetensors file.

    Args:
        model: built with the same settings as the one that was saved; keeps its device.
        path: the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no safetensors file, or of another model.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}; save_weights(model, path) writes them")
    put_weights(model, _read_weights(path), path)


def put_weights(model: nn.Module, weights: dict[str, torch.Tensor], source: Path) -> None:
    """Fill a model with weights that came from `source`; a ValueError if they do not fit."""
    try:
        bare(model).load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"{source} holds weights of another model; build it as it was when saved. {error}"
        ) from None


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Add a checkpoint to the run's folder, whole or not at all, and remove the one before.

    Args:
        folder: the run's folder; made if missing.
        checkpoint: what to write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"epoch-{checkpoint.epoch:05d}"
    partial = folder / f".{final.name}.partial"
    for leftover in (partial, final):  # of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir()
    save_file(_portable(checkpoint.weights), partial / "weights.safetensors")
    if checkpoint.best is not None:
        save_file(_portable(checkpoint.best), partial / "best.safetensors")
    torch.save(checkpoint.state, partial / "state.pt")
    for path in partial.iterdir():
        flush(path)
    flush(partial)
    partial.rename(final)
    flush(folder)
    for other in _checkpoints(folder):
        if other != final:
            shutil.rmtree(other)


def read_checkpoint(folder: str | os.PathLike) -> Checkpoint | None:
    """Read the newest checkpoint of a run, onto the CPU.

    Args:
        folder: the run's folder.

    Returns:
        The checkpoint, or None where the folder has none.

    Raises:
        ValueError: a file of the checkpoint is missing or damaged.
    """
    found = _checkpoints(Path(folder))
    if not found:
        return None
    newest = found[-1]
    try:
        state = torch.load(newest / "state.pt", map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many kinds for a damaged file
        raise ValueError(
            f"{newest / 'state.pt'} cannot be read; delete {newest} to train anew. {error}"
        ) from error
    best = newest / "best.safetensors"
    return Checkpoint(
        epoch=_number(newest),
        weights=_read_weights(newest / "weights.safetensors"),
        best=_read_weights(best) if best.exists() else None,
        state=state,
    )


def _checkpoints(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted((p for p in found if _NAME.fullmatch(p.name)), key=_number)


def _number(path: Path) -> int:
    return int(path.name.removeprefix("epoch-"))


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, FileNotFoundError) as error:
        raise ValueError(f"{path} is no whole safetensors file: {error}") from error


def _portable(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Contiguous copies on the CPU; safetensors takes no strided and no shared memory."""
    return {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in state.items()
    }
