import io

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss
from torch import nn
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix

from companion.data.digits import load_digits
from companion.data.tensors import TensorBatches
from companion.models import mlp, resnet
from companion.training import evaluate, predict


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture
def model():
    torch.manual_seed(0)
    return mlp(dropout=0.5)


@pytest.mark.parametrize("size", [1, 7, 64, 599, 1000])
def test_agrees_with_scikit_learn_however_the_set_is_cut(digits, model, size):
    batches = TensorBatches(digits.test_images, digits.test_labels, batch_size=size)
    accuracy = {"accuracy": MulticlassAccuracy(10, average="micro")}
    result = evaluate(model, batches, loss=nn.CrossEntropyLoss(), metrics=accuracy)
    logits = predict(model, digits.test_images, batch_size=size)
    truth = digits.test_labels.numpy()
    assert result["accuracy"] == pytest.approx(accuracy_score(truth, logits.argmax(1)), abs=1e-6)
    probs = logits.double().softmax(1).numpy()
    assert result["loss"] == pytest.approx(log_loss(truth, probs), abs=1e-6)


def test_predictions_come_in_order_and_do_not_depend_on_the_batch_size(digits, model):
    together = predict(model, digits.test_images, batch_size=1000)
    batches = TensorBatches(digits.test_images, digits.test_labels, batch_size=37)
    torch.testing.assert_close(predict(model, batches), together)
    torch.testing.assert_close(predict(model, digits.test_images, batch_size=10), together)
    assert not together.requires_grad
    with torch.no_grad():
        model.eval()
        torch.testing.assert_close(model(digits.test_images), together)


def test_outputs_of_several_parts_are_joined_part_by_part():
    class Parts(nn.Module):
        def forward(self, x):
            return {"sum": x.sum(1), "pair": (x, [row[row > 2] for row in x])}

    inputs = torch.arange(10.0).reshape(5, 2)
    joined = predict(Parts(), inputs, batch_size=2)
    assert joined["sum"].tolist() == [1, 5, 9, 13, 17]
    assert torch.equal(joined["pair"][0], inputs)
    assert [row.tolist() for row in joined["pair"][1]] == [[], [3], [4, 5], [6, 7], [8, 9]]


def test_bfloat16_comes_out_as_float32():
    assert predict(nn.Linear(2, 2).bfloat16(), torch.zeros(3, 2).bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("call", [evaluate, predict])
def test_modes_are_put_back_part_by_part_even_after_an_error(call):
    model = resnet(channels=1, width=4)
    model.train()
    model.stages[1].eval()
    before = [module.training for module in model.modules()]
    mean = model.stem[1].running_mean.clone()
    call(model, [(torch.rand(4, 1, 8, 8), torch.zeros(4))])
    assert [module.training for module in model.modules()] == before
    assert torch.equal(model.stem[1].running_mean, mean)
    with pytest.raises(RuntimeError):
        call(model, [(torch.rand(4, 2, 8, 8), torch.zeros(4))])
    assert [module.training for module in model.modules()] == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: evaluate(m, []), "no batches"),
        (lambda m: predict(m, []), "no inputs"),
        (
            lambda m: predict(m, TensorBatches(torch.rand(4, 64), torch.zeros(4), shuffle=True)),
            "shuffle=False",
        ),
        (
            lambda m: evaluate(
                m,
                [(torch.rand(4, 64), torch.zeros(4).long())],
                metrics={"matrix": MulticlassConfusionMatrix(10)},
            ),
            "'matrix' must give one number",
        ),
    ],
)
def test_refuses_what_it_cannot_measure(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)


def test_float_arrays_can_be_made_of_the_result(digits, model):
    assert np.asarray(predict(model, digits.test_images)).dtype == np.float32


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        yield from zip(torch.arange(10.0), torch.arange(10), strict=True)


def test_predicts_from_a_stream_whose_length_nobody_knows():
    batches = torch.utils.data.DataLoader(Stream(), batch_size=4)
    torch.testing.assert_close(predict(nn.Identity(), batches), torch.arange(10.0))


def test_shows_a_bar_only_when_asked(monkeypatch):
    for wish in (True, False):
        terminal = io.StringIO()
        terminal.isatty = lambda: True
        monkeypatch.setattr("sys.stderr", terminal)
        predict(nn.Identity(), torch.zeros(6, 1), batch_size=2, progress=wish)
        assert ("0/3" in terminal.getvalue()) == wish
