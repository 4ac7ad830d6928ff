"""The U-Net: its weights, how far it looks, what it refuses."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from companion.models import count_weights, unet

PAPER = (64, 128, 256, 512, 1024)


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        ({}, 482_449),
        ({"widths": (8, 16, 32, 64)}, 121_033),
        ({"classes": 2, "widths": PAPER, "norm": False}, 31_030_658),
    ],
)
def test_the_stated_numbers_of_weights(settings, weights):
    with torch.device("meta"):
        assert count_weights(unet(**settings)) == weights


@pytest.mark.parametrize("norm", [True, False])
def test_the_formula_in_the_docstring_counts_right(norm):
    widths, channels, classes = (3, 5, 4, 7), 2, 6
    k, before = (4 if norm else 2), (channels, *widths)
    levels = zip(before, widths, strict=False)
    expected = sum(9 * b * w + 9 * w**2 + k * w for b, w in levels)
    expected += sum(4 * below * w + w + 27 * w**2 + k * w for w, below in pairwise(widths))
    expected += classes * (widths[0] + 1)
    assert count_weights(unet(classes, channels, widths=widths, norm=norm)) == expected


def test_it_is_the_network_of_the_paper_but_for_padding():
    """The same weights in the paper's own order: contracting, expanding, copies laid beside."""
    torch.manual_seed(0)
    model = unet(2, 3, widths=(4, 8, 16), norm=False).eval()
    image = torch.rand(1, 3, 20, 28)

    def block(maps, part):
        for convolution in (part[0], part[2]):
            weight, bias = convolution.weight, convolution.bias
            maps = nn.functional.conv2d(maps, weight, bias, padding=1).clamp(min=0)
        return maps

    full = block(image, model.down[0])
    half = block(nn.functional.max_pool2d(full, 2), model.down[1])
    bottom = block(nn.functional.max_pool2d(half, 2), model.down[2])
    half = block(torch.cat([half, model.enlarge[1](bottom)], 1), model.up[1])
    full = block(torch.cat([full, model.enlarge[0](half)], 1), model.up[0])
    torch.testing.assert_close(model(image), model.head(full))


@pytest.mark.parametrize(("levels", "reach"), [(2, 8), (3, 22), (4, 46), (5, 94)])
def test_reach_is_how_far_a_logit_looks(levels, reach):
    model = unet(widths=[2] * levels, norm=False).double()
    with torch.no_grad():  # no dead ReLU and no tie in pooling may hide a path
        for weight in model.parameters():
            weight.uniform_(0.1, 1)
    assert model.reach == reach
    steps = -(-reach // model.stride) + 1
    row = steps * model.stride
    image = torch.rand(1, 1, 2 * row, model.stride, dtype=torch.double, requires_grad=True)
    for aligned, step in ((row, -1), (row - 1, 1)):  # looking up, and looking down
        (gradient,) = torch.autograd.grad(model(image)[0, 0, aligned].sum(), image)
        seen = gradient[0, 0].any(dim=1).nonzero().ravel()
        far = seen.min() if step < 0 else seen.max()
        # Which of two pooled rows counts is up to the image: the bound may be missed a little.
        assert model.stride > reach - abs(int(far) - aligned) >= 0


def test_bytes_and_floats_are_the_same_image():
    model = unet(channels=3, widths=(4, 8)).eval()
    image = torch.randint(0, 256, (2, 3, 8, 10), dtype=torch.uint8)
    torch.testing.assert_close(model(image), model(image / 255))


def test_every_weight_gets_a_gradient():
    model = unet(3, widths=(4, 8, 16))
    model(torch.rand(4, 1, 16, 16)).square().mean().backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_an_image_is_judged_alone_in_evaluation_mode():
    model = unet(widths=(4, 8)).eval()
    images = torch.rand(3, 1, 8, 12)
    alone = torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(model(images), alone)


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_lie_side_by_side_in_memory(channels):
    """That is what makes it faster; a change of layout would not be seen in any result."""
    model, seen = unet(channels=channels, widths=(4, 8)), []
    for block in (*model.down, *model.up):
        block.register_forward_hook(lambda module, inputs, output: seen.append(output))
    model(torch.rand(2, channels, 16, 12))
    assert len(seen) == 3
    assert all(maps.is_contiguous(memory_format=torch.channels_last) for maps in seen)


def test_the_norm_is_optional():
    kinds = {type(module) for module in unet(norm=False).down[0]}
    assert kinds == {nn.Conv2d, nn.ReLU}
    norms = [m for m in unet().modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 14


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((100, 90), r"multiples of 8.*4 levels.*got 100x90; pad to 104x96"),
        ((4, 64), r"got 4x64; pad to 8x64"),
        ((0, 64), r"got 0x64; pad to 8x64"),
    ],
)
def test_a_size_that_cannot_be_halved_is_refused_with_the_cure(size, message):
    with pytest.raises(ValueError, match=message):
        unet()(torch.zeros(1, 1, *size))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: unet(0), "start at 1"),
        (lambda: unet(widths=(8,)), "at least two levels"),
        (lambda: unet(widths=(8, 0)), "start at 1"),
        (lambda: unet()(torch.zeros(1, 3, 8, 8)), r"N x 1 x H x W here, got \(1, 3, 8, 8\)"),
        (lambda: unet()(torch.zeros(1, 8, 8)), r"N x 1 x H x W"),
    ],
)
def test_refuses_what_cannot_be_built_or_run(build, message):
    with pytest.raises(ValueError, match=message):
        build()
