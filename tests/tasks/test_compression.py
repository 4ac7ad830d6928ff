"""Export, int8, pruning, distillation, cost: answers, sizes, and what is refused."""

import copy
import math
import zlib

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn.functional import cross_entropy

from companion.data.digits import load_digits
from companion.data.tensors import TensorBatches
from companion.models import count_operations, lenet
from companion.seeding import torch_generator
from companion.tasks.attacks import fgsm
from companion.tasks.compression import OnnxNetwork, export_onnx, open_session
from companion.tasks.compression_cost import estimate_energy, median_seconds
from companion.tasks.compression_distillation import distillation_loss
from companion.tasks.compression_int8 import quantize_dynamic, quantize_static
from companion.tasks.compression_pruning import finish_pruning, prune_smallest, share_of_zeros
from companion.training import fit, predict


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def train(network, digits, *, epochs, rate=3e-3, loss=cross_entropy, targets=None):
    targets = digits.train_labels if targets is None else targets
    fit(
        network,
        TensorBatches(digits.train_images, targets, batch_size=64, shuffle=True),
        loss=loss,
        optimizer=torch.optim.Adam(network.parameters(), rate),
        epochs=epochs,
        generator=torch_generator(0),
        device="cpu",
    )
    return network


def accuracy(network, digits):
    right = predict(network, digits.test_images).argmax(1) == digits.test_labels
    return right.double().mean().item()


@pytest.fixture(scope="module")
def network(digits):
    torch.manual_seed(0)
    return train(lenet(), digits, epochs=12)


@pytest.fixture(scope="module")
def graph(network, digits):
    return export_onnx(network, digits.test_images[:3])


def test_the_graph_answers_as_the_network_for_any_number(network, graph, digits):
    exported = OnnxNetwork(graph)
    for count in (1, 2, 50):
        images = digits.test_images[:count]
        torch.testing.assert_close(exported(images), network(images).detach(), rtol=1e-4, atol=1e-4)


def test_export_from_one_picture_and_in_training_mode(network, digits):
    modes = network.training, next(network.parameters()).device
    graph = export_onnx(network.train(), digits.test_images[:1])
    assert network.training
    network.train(modes[0])
    assert OnnxNetwork(graph)(digits.test_images[:7]).shape == (7, 10)


def test_export_writes_the_file(network, digits, graph, tmp_path):
    path = tmp_path / "digits.onnx"
    path.write_bytes(b"an older one")
    written = export_onnx(network, digits.test_images[:2], path)
    assert path.read_bytes() == written
    assert list(tmp_path.iterdir()) == [path]
    assert OnnxNetwork(path)(digits.test_images[:2]).shape == (2, 10)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        export_onnx(network, digits.test_images[:2], tmp_path / "none" / "digits.onnx")


