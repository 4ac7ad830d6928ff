"""Where to compute, in what precision, and how long it took.

A program picks its device once and passes it on; models and tasks then follow their tensors.
"""

import contextlib
import time

import torch


def pick_device(wish: str | torch.device = "auto") -> torch.device:
    """Choose the device to compute on.

    Args:
        wish: "auto" for the accelerator if there is one and the CPU otherwise; or a device in
            torch's words, such as "cpu", "cuda", "cuda:1", "mps".

    Returns:
        The device.

    Raises:
        ValueError: the wish is no device, or one that is not available; it is never replaced by
            another.

    Example:
        >>> pick_device("cpu")
        device(type='cpu')
    """
    available = _available()
    if wish == "auto":
        return torch.device(available[-1].partition(":")[0])
    try:
        device = torch.device(wish)
    except RuntimeError:
        raise ValueError(f"{wish!r} is no device; available: {', '.join(available)}") from None
    if device.type == "cpu" and device.index in (None, 0):
        return device
    if device.type != "cpu" and f"{device.type}:{device.index or 0}" in available:
        return device
    raise ValueError(
        f"device {str(device)!r} is not available here; available: {', '.join(available)}, "
        "or 'auto' for the best of them"
    )


def _available() -> list[str]:
    """The CPU, then every accelerator by number; auto takes the kind that stands last."""
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is None or not torch.accelerator.is_available():
        return ["cpu"]
    kind = accelerator.type
    return ["cpu", *(f"{kind}:{i}" for i in range(torch.accelerator.device_count()))]


def describe_device(device: torch.device) -> str:
    """A few words for people: "cpu, 2 threads", or the name of the accelerator."""
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu, {threads} thread{'' if threads == 1 else 's'}"
    if device.type in ("cuda", "xpu"):
        return getattr(torch, device.type).get_device_name(device)
    return {"mps": "Apple GPU (mps)"}.get(device.type, str(device))


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device is an accelerator that computes bfloat16 in hardware."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    if device.type == "xpu":
        return torch.xpu.is_bf16_supported()
    return False


def mixed_precision(device: torch.device) -> contextlib.AbstractContextManager:
    """A context in which suitable operations run in bfloat16, on accelerators that have it.

    Elsewhere, the CPU included, the context does nothing. bfloat16 has the range of float32, so
    losses need no scaling.

    Example:
        >>> with mixed_precision(torch.device("cpu")):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.float32
    """
    if has_bfloat16(device):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def memory_format(device: torch.device) -> torch.memory_format:
    """The layout in which convolutions run fastest there, to be passed to `.to(...)`.

    On CPUs channels-last saves small networks a third of the time, most of it in maximum pooling.

    Example:
        >>> device = torch.device("cpu")
        >>> model = torch.nn.Conv2d(3, 8, 3).to(device, memory_format=memory_format(device))
    """
    fast = device.type in ("cpu", "cuda", "xpu")
    return torch.channels_last if fast else torch.contiguous_format


class Stopwatch:
    """Measures wall-clock seconds of work on a device.

    An accelerator works on while Python goes ahead, so the watch waits for it when it starts and
    whenever it is read.

    Args:
        device: where the work runs.

    Example:
        >>> with Stopwatch(torch.device("cpu")) as watch:
        ...     total = torch.ones(1000).sum()
        >>> 0 < watch.seconds < 10
        True
    """

    def __init__(self, device: torch.device):
        self.device = device
        self._start: float | None = None
        self._seconds: float | None = None

    def __enter__(self) -> "Stopwatch":
        self._seconds = None
        self._wait()
        self._start = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self._seconds = self.seconds

    @property
    def seconds(self) -> float:
        """Seconds from start to end, or to now while the watch runs.

        Raises:
            RuntimeError: the watch was never started.
        """
        if self._start is None:
            raise RuntimeError("the stopwatch was never started; use it in a `with` statement")
        if self._seconds is not None:
            return self._seconds
        self._wait()
        return time.perf_counter() - self._start

    def _wait(self) -> None:
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)
