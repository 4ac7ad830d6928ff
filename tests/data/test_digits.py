import numpy as np
import torch
from sklearn.datasets import load_digits as load_sklearn_digits

from companion.data.digits import all_digits, load_digits
from companion.seeding import seed_everything


def test_holds_the_set_of_scikit_learn_with_ink_between_0_and_1():
    images, labels = all_digits()
    source = load_sklearn_digits()
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    np.testing.assert_array_equal(images.squeeze(1).numpy() * 16, source.images)
    np.testing.assert_array_equal(labels.numpy(), source.target)
    assert images.min() == 0
    assert images.max() == 1


def test_the_parts_together_are_the_set_and_every_class_is_held_out_alike():
    digits = load_digits(seed=3)
    assert len(digits.train_images) == len(digits.train_labels) == 1198
    assert len(digits.test_images) == len(digits.test_labels) == 599
    together = torch.cat([digits.train_images, digits.test_images]).flatten(1)
    everything = all_digits()[0].flatten(1)
    assert sorted(together.tolist()) == sorted(everything.tolist())
    shares = digits.test_labels.bincount() / all_digits()[1].bincount()
    torch.testing.assert_close(shares, torch.full((10,), 1 / 3), rtol=0, atol=0.005)


def test_the_seed_alone_decides_the_split():
    seed_everything(1)  # must not matter
    first = load_digits(seed=5).test_images
    seed_everything(2)
    assert torch.equal(first, load_digits(seed=5).test_images)
    assert not torch.equal(first, load_digits(seed=6).test_images)
