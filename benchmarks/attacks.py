"""PGD against torchattacks: the same pictures, and no slower.

Both attack a small network on X-rays of 64 x 64 pixels, ten steps from the same random start, one
batch at a time, as torchattacks leaves batches to its caller. The loss is summed here and averaged
there, so a gradient that is all but zero may have another sign: one pixel in a hundred may differ.
"""

import torch

from benchmarks.measure import Row, peer, turns
from companion.data.xrays import load_xrays
from companion.models import lenet
from companion.tasks.attacks import pgd

COUNT, BATCH, STEPS, ROUNDS = 128, 64, 10, 5
EPSILON, STEP_SIZE = 8 / 255, 2 / 255


def rows() -> list[Row]:
    torchattacks = peer("torchattacks")
    xrays = load_xrays(size=64)
    images, labels = xrays.images[:COUNT] / 255, xrays.labels[:COUNT]
    torch.manual_seed(0)
    network = lenet(2, widths=(8, 16, 32)).eval()
    attack = torchattacks.PGD(network, eps=EPSILON, alpha=STEP_SIZE, steps=STEPS, random_start=True)

    def ours():
        torch.manual_seed(1)
        parts = zip(images.split(BATCH), labels.split(BATCH), strict=True)
        settings = {"epsilon": EPSILON, "step_size": STEP_SIZE, "steps": STEPS}
        return torch.cat([pgd(network, *part, **settings) for part in parts])

    def theirs():
        torch.manual_seed(1)
        parts = zip(images.split(BATCH), labels.split(BATCH), strict=True)
        return torch.cat([attack(*part) for part in parts])

    apart = (ours() - theirs()).abs() > 1e-5
    if apart.float().mean() > 0.01:
        raise AssertionError(f"{apart.float().mean():.1%} of the pixels differ from torchattacks'")
    mine, other = turns(ours, theirs, times=ROUNDS)
    return [Row(f"PGD, {STEPS} steps, on {COUNT} X-rays", mine, "torchattacks", other, 1.05)]
