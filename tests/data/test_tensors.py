import itertools
from collections import namedtuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import tv_tensors
from torchvision.transforms import v2

from companion.data.augment import AffinePerImage
from companion.data.tensors import TensorBatches

Pair = namedtuple("Pair", "left right")


def numbers(n, **settings):
    return TensorBatches(torch.arange(n), -torch.arange(n), **settings)


def seen(batches):
    return [inputs.tolist() for inputs, _ in batches]


@settings(max_examples=100)
@given(st.integers(1, 40), st.integers(1, 12), st.booleans(), st.booleans(), st.integers(0, 2**31))
def test_an_epoch_has_every_sample_once_with_its_target(n, size, shuffle, drop_last, seed):
    if drop_last and size > n:
        return
    generator = torch.Generator().manual_seed(seed)
    batches = numbers(n, batch_size=size, shuffle=shuffle, drop_last=drop_last, generator=generator)
    parts = list(batches)
    assert len(parts) == len(batches)
    for inputs, targets in parts:
        assert torch.equal(inputs, -targets)
    together = torch.cat([inputs for inputs, _ in parts]).tolist()
    assert len(together) == (n // size * size if drop_last else n)
    assert len(set(together)) == len(together)
    assert all(len(inputs) == size for inputs, _ in parts[:-1])
    if not shuffle:
        assert together == list(range(len(together)))


def test_order_is_new_each_epoch_and_the_same_from_the_same_generator():
    def two_epochs(seed):
        batches = numbers(50, shuffle=True, generator=torch.Generator().manual_seed(seed))
        return seen(batches), seen(batches)

    first, second = two_epochs(1)
    assert first != second
    assert (first, second) == two_epochs(1)
    assert first != two_epochs(2)[0]


def test_without_a_generator_the_global_one_decides():
    batches = numbers(50, shuffle=True)
    torch.manual_seed(4)
    first = seen(batches)
    torch.manual_seed(4)
    assert seen(batches) == first


def test_the_order_is_drawn_when_the_iteration_begins():
    batches = numbers(50, shuffle=True)
    torch.manual_seed(4)
    first = iter(batches)
    torch.manual_seed(5)
    second = iter(batches)
    torch.manual_seed(4)
    assert seen(first) == seen(batches)
    torch.manual_seed(5)
    assert seen(second) == seen(batches)


def test_own_generator_leaves_the_global_state_alone():
    batches = TensorBatches(
        torch.rand(20, 1, 8, 8),
        torch.arange(20),
        batch_size=8,
        shuffle=True,
        augment=v2.RandomAffine(20),
        generator=torch.Generator().manual_seed(0),
    )
    before = torch.random.get_rng_state()
    first = [inputs for inputs, _ in batches]
    assert torch.equal(before, torch.random.get_rng_state())
    batches.generator.manual_seed(0)
    torch.manual_seed(99)  # must not matter
    for again, (inputs, _) in zip(first, batches, strict=True):
        assert torch.equal(again, inputs)


def test_augmentation_sees_every_batch_and_leaves_the_set_as_it_is():
    images = torch.rand(10, 1, 8, 8)
    kept = images.clone()
    batches = TensorBatches(
        images, torch.arange(10), batch_size=4, augment=AffinePerImage(degrees=30)
    )
    for inputs, labels in batches:
        assert not torch.allclose(inputs, kept[labels])
        assert inputs.shape == (len(labels), 1, 8, 8)
    assert torch.equal(images, kept)


def test_masks_move_with_their_images_and_come_out_as_ordinary_tensors():
    images = torch.zeros(6, 1, 16, 16)
    images[:, :, 4:8, 3:9] = 1
    masks = tv_tensors.Mask(images[:, 0].to(torch.uint8))
    batches = TensorBatches(
        images,
        {"mask": masks, "label": torch.arange(6)},
        batch_size=3,
        shuffle=True,
        augment=v2.RandomHorizontalFlip(p=1.0),
    )
    for inputs, targets in batches:
        assert type(inputs) is torch.Tensor
        assert type(targets["mask"]) is torch.Tensor
        assert targets["mask"].dtype == torch.uint8
        assert torch.equal(targets["mask"].float(), inputs[:, 0])
        assert torch.equal(inputs[0, 0], images[0, 0].flip(-1))


def test_structures_are_batched_part_by_part():
    boxes = [{"boxes": torch.full((n, 4), float(n)), "labels": torch.zeros(n)} for n in range(5)]
    images = [torch.full((3, 8 + n, 9), float(n)) for n in range(5)]
    batches = TensorBatches(
        images, (boxes, Pair(torch.arange(5), torch.arange(5))), batch_size=2, shuffle=True
    )
    count = 0
    for inputs, (found, pair) in batches:
        assert isinstance(pair, Pair)
        for image, target, number in zip(inputs, found, pair.left, strict=True):
            assert image.shape[1] == 8 + number
            assert len(target["boxes"]) == number
            count += 1
    assert count == 5


@settings(max_examples=100)
@given(st.integers(4, 60), st.integers(1, 9), st.integers(2, 4), st.booleans())
def test_shards_cut_the_batches_of_one_process(n, size, processes, shuffle):
    whole = numbers(n, batch_size=size * processes, shuffle=shuffle)
    part = numbers(n, batch_size=size, shuffle=shuffle)
    for even in (True, False):
        torch.manual_seed(0)
        expected = seen(whole)
        shards = []
        for rank in range(processes):
            torch.manual_seed(0)
            shard = part.shard(rank, processes, even=even)
            shards.append(seen(shard))
            assert len(shards[-1]) == len(shard)
        if even:
            assert len({len(shard) for shard in shards}) == 1
            lengths = [[len(batch) for batch in shard] for shard in shards]
            assert all(length == lengths[0] for length in lengths)
            expected = [batch[: len(batch) // processes * processes] for batch in expected]
            expected = [batch for batch in expected if batch]
        for number, batch in enumerate(expected):
            mine = [shard[number] for shard in shards if number < len(shard)]
            assert sorted(itertools.chain(*mine)) == sorted(batch)


def test_goes_to_a_device_whole_and_shares_its_generator():
    generator = torch.Generator().manual_seed(0)
    masks = tv_tensors.Mask(torch.zeros(4, 8, 8))
    batches = TensorBatches(torch.zeros(4, 1), {"m": masks}, generator=generator)
    moved = batches.to("meta")
    assert moved.inputs.device.type == "meta"
    assert isinstance(moved.targets["m"], tv_tensors.Mask)
    assert moved.generator is generator
    assert batches.inputs.device.type == "cpu"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TensorBatches(torch.zeros(3), torch.zeros(4)), r"\[3, 4\]"),
        (lambda: TensorBatches(torch.zeros(3), (torch.zeros(3), [1, 2])), r"\[2, 3\]"),
        (lambda: TensorBatches(torch.zeros(0), torch.zeros(0)), "no samples"),
        (lambda: TensorBatches(torch.zeros(()), torch.zeros(1)), "row per sample"),
        (lambda: TensorBatches("images", torch.zeros(4)), "got str"),
        (lambda: numbers(5, batch_size=0), "starts at 1"),
        (lambda: numbers(5, batch_size=6, drop_last=True), "drop_last=False"),
        (lambda: numbers(5).shard(2, 2), "rank"),
        (lambda: numbers(1, batch_size=8).shard(0, 2), "do not feed 2 processes"),
        (lambda: numbers(1, batch_size=8).shard(1, 2, even=False), "do not feed 2 processes"),
    ],
)
def test_refuses_what_makes_no_batches(make, message):
    with pytest.raises(ValueError, match=message):
        make()