def test_an_interrupted_export_leaves_the_old_file(network, digits, tmp_path, monkeypatch):
    path = tmp_path / "digits.onnx"
    path.write_bytes(b"an older one")

    def interrupted(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_onnx(network, digits.test_images[:2], path)
    assert path.read_bytes() == b"an older one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_graph_that_answers_otherwise_is_refused(network, digits, tmp_path, monkeypatch):
    """The fault is planted: the exporter is given weights that differ a little."""
    exporter = torch.onnx.export

    def faulty(network, *arguments, **settings):
        changed = copy.deepcopy(network)
        changed.classifier[-1].bias.data += 0.01
        return exporter(changed, *arguments, **settings)

    monkeypatch.setattr(torch.onnx, "export", faulty)
    with pytest.raises(ValueError, match=r"answers differ from the network.s by 0\.01"):
        export_onnx(network, digits.test_images[:2], tmp_path / "digits.onnx")
    assert not list(tmp_path.iterdir())
    export_onnx(network, digits.test_images[:2], tolerance=0.1)


class Two(nn.Module):
    def forward(self, images):
        return images.mean((1, 2, 3)), {"largest": images.amax((1, 2, 3))}


def test_several_answers(digits):
    graph = export_onnx(Two(), digits.test_images[:2])
    means, largest = open_session(graph).run(None, {"images": digits.test_images[:5].numpy()})
    np.testing.assert_allclose(means, digits.test_images[:5].mean((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(largest, digits.test_images[:5].amax((1, 2, 3)))
    with pytest.raises(ValueError, match="one input and one output, got 1 and 2"):
        OnnxNetwork(graph)


def test_export_and_sessions_refuse(network, digits, graph, tmp_path):
    with pytest.raises(ValueError, match="at least one input, got none"):
        export_onnx(network, digits.test_images[:0])
    with pytest.raises(ValueError, match="threads start at 1"):
        OnnxNetwork(graph, threads=0)
    with pytest.raises(ValueError, match="the graph cannot be loaded"):
        OnnxNetwork(graph[: len(graph) // 2])
    with pytest.raises(ValueError, match=r"none\.onnx cannot be loaded"):
        OnnxNetwork(tmp_path / "none.onnx")
    with pytest.raises(ValueError, match="no gradient"):
        fgsm(OnnxNetwork(graph), digits.test_images[:3], digits.test_labels[:3], epsilon=0.1)


def test_int8_is_near_float_and_small(network, graph, digits):
    for quantized in (
        quantize_static(graph, digits.train_images[:256]),
        quantize_static(graph, digits.train_images[:256], per_channel=False),
        quantize_dynamic(graph),
    ):
        small = OnnxNetwork(quantized)
        assert abs(accuracy(small, digits) - accuracy(network, digits)) <= 0.01
        exact, rounded = (predict(net, digits.test_images) for net in (network, small))
        assert (exact - rounded).abs().mean() < 0.05 * exact.std()
        assert not torch.equal(exact, rounded)
        assert len(quantized) < 0.65 * len(graph)


@pytest.mark.parametrize("quantize", [quantize_static, lambda graph, _: quantize_dynamic(graph)])
def test_sums_of_the_largest_products_do_not_overflow(quantize):
    """On x86 without VNNI the sum of two products of 255 and 127 does not fit into its 16 bits."""
    layer = nn.Linear(64, 4, bias=False)
    torch.nn.init.constant_(layer.weight, 0.5)
    bright = torch.ones(8, 64)
    pictures = torch.cat([bright, torch.zeros(8, 64)])
    small = OnnxNetwork(quantize(export_onnx(layer, pictures), pictures))
    torch.testing.assert_close(small(bright), layer(bright).detach(), rtol=0.02, atol=0)


def stored(graph):
    return {
        array.name: numpy_helper.to_array(array)
        for array in onnx.load_from_string(graph).graph.initializer
    }


def test_int8_weights_are_the_rounded_ones(network, graph, digits):
    quantized = stored(quantize_static(graph, digits.train_images[:64]))
    weights = network.features[3].weight.detach()  # 32 x 16 x 3 x 3
    (integers,) = (a for a in quantized.values() if a.shape == weights.shape)
    assert integers.dtype == np.int8
    scale = weights.abs().amax((1, 2, 3), keepdim=True) / 127
    error = (torch.tensor(integers) - weights / scale).abs()
    assert error.max() <= 0.5 + 1e-3


def test_a_scale_for_each_channel_saves_the_small_ones(digits):
    """One output is 10,000 times smaller than the other: with one scale for both it is lost."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.Flatten())
    layers[0].weight.data[1] *= 1e-4
    graph = export_onnx(layers, digits.test_images[:2])
    weights = {
        each: next(
            array
            for array in stored(
                quantize_static(graph, digits.train_images[:64], per_channel=each)
            ).values()
            if array.shape == (2, 1, 3, 3)
        )
        for each in (True, False)
    }
    assert np.abs(weights[True][1]).max() == 127
    assert not weights[False][1].any()


def test_quantising_refuses(graph, digits):
    with pytest.raises(ValueError, match=r"needs pictures .* got none"):
        quantize_static(graph, digits.train_images[:0])
    with pytest.raises(ValueError, match="takes N x 1 x 8 x 8"):
        quantize_static(graph, torch.zeros(5, 1, 9, 8))
    with pytest.raises(ValueError, match=r"torch\.uint8"):
        quantize_static(graph, torch.zeros(5, 1, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match="cannot be loaded"):
        quantize_dynamic(b"no graph")


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_the_smallest_weights_go_and_stay_away(network, digits, share):
    pruned = copy.deepcopy(network)
    weights = torch.cat(
        [p.detach().abs().flatten() for name, p in network.named_parameters() if "weight" in name]
    )
    threshold = weights.quantile(share)
    prune_smallest(pruned, share)
    train(pruned, digits, epochs=1, rate=1e-3)
    finish_pruning(pruned)
    assert share_of_zeros(pruned) == pytest.approx(share, abs=1 / len(weights))
    for name, before in network.named_parameters():
        if "weight" in name:
            zeros = pruned.get_parameter(name) == 0
            assert torch.equal(zeros, before.abs() < threshold)
    assert not any("mask" in name for name in pruned.state_dict())
    assert list(pruned.state_dict()) == list(network.state_dict())


def test_pruning_again_counts_the_zeros_that_are_there(network):
    pruned = copy.deepcopy(network)
    for share in (0.5, 0.8):
        prune_smallest(pruned, share)
        finish_pruning(pruned)
    once = copy.deepcopy(network)
    prune_smallest(once, 0.8)
    finish_pruning(once)
    for twice, single in zip(pruned.parameters(), once.parameters(), strict=True):
        assert torch.equal(twice, single)


def test_the_order_of_weights_in_memory_changes_nothing(network):
    usual, reordered = copy.deepcopy(network), copy.deepcopy(network)
    reordered.to(memory_format=torch.channels_last)
    assert not all(weight.is_contiguous() for weight in reordered.parameters())
    for each in (reordered, usual):
        prune_smallest(each, 0.5)
        finish_pruning(each)
    for found, wanted in zip(reordered.parameters(), usual.parameters(), strict=True):
        assert torch.equal(found, wanted)


def test_zeros_pack_well(network, digits, graph):
    pruned = copy.deepcopy(network)
    prune_smallest(pruned, 0.9)
    finish_pruning(pruned)
    sparse = export_onnx(pruned, digits.test_images[:2])
    assert len(zlib.compress(sparse)) < 0.4 * len(zlib.compress(graph))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_pruning_refuses_senseless_shares(network, share):
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match="share to prune lies between 0 and 1"):
        prune_smallest(network, share)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_pruning_refuses_what_it_cannot_do(network):
    with pytest.raises(ValueError, match="no convolution and no linear layer"):
        prune_smallest(nn.ReLU(), 0.5)
    with pytest.raises(ValueError, match="call prune_smallest first"):
        finish_pruning(network)
    pruned = copy.deepcopy(network)
    prune_smallest(pruned, 0.5)
    with pytest.raises(ValueError, match="call finish_pruning first"):
        prune_smallest(pruned, 0.8)


def test_distillation_loss_is_the_formula():
    logits = torch.randn(5, 3, dtype=torch.float64, generator=torch_generator(0))
    teacher = torch.randn(5, 3, dtype=torch.float64, generator=torch_generator(1))
    labels = torch.tensor([0, 1, 2, 0, 1])
    p, q = (teacher / 3).softmax(1), (logits / 3).softmax(1)
    soft = (p * (p.log() - q.log())).sum(1).mean()
    wanted = 0.7 * 9 * soft + 0.3 * cross_entropy(logits, labels)
    torch.testing.assert_close(
        distillation_loss(temperature=3.0, share=0.7)(logits, (labels, teacher)), wanted
    )


def test_a_student_learns_from_answers_alone(network, digits):
    """No label is used: what the student knows it has from the teacher."""
    teacher = predict(network, digits.train_images)
    torch.manual_seed(1)
    nonsense = torch.zeros_like(digits.train_labels)
    student = train(
        *(lenet(widths=(4, 8)), digits),
        epochs=15,
        loss=distillation_loss(share=1.0),
        targets=(nonsense, teacher),
    )
    assert accuracy(student, digits) > 0.85


def test_distillation_refuses():
    for settings in ({"temperature": 0}, {"share": 1.1}, {"share": -0.1}):
        with pytest.raises(ValueError, match="temperature is above 0 and share"):
            distillation_loss(**settings)
    with pytest.raises(ValueError, match="must answer alike"):
        distillation_loss()(torch.zeros(2, 3), (torch.zeros(2).long(), torch.zeros(2, 4)))


def test_energy_is_arithmetic_and_memory(network, digits):
    operations = count_operations(network, digits.test_images[:1])
    assert estimate_energy(operations, 0, bits=32) == pytest.approx(operations / 2 * 4.6e-12)
    assert estimate_energy(0, 8, bits=8) == pytest.approx(1.3e-9)
    assert estimate_energy(operations, 0, bits=8) < estimate_energy(operations, 0, bits=32) / 10
    with pytest.raises(ValueError, match="bits are 32 or 8, got 16"):
        estimate_energy(1, 1, bits=16)
    with pytest.raises(ValueError, match="counts start at 0"):
        estimate_energy(-1, 1, bits=8)


def test_median_seconds_takes_turns_and_leaves_the_first_out(monkeypatch):
    now, order = [0.0], []
    taken = {"a": iter([100.0, 1.0, 2.0, 9.0]), "b": iter([100.0, 5.0, 5.0, 5.0])}

    def side(name):
        def call():
            order.append(name)
            now[0] += next(taken[name])

        return call

    monkeypatch.setattr("companion.tasks.compression_cost.time.perf_counter", lambda: now[0])
    assert median_seconds({name: side(name) for name in taken}, repeats=3) == {"a": 2, "b": 5}
    assert "".join(order) == "abababab"
    with pytest.raises(ValueError, match="needs a call and a repeat"):
        median_seconds({}, repeats=3)
