import time
from types import SimpleNamespace

import pytest
import torch

from companion import device as module
from companion.device import (
    Stopwatch,
    describe_device,
    has_bfloat16,
    memory_format,
    mixed_precision,
    pick_device,
)

needs_accelerator = pytest.mark.skipif(
    not torch.accelerator.is_available(), reason="no accelerator on this machine"
)
CPU = torch.device("cpu")


def pretend(monkeypatch, kind: str | None, count: int = 1):
    """Let torch report another machine than this one."""
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: kind is not None)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)
    monkeypatch.setattr(
        torch.accelerator, "current_accelerator", lambda: SimpleNamespace(type=kind)
    )


@pytest.mark.parametrize(("kind", "picked"), [(None, "cpu"), ("cuda", "cuda"), ("mps", "mps")])
def test_auto_takes_the_accelerator_that_torch_reports(monkeypatch, kind, picked):
    pretend(monkeypatch, kind)
    assert pick_device("auto") == pick_device() == torch.device(picked)


@pytest.mark.parametrize("wish", ["cpu", "cuda", "cuda:0", "cuda:1", torch.device("cuda", 1)])
def test_wish_that_can_be_met_is_met(monkeypatch, wish):
    pretend(monkeypatch, "cuda", count=2)
    assert pick_device(wish) == torch.device(wish)


@pytest.mark.parametrize(
    ("kind", "wish", "named"),
    [
        (None, "cuda", "available: cpu,"),
        (None, "mps", "available: cpu,"),
        ("cuda", "mps", "available: cpu, cuda:0, cuda:1"),
        ("cuda", "cuda:2", "available: cpu, cuda:0, cuda:1"),
        ("cuda", "meta", "available: cpu, cuda:0, cuda:1"),
        ("cuda", "cpu:1", "available: cpu, cuda:0, cuda:1"),
        ("cuda", "gpu", "'gpu' is no device; available: cpu, cuda:0, cuda:1"),
        (None, "", "'' is no device; available: cpu"),
    ],
)
def test_wish_that_cannot_be_met_is_an_error_naming_what_there_is(monkeypatch, kind, wish, named):
    pretend(monkeypatch, kind, count=2)
    with pytest.raises(ValueError, match=named):
        pick_device(wish)


def test_cpu_computes_in_float32_and_channels_last():
    a = torch.rand(4, 4)
    with mixed_precision(CPU):
        assert (a @ a).dtype == torch.float32
    assert not has_bfloat16(CPU)
    assert memory_format(CPU) == torch.channels_last


@pytest.mark.parametrize("supported", [True, False])
def test_mixed_precision_only_where_the_hardware_has_it(monkeypatch, supported):
    monkeypatch.setattr(module, "has_bfloat16", lambda device: supported)
    a = torch.rand(4, 4)
    with mixed_precision(CPU):  # torch has autocast on the CPU too, which stands in for a GPU here
        assert (a @ a).dtype == (torch.bfloat16 if supported else torch.float32)


def test_description_of_the_cpu_names_the_threads(monkeypatch):
    for threads, text in ((1, "cpu, 1 thread"), (2, "cpu, 2 threads")):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert describe_device(CPU) == text


def test_stopwatch_measures_and_then_stands_still():
    with Stopwatch(CPU) as watch:
        time.sleep(0.05)
        running = watch.seconds
        time.sleep(0.05)
    stopped = watch.seconds
    time.sleep(0.02)
    assert 0.05 <= running < stopped == watch.seconds
    assert stopped >= 0.1


def test_stopwatch_waits_for_the_device(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.accelerator, "synchronize", waited.append)
    device = torch.device("cuda", 0)
    with Stopwatch(device):
        assert waited == [device]
    assert waited == [device, device]
    with Stopwatch(CPU):
        pass
    assert len(waited) == 2


def test_stopwatch_that_never_ran_has_no_time():
    with pytest.raises(RuntimeError, match="never started"):
        _ = Stopwatch(CPU).seconds


@needs_accelerator
def test_real_accelerator_computes_times_and_has_a_name():
    device = pick_device("auto")
    assert device.type != "cpu"
    assert describe_device(device)
    conv = torch.nn.Conv2d(3, 8, 3).to(device, memory_format=memory_format(device))
    images = torch.rand(2, 3, 64, 64, device=device)
    with Stopwatch(device) as watch, mixed_precision(device):
        out = conv(images)
    assert out.dtype == (torch.bfloat16 if has_bfloat16(device) else torch.float32)
    assert watch.seconds > 0
