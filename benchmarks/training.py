"""`companion.training.fit` against other loops: same network, data, batches and optimizer.

CPU seconds of one thread for a whole training run, set-up included.
"""

import os
import time
import warnings

os.environ.setdefault("KERAS_BACKEND", "torch")

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.measure import Row, peer, turns
from companion.data.digits import load_digits
from companion.data.tensors import TensorBatches
from companion.models import lenet
from companion.seeding import torch_generator
from companion.training import fit

EPOCHS, BATCH, RATE, ROUNDS = 10, 64, 1e-3, 11
digits = load_digits()
IMAGES, LABELS = digits.train_images, digits.train_labels
LOSS = nn.CrossEntropyLoss()


def network() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = lenet()
    return model, torch.optim.Adam(model.parameters(), lr=RATE)


def loader() -> DataLoader:
    return DataLoader(TensorDataset(IMAGES, LABELS), batch_size=BATCH, shuffle=True)


def ours(seed: int | None = None) -> nn.Module:
    model, optimizer = network()
    batches = TensorBatches(IMAGES, LABELS, batch_size=BATCH, shuffle=True)
    order = None if seed is None else torch_generator(seed)
    settings = {"loss": LOSS, "optimizer": optimizer, "epochs": EPOCHS, "generator": order}
    fit(model, batches, device="cpu", **settings)
    return model


def bare_tensors() -> None:
    model, optimizer = network()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(IMAGES)).split(BATCH):
            loss = LOSS(model(IMAGES[rows]), LABELS[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def bare_loader() -> None:
    model, optimizer = network()
    batches = loader()
    for _ in range(EPOCHS):
        for images, labels in batches:
            loss = LOSS(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def accelerate() -> None:
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model, optimizer, batches = accelerator.prepare(*network(), loader())
    for _ in range(EPOCHS):
        for images, labels in batches:
            loss = LOSS(model(images), labels)
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()


def skorch() -> None:
    from skorch import NeuralNetClassifier

    torch.manual_seed(0)
    NeuralNetClassifier(
        lenet, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=RATE,
        max_epochs=EPOCHS, batch_size=BATCH, iterator_train__shuffle=True, train_split=None,
        verbose=0,
    ).fit(IMAGES, LABELS)  # fmt: skip


def fastai() -> None:
    import fastai.callback.progress  # noqa: F401 - gives learners `no_bar`
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import Adam

    model, _ = network()
    dataset = TensorDataset(IMAGES, LABELS)
    batches = DataLoaders.from_dsets(
        dataset, TensorDataset(IMAGES[:1], LABELS[:1]), bs=BATCH, num_workers=0, device="cpu"
    )
    learner = Learner(batches, model, loss_func=LOSS, opt_func=Adam, lr=RATE)
    with learner.no_bar(), learner.no_logging():
        learner.fit(EPOCHS)


def keras() -> None:
    import keras

    keras.utils.set_random_seed(0)
    convolution = {"padding": "same", "activation": "relu", "data_format": "channels_first"}
    model = keras.Sequential([
        keras.layers.Conv2D(16, 3, **convolution),
        keras.layers.MaxPooling2D(data_format="channels_first"),
        keras.layers.Conv2D(32, 3, **convolution),
        keras.layers.MaxPooling2D(data_format="channels_first"),
        keras.layers.Flatten(),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10),
    ])  # fmt: skip
    model.compile(
        keras.optimizers.Adam(RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    model.fit(IMAGES.numpy(), LABELS.numpy(), batch_size=BATCH, epochs=EPOCHS, verbose=0)


def rows() -> list[Row]:
    for name in ("accelerate", "skorch", "fastai", "keras"):
        peer(name)
    goals = {
        bare_tensors: ("bare loop over tensors", 1.05),
        bare_loader: ("bare loop over a DataLoader", 1.0),
        accelerate: ("accelerate", 1.0),
        skorch: ("skorch", 1.0),
        fastai: ("fastai", 1.0),
        keras: ("Keras on torch", 1.0),
    }
    task = f"train a small CNN for {EPOCHS} epochs, CPU time"
    found = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # What other packages warn of is theirs to mend.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for train, (name, goal) in goals.items():  # in pairs: each runs after the other alone
                mine, theirs = turns(ours, train, times=ROUNDS, clock=time.process_time)
                found.append(Row(task, mine, name, theirs, goal))
    finally:
        torch.set_num_threads(threads)
    return found
