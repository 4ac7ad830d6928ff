"""Two processes under torchrun do what one does with the doubled batch."""

import pytest
import torch
import torch.distributed as dist

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")

pytestmark = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="torch was built without Gloo"
)


@pytest.fixture(scope="module")
def together(script):
    return script("together")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory, run_script):
    """What each of two processes saw, and the folder of their run."""
    folder = tmp_path_factory.mktemp("together")
    run_script("together", folder, launcher=TORCHRUN)
    return [torch.load(folder / f"rank-{rank}.pt") for rank in range(2)], folder


def assert_close(ours, theirs):
    torch.testing.assert_close(ours["weights"], theirs["weights"], rtol=0, atol=1e-6)
    torch.testing.assert_close(
        torch.tensor(ours["rows"]), torch.tensor(theirs["rows"]), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("name", ["plain", "own generator"])
def test_two_processes_equal_one_with_the_doubled_batch(ranks, together, name):
    alone = together.train(None, own_generator=name == "own generator")
    for rank in ranks[0]:
        assert_close(rank[name], alone)
    assert alone["rows"][-1][0] < 0.5 * alone["rows"][0][0]  # there was something to learn


def test_both_processes_have_the_same_weights_bit_by_bit(ranks):
    first, second = (rank["plain"]["weights"] for rank in ranks[0])
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_one_checkpoint_is_written_and_both_go_on_from_it(ranks):
    results, folder = ranks
    assert [path.name for path in (folder / "run").iterdir()] == ["epoch-00004"]
    for rank in results:
        assert rank["again"]["rows"] == rank["plain"]["rows"]


def test_each_process_knows_its_place(ranks):
    assert [rank["size"] for rank in ranks[0]] == [(0, 2, "cpu"), (1, 2, "cpu")]


def test_a_distributed_sampler_gets_a_new_order_each_epoch(ranks):
    first, second = (rank["order"] for rank in ranks[0])
    for epoch in range(2):
        assert sorted(first[epoch] + second[epoch]) == list(range(64))
    assert first[0] != first[1]


def test_processes_drop_different_units(ranks):
    first, second = (rank["masks"] for rank in ranks[0])
    assert first != second


def test_every_process_measures_the_whole_set(ranks, together):
    model = together.network()
    loss = torch.nn.CrossEntropyLoss()
    expected = together.evaluate(model, together.digits_batches(131, 50), loss=loss)
    first, second = (rank["evaluated"] for rank in ranks[0])
    # Weights differ between the processes here, so each half of the sum is of another network.
    assert first == second
    assert first["loss"] == pytest.approx(expected["loss"], abs=0.2)


def test_mistakes_that_would_train_wrongly_are_refused_by_both(ranks):
    for rank in ranks[0]:
        assert "DistributedSampler" in rank["same samples"]
        assert "seed it alike" in rank["other seeds"]
        assert "epoch 1, step 1" in rank["nan"]


def test_processes_that_have_not_joined_are_refused(ranks):
    for rank in ranks[0]:
        assert "session()" in rank["before"]
