"""What `fit` does to a model; resuming and several processes have files of their own."""

import copy
import signal

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler
from torchmetrics.classification import MulticlassAccuracy

from companion.data.augment import AffinePerImage
from companion.data.digits import load_digits
from companion.data.tensors import TensorBatches
from companion.device import has_bfloat16
from companion.models import lenet, mlp, resnet
from companion.training import EarlyStopping, NonFiniteLossError, evaluate, fit, load_weights

LOSS = nn.CrossEntropyLoss()


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def seeded(build=lambda: mlp(64, (16,)), seed=0):
    torch.manual_seed(seed)
    return build()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def train(digits, model, *, samples=256, lr=0.1, batches=None, valid=None, **settings):
    if batches is None:
        batches = TensorBatches(
            digits.train_images[:samples], digits.train_labels[:samples], shuffle=True
        )
    settings = {"epochs": 2, "loss": LOSS, "generator": generator(), "device": "cpu"} | settings
    if "step" in settings:
        del settings["loss"]
    optimizer = settings.pop("optimizer", None) or torch.optim.SGD(model.parameters(), lr=lr)
    return fit(model, batches, valid, optimizer=optimizer, **settings)


def test_equals_a_loop_written_out_bit_by_bit(digits):
    model = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))
    reference = copy.deepcopy(model)
    inputs, labels = digits.train_images[:100], digits.train_labels[:100]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    batches = TensorBatches(inputs, labels, batch_size=32)
    history = train(digits, model, batches=batches, optimizer=optimizer, clip=0.5, epochs=3)

    optimizer = torch.optim.SGD(reference.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(3):
        total = 0.0
        for start in range(0, 100, 32):
            x, y = inputs[start : start + 32], labels[start : start + 32]
            loss = LOSS(reference(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(reference.parameters(), 0.5)
            optimizer.step()
            total += loss.item() * len(x)
        assert history["train_loss"][epoch] == pytest.approx(total / 100, rel=1e-12)
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("build", [lenet, lambda: resnet(channels=1, width=8)])
def test_overfits_one_batch(digits, build):
    model = seeded(build)
    batch = (digits.train_images[:32], digits.train_labels[:32])
    history = train(
        digits, model, batches=[batch], optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        epochs=60,
    )  # fmt: skip
    assert history["train_loss"][0] > 1.5
    assert history["train_loss"][-1] < 0.01


def test_learns_digits_it_has_not_seen(digits):
    model = seeded(lenet)
    test = TensorBatches(digits.test_images, digits.test_labels, batch_size=256)
    history = train(
        digits, model, samples=None, valid=test, epochs=8,
        optimizer=torch.optim.AdamW(model.parameters(), lr=5e-3),
        metrics={"accuracy": MulticlassAccuracy(10, average="micro")},
    )  # fmt: skip
    assert history.names == ("train_loss", "valid_loss", "accuracy", "learning_rate")
    assert history["accuracy"][-1] > 0.93
    assert len(history.seconds) == len(history) == 8


def test_one_generator_decides_all_and_the_global_state_stays(digits):
    def run(seed, global_seed):
        model = seeded(lambda: mlp(64, (16,), dropout=0.3))
        batches = TensorBatches(
            digits.train_images[:200], digits.train_labels[:200], shuffle=True,
            augment=AffinePerImage(10),
        )  # fmt: skip
        torch.manual_seed(global_seed)
        before = torch.random.get_rng_state()
        history = train(digits, model, batches=batches, generator=generator(seed))
        assert torch.equal(before, torch.random.get_rng_state())
        return history, model.state_dict()["1.weight"]

    first, again, other = run(1, 10), run(1, 20), run(2, 10)
    assert first[0] == again[0]
    assert torch.equal(first[1], again[1])
    assert first[0] != other[0]


def test_without_a_generator_the_global_seed_decides(digits):
    def run(seed):
        model = seeded()
        torch.manual_seed(seed)
        return train(digits, model, generator=None)

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_a_dataloader_gives_the_same_as_a_dataloader_in_a_plain_loop(digits):
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(digits.train_images[:96], digits.train_labels[:96]),
        batch_size=32, shuffle=True,
    )  # fmt: skip
    runs = [train(digits, seeded(), batches=loader, generator=generator(s)) for s in (5, 5, 6)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize("every", ["epoch", "step"])
def test_schedule_counts_epochs_or_steps(digits, every):
    model = seeded()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.5)
    history = train(
        digits, model, samples=128, optimizer=optimizer, schedule=schedule, schedule_every=every,
        epochs=3,
    )  # fmt: skip  # 2 steps in an epoch
    rates = [1.0, 0.5, 0.25] if every == "epoch" else [0.25, 0.0625, 0.015625]
    assert list(history["learning_rate"]) == pytest.approx(rates)


def test_plateau_schedule_follows_validation(digits):
    model = seeded()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    optimizer.param_groups[0]["lr"] = 1e-9  # too small to get better
    schedule = lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.1, patience=0, threshold=0.1, eps=0
    )
    valid = [(digits.test_images, digits.test_labels)]
    history = train(digits, model, valid=valid, optimizer=optimizer, schedule=schedule, epochs=3)
    assert list(history["learning_rate"]) == pytest.approx([1e-9, 1e-9, 1e-10])


def test_early_stopping_ends_with_the_best_epochs_weights(digits):
    model = seeded(lambda: mlp(64, (256,)))
    seen = []

    def step(model, batch):
        inputs, targets = batch
        outputs = model(inputs)
        if not model.training:
            seen.append(copy.deepcopy(model.state_dict()))
        return LOSS(outputs, targets), outputs, targets

    noise = torch.rand(60, 1, 8, 8, generator=generator(1))
    labels = torch.randint(10, (60,), generator=generator(2))
    history = train(
        digits, model, batches=TensorBatches(noise[:40], labels[:40], shuffle=True),
        valid=[(noise[40:], labels[40:])], step=step, epochs=200, lr=1.0,
        early_stopping=EarlyStopping(patience=4),
    )  # fmt: skip
    best = history.best("valid_loss").epoch
    assert 1 < best < 100
    assert len(history) == best + 4
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, seen[best - 1][name])
    assert not torch.equal(model.state_dict()["1.weight"], seen[-1]["1.weight"])


