import torch

from companion.randomness import isolated_randomness, reseed

CPU = torch.device("cpu")


def test_the_state_is_put_back_even_after_an_error():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    try:
        with isolated_randomness(CPU):
            reseed(1, CPU)
            inside = torch.rand(4)
            raise KeyError
    except KeyError:
        pass
    assert torch.equal(torch.rand(4), expected)
    reseed(1, CPU)
    assert torch.equal(torch.rand(4), inside)
