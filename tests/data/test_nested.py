from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from companion.data.nested import count_samples, map_tensors, move, take_rows

Pair = namedtuple("Pair", "left right")


def test_walks_through_every_kind_of_structure():
    given = {"a": [torch.ones(1), "name"], "b": Pair(torch.ones(2), (torch.ones(3), None))}
    doubled = map_tensors(lambda tensor: 2 * tensor, given)
    assert doubled["a"][0].tolist() == [2]
    assert doubled["a"][1] == "name"
    assert isinstance(doubled["b"], Pair)
    assert doubled["b"].right[0].tolist() == [2, 2, 2]
    assert doubled["b"].right[1] is None


def test_does_not_copy_what_is_already_there():
    tensor = torch.ones(2)
    assert move((tensor, [tensor]), torch.device("cpu"))[1][0] is tensor
    assert move([tensor], torch.device("meta"))[0].device.type == "meta"


@pytest.mark.parametrize(
    ("batch", "samples"),
    [
        (torch.zeros(7, 2), 7),
        ((torch.zeros(7, 2), torch.zeros(3)), 7),
        ({"image": torch.zeros(5, 1)}, 5),
        (([torch.zeros(3)] * 4, None), 4),
        (((torch.zeros(6), torch.zeros(6)), torch.zeros(1)), 6),
    ],
)
def test_counts_samples_by_the_first_column(batch, samples):
    assert count_samples(batch) == samples


@pytest.mark.parametrize("batch", [None, (), {}, torch.tensor(1.0), "images"])
def test_does_not_guess_a_number_of_samples(batch):
    with pytest.raises(TypeError, match="how many samples"):
        count_samples(batch)


@pytest.mark.parametrize("rows", [[2, 0], np.array([2, 0]), torch.tensor([2, 0])])
def test_takes_rows_of_the_columns_and_leaves_the_rest(rows):
    @dataclass(frozen=True)
    class Table:
        tensor: torch.Tensor
        array: np.ndarray
        names: tuple
        note: tuple

    table = Table(torch.arange(3) * 10, np.array(["a", "b", "c"]), ("x", "y", "z"), (7, 8, 9))
    cut = take_rows(table, rows, ("tensor", "array", "names"))
    assert cut.tensor.tolist() == [20, 0]
    assert cut.array.tolist() == ["c", "a"]
    assert cut.names == ("z", "x")
    assert cut.note == (7, 8, 9)
    assert table.names == ("x", "y", "z")
