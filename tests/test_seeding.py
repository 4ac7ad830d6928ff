import random

import numpy as np
import pytest
import torch

from companion.seeding import numpy_generator, seed_everything, torch_generator


@pytest.fixture
def keep_global_state():
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 - it is what seed_everything sets
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    torch.set_rng_state(states[2])


def global_draws():
    return random.random(), np.random.rand(), torch.rand(()).item()  # noqa: NPY002


def test_same_seed_same_numbers_other_seed_others():
    first, again, other = (torch.rand(8, generator=torch_generator(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    first, again, other = (numpy_generator(s).random(8) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_generators_neither_read_nor_move_the_global_state(keep_global_state):
    seed_everything(3)
    expected = global_draws()
    seed_everything(3)
    torch.rand(5, generator=torch_generator(3))
    numpy_generator(3).random(5)
    assert global_draws() == expected


def test_seed_everything_covers_every_library(keep_global_state):
    seed_everything(11)
    first = global_draws()
    seed_everything(11)
    again = global_draws()
    seed_everything(12)
    other = global_draws()
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("make", [numpy_generator, torch_generator, seed_everything])
def test_seeds_that_some_library_would_refuse_or_bend(make, keep_global_state):
    before = torch.get_rng_state()
    for seed in (-1, 2**32):
        with pytest.raises(ValueError, match="between 0 and 4294967295"):
            make(seed)
    for seed in (1.5, None, "1"):
        with pytest.raises(TypeError, match="integer"):
            make(seed)
    assert torch.equal(before, torch.get_rng_state())
    make(np.int64(2**32 - 1))
