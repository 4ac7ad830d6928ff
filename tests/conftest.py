"""What every test may rely on."""

import signal

import pytest
from hypothesis import settings

# What hypothesis's tests ask is whether, not how fast: a busy machine may pause at any moment.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def interrupts_are_heard():
    """Ctrl-C interrupts: a shell starts its background jobs, `make test &`, deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
