import errno
import pickle

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.optim import lr_scheduler

from companion.models import lenet, mlp
from companion.training import EarlyStopping, fit, load_weights, save_weights
from companion.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

INPUTS = torch.linspace(-1, 1, 24).reshape(12, 2)
BATCHES = [(INPUTS[:8], INPUTS[:8].sum(1, True)), (INPUTS[8:], INPUTS[8:].sum(1, True))]


def run(folder, epochs, *, optimizer=None, schedule=None, seed=0, **settings):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.2), nn.Linear(4, 1))
    optimizer = (optimizer or (lambda p: torch.optim.Adam(p, lr=0.05)))(model.parameters())
    history = fit(
        model, BATCHES, BATCHES, loss=nn.functional.mse_loss, optimizer=optimizer, epochs=epochs,
        schedule=schedule and schedule(optimizer), checkpoint=folder, device="cpu",
        generator=torch.Generator().manual_seed(seed), **settings,
    )  # fmt: skip
    return history, model.state_dict()


def assert_same(ours, theirs):
    assert ours[0] == theirs[0]
    for name, tensor in theirs[1].items():
        assert torch.equal(ours[1][name], tensor), name


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.05, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.05),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.05, momentum=0.5, centered=True),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.05),
}
SCHEDULES = {
    "step": lambda o: lr_scheduler.StepLR(o, 2),
    "steps": lambda o: lr_scheduler.MultiStepLR(o, [1, 3]),
    "lambda": lambda o: lr_scheduler.LambdaLR(o, lambda n: 0.9**n),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 5),
    "restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2),
    "one cycle": lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=5),
    "plateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0, threshold=0.9),
    "warm-up": lambda o: lr_scheduler.SequentialLR(
        o,
        [lr_scheduler.LinearLR(o, 0.1, total_iters=2), lr_scheduler.CosineAnnealingLR(o, 3)],
        milestones=[2],
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_on_as_if_nothing_happened(tmp_path, name):
    settings = {"optimizer": OPTIMIZERS[name], "early_stopping": EarlyStopping(2)}
    run(tmp_path, 2, **settings)
    assert_same(run(tmp_path, 5, **settings), run(None, 5, **settings))


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_goes_on_as_if_nothing_happened(tmp_path, name):
    settings = {"schedule": SCHEDULES[name]}
    run(tmp_path, 3, **settings)
    whole = run(None, 5, **settings)
    assert_same(run(tmp_path, 5, **settings), whole)
    assert len(set(whole[0]["learning_rate"])) > 1


def test_a_finished_run_is_given_back_without_training(tmp_path):
    stopping = EarlyStopping(1)
    first = run(tmp_path, 4, early_stopping=stopping)
    written = (tmp_path / f"epoch-{len(first[0]):05d}" / "state.pt").stat().st_mtime_ns
    assert_same(run(tmp_path, 4, early_stopping=stopping), first)
    assert (tmp_path / f"epoch-{len(first[0]):05d}" / "state.pt").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": 1}, "its seed is"),
        (
            {"optimizer": lambda p: torch.optim.Adam(p, lr=0.06)},
            "its lr of parameter group 0 is 0.05, now it is 0.06",
        ),
        ({"optimizer": lambda p: torch.optim.SGD(p, lr=0.05)}, "its optimizer is Adam"),
        ({"schedule": SCHEDULES["step"]}, "its schedule is"),
        ({"early_stopping": EarlyStopping()}, "its early stopping is None"),
        ({"epochs": 1}, "has 2 epochs behind it"),
    ],
)
def test_refuses_a_checkpoint_of_another_run(tmp_path, settings, message):
    run(tmp_path, 2)
    before = read_checkpoint(tmp_path)
    with pytest.raises(ValueError, match=message):
        run(tmp_path, **({"epochs": 3} | settings))
    after = read_checkpoint(tmp_path)
    assert after.epoch == before.epoch
    assert after.state["rows"] == before.state["rows"]


def test_refuses_a_checkpoint_of_another_model(tmp_path):
    run(tmp_path, 2)
    model = nn.Linear(2, 1)
    with pytest.raises(ValueError, match="another model"):
        fit(
            model, BATCHES, BATCHES, loss=nn.functional.mse_loss, epochs=3, checkpoint=tmp_path,
            optimizer=torch.optim.Adam(model.parameters(), lr=0.05), device="cpu",
        )  # fmt: skip


def test_one_checkpoint_is_kept_and_unfinished_ones_do_not_count(tmp_path):
    run(tmp_path, 3)
    assert [p.name for p in tmp_path.iterdir()] == ["epoch-00003"]
    (tmp_path / ".epoch-00004.partial").mkdir()  # what a killed process leaves
    (tmp_path / ".epoch-00004.partial" / "state.pt").write_bytes(b"half")
    (tmp_path / "notes").mkdir()
    assert read_checkpoint(tmp_path).epoch == 3
    assert_same(run(tmp_path, 4), run(None, 4))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epoch-00004", "notes"]


@pytest.mark.parametrize("name", ["weights.safetensors", "state.pt", "best.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_checkpoint_is_named(tmp_path, name, damage):
    run(tmp_path, 2, early_stopping=EarlyStopping())
    path = tmp_path / "epoch-00002" / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match="epoch-00002"):
        run(tmp_path, 3, early_stopping=EarlyStopping())


class Trap:
    sprung = False

    def __reduce__(self):
        return (setattr, (Trap, "sprung", True))


def test_a_state_that_could_run_code_is_refused_and_not_run(tmp_path):
    run(tmp_path, 1)
    torch.save({"summary": Trap()}, tmp_path / "epoch-00001" / "state.pt", pickle_module=pickle)
    with pytest.raises(ValueError, match=r"state\.pt cannot be read"):
        run(tmp_path, 2)
    assert not Trap.sprung


def test_a_write_that_fails_leaves_the_checkpoint_before(tmp_path):
    run(tmp_path, 1)
    state = read_checkpoint(tmp_path).state
    with pytest.raises(Exception, match=r"pickle|local object"):
        write_checkpoint(tmp_path, Checkpoint(2, {}, None, {"no": lambda: None}))
    assert read_checkpoint(tmp_path).epoch == 1
    write_checkpoint(tmp_path, Checkpoint(2, {"w": torch.ones(2)}, None, state))
    assert read_checkpoint(tmp_path).weights["w"].tolist() == [1, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["epoch-00002"]


def test_weights_survive_sharing_strides_and_kinds_of_numbers(tmp_path):
    model = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
    model[1].weight = model[0].weight
    model.to(memory_format=torch.channels_last)
    path = save_weights(model, tmp_path / "deep" / "model.safetensors")
    assert [p.name for p in path.parent.iterdir()] == ["model.safetensors"]
    other = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
    load_weights(other, path)
    for name, tensor in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)
        assert load_file(path)[name].dtype == tensor.dtype


def test_weights_that_cannot_be_loaded_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="save_weights"):
        load_weights(lenet(), tmp_path / "none.safetensors")
    path = save_weights(mlp(), tmp_path / "mlp.safetensors")
    with pytest.raises(ValueError, match=r"mlp\.safetensors holds weights of another model"):
        load_weights(lenet(), path)
    path.write_text("not weights")
    with pytest.raises(ValueError, match="no whole safetensors file"):
        load_weights(mlp(), path)


def test_weights_that_cannot_be_written_leave_the_old_ones(tmp_path, monkeypatch):
    model = mlp()
    path = save_weights(model, tmp_path / "mlp.safetensors")
    before = path.read_bytes()

    def full_disk(_):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_weights(mlp(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
