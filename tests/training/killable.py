"""A run with everything that must survive a kill; a script for tests/training/test_resume.py.

    python killable.py FOLDER    trains in FOLDER/WHERE for each place to die at, and dies there

It draws on every source of randomness and keeps every kind of state: order, augmentation, dropout,
BatchNorm, momentum, a schedule by steps, early stopping.
"""

import os
import signal
import sys

import torch
from torch import nn
from torchmetrics.classification import MulticlassAccuracy

from companion.data.augment import AffinePerImage
from companion.data.digits import load_digits
from companion.data.tensors import TensorBatches
from companion.training import EarlyStopping, fit

EPOCHS = 6
PLACES = ("training", "writing")


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def train(folder, where=None):
    """Train, and die in the fourth epoch or while its checkpoint is written."""
    torch.set_num_threads(1)
    calls = {"augment": 0, "save": 0}
    move = AffinePerImage(15, (0.1, 0.1))

    def augment(inputs, targets):
        calls["augment"] += 1
        if where == "training" and calls["augment"] == 3 * 7 + 4:  # 7 steps in an epoch
            kill()
        return move(inputs), targets

    def save(state, path):
        calls["save"] += 1
        if where == "writing" and calls["save"] == 4:
            path.write_bytes(b"half a file")
            kill()
        write(state, path)

    write = torch.save
    torch.save = save if where == "writing" else write

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(72, 10),
    )  # fmt: skip
    digits = load_digits()
    batches = TensorBatches(
        digits.train_images[:200], digits.train_labels[:200], batch_size=30, shuffle=True,
        augment=augment, generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    steps = EPOCHS * len(batches)
    history = fit(
        model, batches, [(digits.test_images, digits.test_labels)], loss=nn.CrossEntropyLoss(),
        optimizer=optimizer, epochs=EPOCHS, metrics={"accuracy": MulticlassAccuracy(10)},
        schedule=torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=steps),
        schedule_every="step", clip=1.0, early_stopping=EarlyStopping(EPOCHS), checkpoint=folder,
        device="cpu", generator=torch.Generator().manual_seed(2),
    )  # fmt: skip
    return history, model.state_dict(), optimizer.state_dict()


def main(folder):
    """Let a child die at each place, and print by which signal it went."""
    for where in PLACES:
        child = os.fork()
        if child == 0:
            train(os.path.join(folder, where), where)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(where, os.WTERMSIG(status) if os.WIFSIGNALED(status) else "not killed", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
