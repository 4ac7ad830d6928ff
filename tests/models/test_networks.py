"""What all networks promise: shapes, stated numbers of weights, learning, clear refusals."""

import pytest
import torch
from torch import nn

from companion import models

NETWORKS = {
    "mlp": (models.mlp, (1, 8, 8), 9_610),
    "logistic": (lambda: models.mlp(64, ()), (1, 8, 8), 650),
    "lenet": (models.lenet, (1, 8, 8), 13_706),
    "lenet colour": (lambda: models.lenet(10, 3), (3, 37, 50), 13_994),
    "resnet": (models.resnet, (3, 32, 32), 78_042),
    "resnet 14": (lambda: models.resnet(blocks=2), (3, 17, 40), 175_258),
    "resnet 20": (lambda: models.resnet(blocks=3), (3, 8, 8), 272_474),
    "rnn": (lambda: models.rnn(cell="rnn"), (1, 8, 8), 5_386),
    "lstm": (lambda: models.rnn(cell="lstm"), (1, 5, 8), 19_594),
    "gru": (lambda: models.rnn(cell="gru"), (1, 12, 8), 14_858),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_gives_logits_from_the_stated_number_of_weights(name):
    build, shape, weights = NETWORKS[name]
    model = build()
    assert model(torch.rand(3, *shape)).shape == (3, 10)
    assert models.count_weights(model) == weights


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_gets_a_gradient(name):
    build, shape, _ = NETWORKS[name]
    model = build()
    images = torch.rand(8, *shape, generator=torch.Generator().manual_seed(0))
    nn.functional.cross_entropy(model(images), torch.arange(8)).backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("name", NETWORKS)
def test_an_image_is_judged_alone_in_evaluation_mode(name):
    build, shape, _ = NETWORKS[name]
    model = build().eval()
    images = torch.rand(4, *shape)
    with torch.no_grad():
        together = model(images)
        alone = torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_the_formulas_in_the_docstrings_count_right():
    widths, kernel, hidden, grid, classes = (5, 7, 9), 5, 11, 3, 4
    lenet = models.lenet(classes, 2, widths=widths, kernel=kernel, hidden=hidden, grid=grid)
    before = (2, *widths)
    expected = sum((kernel**2 * b + 1) * w for b, w in zip(before, widths, strict=False))
    expected += (grid**2 * widths[-1] + 1) * hidden + (hidden + 1) * classes
    assert models.count_weights(lenet) == expected

    for cell, gates in (("rnn", 1), ("lstm", 4), ("gru", 3)):
        rnn = models.rnn(6, 4, cell=cell, hidden=7, layers=2)
        expected = gates * 7 * (6 + 7 + 2) + gates * 7 * (7 + 7 + 2) + (7 + 1) * 4
        assert models.count_weights(rnn) == expected

    mlp = models.mlp(6, (5, 4), 3)
    assert models.count_weights(mlp) == 7 * 5 + 6 * 4 + 5 * 3


def test_the_row_reader_reads_rows_from_top_to_bottom():
    model = models.rnn(3, 2, cell="rnn", hidden=4).eval()
    image = torch.rand(1, 1, 5, 3)
    cell = model.recurrent
    state = torch.zeros(4)
    for row in image[0, 0]:
        state = torch.tanh(
            cell.weight_ih_l0 @ row + cell.bias_ih_l0 + cell.weight_hh_l0 @ state + cell.bias_hh_l0
        )
    torch.testing.assert_close(model(image)[0], model.classifier(state))


def test_a_residual_block_with_silent_body_passes_its_input_on():
    block = models.resnet(channels=1).stages[0].eval()
    nn.init.zeros_(block.body[-1].weight)
    maps = torch.rand(2, 16, 6, 6)
    torch.testing.assert_close(block(maps), maps)


def test_dropout_works_in_training_only():
    model = models.mlp(dropout=0.5)
    images = torch.rand(2, 64)
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))


def test_the_activation_can_be_chosen():
    kinds = [type(m) for m in models.lenet(activation=nn.GELU).modules()]
    assert kinds.count(nn.GELU) == 3
    assert nn.ReLU not in kinds


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: models.mlp(hidden=(0,)), "at least one output"),
        (lambda: models.mlp(dropout=1.0), "dropout"),
        (lambda: models.lenet(kernel=4), "odd"),
        (lambda: models.lenet(widths=()), "widths not empty"),
        (lambda: models.resnet(blocks=0), "start at 1"),
        (lambda: models.rnn(cell="elman"), "rnn, lstm, gru"),
        (lambda: models.rnn(hidden=0), "start at 1"),
        (lambda: models.lenet()(torch.zeros(1, 1, 3, 9)), "3x9.*4x4"),
    ],
)
def test_refuses_what_cannot_be_built(build, message):
    with pytest.raises(ValueError, match=message):
        build()