def test_ctrl_c_keeps_what_was_learnt(digits, tmp_path):
    calls = 0

    def interrupt(inputs, targets):
        nonlocal calls
        calls += 1
        if calls == 11:
            signal.raise_signal(signal.SIGINT)
        return inputs, targets

    model = seeded()
    batches = TensorBatches(
        digits.train_images[:256], digits.train_labels[:256], batch_size=64, augment=interrupt
    )
    history = train(digits, model, batches=batches, epochs=10, checkpoint=tmp_path)
    assert history.interrupted
    assert len(history) == 2  # 4 steps an epoch: stopped in the third
    whole = seeded()
    batches.augment = None
    assert train(digits, whole, batches=batches, epochs=2).rows == history.rows
    saved = seeded()
    load_weights(saved, tmp_path / "epoch-00002" / "weights.safetensors")
    for trained, before, checked in zip(
        model.parameters(), whole.parameters(), saved.parameters(), strict=True
    ):
        assert not torch.equal(trained, before)  # the two steps of the third epoch
        assert torch.equal(checked, before)
    assert (
        train(digits, seeded(), batches=batches, epochs=3, checkpoint=tmp_path).interrupted is False
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_named_and_the_last_good_checkpoint_stays(
    digits, tmp_path, bad
):
    steps = 0

    def loss(outputs, targets):
        nonlocal steps
        steps += 1
        return LOSS(outputs, targets) * (bad if steps == 4 + 3 else 1.0)

    with pytest.raises(NonFiniteLossError, match=f"is {bad} in epoch 2, step 3;") as caught:
        train(digits, seeded(), loss=loss, epochs=5, checkpoint=tmp_path)
    assert (caught.value.epoch, caught.value.step) == (2, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-00001"]
    good = seeded()
    load_weights(good, tmp_path / "epoch-00001" / "weights.safetensors")
    assert all(weight.isfinite().all() for weight in good.parameters())
    history = train(digits, seeded(), epochs=5, checkpoint=tmp_path)  # the cure: a sound loss
    assert len(history) == 5


def test_a_validation_loss_that_is_not_finite_is_named(digits):
    valid = [(torch.full((1, 1, 8, 8), float("nan")), torch.tensor([1]))]
    with pytest.raises(NonFiniteLossError, match="epoch 1, validation"):
        train(digits, seeded(), valid=valid)


def test_modes_are_left_as_they_were_and_frozen_parts_stay_frozen(digits):
    model = seeded(lambda: resnet(channels=1, width=4))
    model.stem.eval()
    frozen = model.stem[1].running_mean.clone()
    moving = model.stages[0].body[1].running_mean.clone()
    train(digits, model, samples=64, valid=[(digits.test_images[:8], digits.test_labels[:8])])
    assert model.training
    assert not model.stem.training
    assert not model.stem[1].training
    assert torch.equal(model.stem[1].running_mean, frozen)
    assert not torch.equal(model.stages[0].body[1].running_mean, moving)
    model.eval()
    train(digits, model, samples=64)
    assert not any(module.training for module in model.modules())
    assert not torch.equal(model.stem[1].running_mean, frozen)  # was trained as a whole


def test_batches_go_to_the_device_whole(digits):
    model = seeded()
    train_batches = TensorBatches(digits.train_images[:64], digits.train_labels[:64])
    moves = []
    to = TensorBatches.to
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TensorBatches, "to", lambda b, device: moves.append(device) or to(b, device))
        train(digits, model, batches=train_batches, valid=train_batches)
    assert moves == [torch.device("cpu")] * 2


def test_a_device_that_is_not_there_is_an_error(digits):
    for wish in ("cuda:63", "mps:63", "warp"):
        with pytest.raises(ValueError, match="device"):
            train(digits, seeded(), device=wish)


def test_a_compiled_model_trains_and_is_saved_under_its_own_names(digits, tmp_path):
    plain, original = seeded(), seeded()
    compiled = torch.compile(original, backend="eager")
    settings = {"epochs": 2, "valid": [(digits.test_images, digits.test_labels)]}
    train(digits, compiled, checkpoint=tmp_path, **settings)
    train(digits, plain, **settings)
    loaded = seeded(seed=1)
    load_weights(loaded, tmp_path / "epoch-00002" / "weights.safetensors")
    for name, weight in plain.state_dict().items():
        torch.testing.assert_close(original.state_dict()[name], weight)
        torch.testing.assert_close(loaded.state_dict()[name], weight)


def test_metrics_are_copied_and_measured_anew_each_epoch(digits):
    accuracy = MulticlassAccuracy(10, average="micro")
    accuracy.update(torch.tensor([1]), torch.tensor([2]))
    valid = [(digits.test_images, digits.test_labels)]
    model = seeded()
    history = train(digits, model, valid=valid, metrics={"accuracy": accuracy})
    assert accuracy.compute() == 0
    final = evaluate(model, valid, loss=LOSS, metrics={"accuracy": accuracy})
    assert final["accuracy"] == history["accuracy"][-1]
    assert final["loss"] == history["valid_loss"][-1]


SCHEDULED = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": None}, "either loss, or step"),
        ({"epochs": 0}, "epochs start at 1"),
        ({"batches": iter(())}, "no batches in epoch 1"),
        ({"batches": iter([(torch.zeros(2, 64), torch.zeros(2).long())])}, "no batches in epoch 2"),
        ({"metrics": {"accuracy": MulticlassAccuracy(10)}}, "valid, which was not given"),
        ({"metrics": {"train_loss": MulticlassAccuracy(10)}, "valid": []}, "rename the metric"),
        ({"valid": []}, "no batches to evaluate"),
        ({"early_stopping": EarlyStopping()}, "measures train_loss"),
        ({"schedule": lr_scheduler.StepLR(SCHEDULED, 1)}, "another optimizer"),
        ({"schedule_every": "batch"}, '"epoch" or "step"'),
        ({"optimizer": SCHEDULED}, "model.parameters"),
        ({"step": lambda model, batch: (None, *batch)}, "step gave None for the loss"),
    ],
)
def test_refuses_settings_that_contradict_each_other(digits, settings, message):
    with pytest.raises(ValueError, match=message):
        train(digits, seeded(), **settings)


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator here")
def test_on_an_accelerator_it_learns_in_mixed_precision_and_leaves_the_state_alone(digits):
    device = torch.accelerator.current_accelerator()
    model = seeded(lambda: resnet(channels=1, width=8))
    kinds = set()
    model.stages[0].body[0].register_forward_hook(lambda m, i, output: kinds.add(output.dtype))
    test = TensorBatches(digits.test_images, digits.test_labels, batch_size=256)
    before = torch.get_device_module(device).get_rng_state()
    history = train(
        digits, model, samples=None, valid=test, epochs=6, device="auto",
        optimizer=torch.optim.AdamW(model.parameters(), lr=5e-3),
        metrics={"accuracy": MulticlassAccuracy(10, average="micro")},
    )  # fmt: skip
    assert torch.equal(before, torch.get_device_module(device).get_rng_state())
    assert next(model.parameters()).device.type == device.type
    assert history["accuracy"][-1] > 0.9
    assert kinds == {torch.bfloat16 if has_bfloat16(device) else torch.float32}
