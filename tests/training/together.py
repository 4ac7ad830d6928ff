"""What two processes do together; a script for torchrun in tests/training/test_distributed.py.

    torchrun --nproc-per-node 2 together.py FOLDER

The same functions run in one process with the doubled batch, for comparison. BatchNorm is left out:
each process would normalise by its own half of the batch.
"""

import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from companion.data.digits import load_digits
from companion.data.tensors import TensorBatches
from companion.training import EarlyStopping, NonFiniteLossError, evaluate, fit
from companion.training.distributed import processes, rank, session


def network():
    torch.manual_seed(rank())  # process 0's weights are to win
    return nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(36, 10)).double()


def digits_batches(samples, size, **settings):
    digits = load_digits()
    images, labels = digits.train_images[:samples].double(), digits.train_labels[:samples]
    return TensorBatches(images, labels, batch_size=size // processes(), **settings)


def train(folder, *, samples=200, size=32, own_generator=False, loss=None):
    """Train on 200 samples in batches of 32 for all processes together: the last has 8."""
    model = network()
    generator = torch.Generator().manual_seed(7) if own_generator else None
    history = fit(
        model,
        digits_batches(samples, size, shuffle=True, generator=generator),
        digits_batches(131, 50),
        loss=loss or nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9),
        epochs=4,
        metrics={"accuracy": MulticlassAccuracy(10, average="micro")},
        early_stopping=EarlyStopping(4),
        clip=0.5,
        checkpoint=folder,
        device="cpu",
        generator=torch.Generator().manual_seed(3),
    )
    return {"rows": history.rows, "weights": model.state_dict()}


def raised(error, call):
    try:
        call()
    except error as caught:
        return str(caught)
    return None


def loader_batches():
    digits = load_digits()
    data = TensorDataset(digits.train_images[:64].double(), digits.train_labels[:64])
    order = []

    class Recorded(DistributedSampler):
        def __iter__(self):
            order.append(list(super().__iter__()))
            return iter(order[-1])

    model = network()
    fit(
        model, DataLoader(data, 8, sampler=Recorded(data)), loss=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1), epochs=2, device="cpu",
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    return order


def dropped_together():
    """Dropout masks seen by this process."""
    masks = []
    model = nn.Linear(1, 1, bias=False)

    def step(model, batch):
        inputs, _ = batch
        masks.append(nn.functional.dropout(torch.ones(16)).tolist())
        return model(inputs).mean(), None, None

    fit(
        model, TensorBatches(torch.ones(8, 1), torch.ones(8), batch_size=4), step=step, epochs=1,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1), device="cpu",
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    return masks


def main(folder: Path) -> None:
    result = {}
    before = raised(RuntimeError, lambda: train(None))
    with session("cpu") as device:
        result["size"] = (rank(), processes(), str(device))
        result["before"] = before
        result["plain"] = train(folder / "run")
        result["again"] = train(folder / "run")
        result["own generator"] = train(None, own_generator=True)
        result["order"] = loader_batches()
        result["masks"] = dropped_together()
        model = network()
        result["evaluated"] = evaluate(
            model, digits_batches(131, 50).shard(rank(), 2, even=False), loss=nn.CrossEntropyLoss()
        )
        list_of_batches = [(torch.zeros(2, 1, 8, 8).double(), torch.zeros(2).long())]
        result["same samples"] = raised(
            ValueError,
            lambda: fit(
                model, list_of_batches, loss=nn.CrossEntropyLoss(), epochs=1, device="cpu",
                optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
            ),
        )  # fmt: skip
        generator = torch.Generator().manual_seed(rank())
        result["other seeds"] = raised(
            ValueError,
            lambda: fit(
                model, digits_batches(64, 16), loss=nn.CrossEntropyLoss(), epochs=1, device="cpu",
                optimizer=torch.optim.SGD(model.parameters(), lr=0.1), generator=generator,
            ),
        )  # fmt: skip
        result["nan"] = raised(
            NonFiniteLossError,
            lambda: train(None, loss=lambda *_: torch.tensor(torch.nan, requires_grad=True)),
        )
        torch.save(result, folder / f"rank-{rank()}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
