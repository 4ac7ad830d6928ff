import dataclasses
import math

import pytest

from companion.training import Best, EarlyStopping, History

RUN = History(
    ("train_loss", "accuracy", "learning_rate"),
    ((0.9, 0.5, 0.1), (0.5, 0.8, 0.01), (0.6, 0.8, 1e-5), (0.5, math.nan, 1e-6)),
    seconds=(1.0, 1.0, 1.0, 1.0),
)


def test_columns_and_best_values():
    assert RUN["accuracy"][:3] == (0.5, 0.8, 0.8)
    assert len(RUN) == 4
    assert RUN.best("train_loss") == Best(2, 0.5)
    assert RUN.best("train_loss", "max") == Best(1, 0.9)
    assert RUN.best("accuracy", "max") == (2, 0.8)


def test_seconds_do_not_make_runs_different():
    assert dataclasses.replace(RUN, seconds=(9.0,)) == RUN
    assert dataclasses.replace(RUN, interrupted=True) != RUN
    assert dataclasses.replace(RUN, rows=RUN.rows[:2]) != RUN
    assert hash(dataclasses.replace(RUN, seconds=())) == hash(RUN)


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RUN.rows = ()


def test_table_shows_first_and_last_of_chosen_rows():
    lines = RUN.table().splitlines()
    assert lines[0].split() == ["epoch", "train_loss", "accuracy", "learning_rate"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3", "4"]
    assert lines[3].split() == ["3", "0.6000", "0.8000", "1e-05"]
    assert len({len(line) for line in lines}) == 1
    assert [line.split()[0] for line in RUN.table(2).splitlines()[1:]] == ["1", "4"]
    assert [line.split()[0] for line in RUN.table(1).splitlines()[1:]] == ["4"]
    long = History(("train_loss",), tuple((float(n),) for n in range(100)))
    chosen = [int(line.split()[0]) for line in long.table(5).splitlines()[1:]]
    assert chosen == [1, 26, 50, 75, 100] or chosen == [1, 26, 51, 75, 100]
    assert History((), ()).table().strip() == "epoch"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: RUN["valid_loss"], KeyError, "there are train_loss, accuracy"),
        (lambda: RUN.best("accuracy"), ValueError, "small or large accuracy"),
        (lambda: RUN.best("accuracy", "most"), ValueError, "small or large"),
        (lambda: History(("a_loss",), ()).best("a_loss"), ValueError, "no epoch"),
        (lambda: RUN.table(0), ValueError, "at least one row"),
        (lambda: EarlyStopping(patience=0), ValueError, "patience"),
        (lambda: EarlyStopping(min_delta=-1), ValueError, "min_delta"),
        (lambda: EarlyStopping(monitor="accuracy"), ValueError, "small or large accuracy"),
    ],
)
def test_errors_name_the_cure(call, error, message):
    with pytest.raises(error, match=message):
        call()
