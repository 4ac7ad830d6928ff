"""Training with differential privacy (Abadi et al., 2016, arXiv:1607.00133), by `opacus`.

Each sample's gradient is shortened to a fixed length, the sum gets Gaussian noise, and each batch
is drawn anew with the same small chance for every sample. Then whether any single sample was in the
set changes the chance of any outcome by a factor of at most e^epsilon, but for a rest of delta.

    private = make_private(model, optimizer, inputs, targets, epsilon=3.0, delta=1e-4,
                           batch_size=256, epochs=20)
    fit(private.model, private.batches, optimizer=private.optimizer, step=private.step, epochs=20)
    model = private.finish()

The noise comes from torch's ordinary random numbers: right for an experiment, not for a release,
where it must be cryptographically secure and the seed secret. What is looked at beside the model,
such as the loss on the training set, and what was tried before, is not covered by epsilon.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from opacus import GradSampleModule
from opacus.accountants import RDPAccountant
from opacus.accountants.utils import get_noise_multiplier
from opacus.optimizers import DPOptimizer
from opacus.validators import ModuleValidator
from torch import nn
from torch.nn import functional

ORDERS = [1.1, 1.2, 1.35, 1.5, 1.75, 2, 2.5, 3, 3.5, *range(4, 33), *range(34, 65, 2)]
ORDERS += [72, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024]
"""Orders of the Renyi divergence among which the accountant takes the best."""

SMALLEST_EPSILON = 0.05
"""Below it the accountant's orders do not suffice, and the noise drowns all there is to learn."""


class PoissonBatches:
    """Batches into which every sample comes with the same chance, independently of all others.

    Their sizes vary, and a batch may be empty. The accounting of differential privacy counts on
    just this way to draw. The draws come from torch's global generator on the CPU, which `fit`
    seeds.

    Args:
        inputs: N samples.
        targets: N targets.
        batch_size: samples in a batch on average, from 1 to N.

    Raises:
        ValueError: the lengths differ, there are none, or `batch_size` is out of its range.
    """

    def __init__(self, inputs: torch.Tensor, targets: torch.Tensor, *, batch_size: int):
        if len(inputs) != len(targets) or not len(inputs):
            raise ValueError(
                f"inputs and targets need one row a sample, got {len(inputs)} and {len(targets)}"
            )
        if not 1 <= batch_size <= len(inputs):
            raise ValueError(f"batch_size must lie in 1 to {len(inputs)}, got {batch_size}")
        self.inputs, self.targets, self.batch_size = inputs, targets, batch_size
        self.rate = batch_size / len(inputs)

    def __len__(self) -> int:
        """Batches in an epoch, in which a sample is drawn once on average."""
        return max(1, round(1 / self.rate))

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Draw an epoch's batches, one by one."""
        for _ in range(len(self)):
            rows = (torch.rand(len(self.inputs)) < self.rate).nonzero().squeeze(1)
            rows = rows.to(self.inputs.device)
            yield self.inputs[rows], self.targets[rows]

    def to(self, device: torch.device | str) -> "PoissonBatches":
        """The same batches with all tensors on `device`."""
        return PoissonBatches(
            self.inputs.to(device), self.targets.to(device), batch_size=self.batch_size
        )


@dataclass(frozen=True, eq=False)
class PrivateTraining:
    """What to give to `fit`, and the account of what was spent.

    Attributes:
        model: the network, watched by opacus for each sample's gradient.
        optimizer: the optimizer; it shortens, sums and adds noise before each step.
        batches: the training set, drawn batch by batch.
        noise_multiplier: standard deviation of the noise in units of `clip`.
        delta: for which epsilon is told.
    """

    model: GradSampleModule
    optimizer: DPOptimizer
    batches: PoissonBatches
    noise_multiplier: float
    delta: float
    _accountant: RDPAccountant

    def step(
        self, model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Cross-entropy of a batch, for `fit`; an empty batch has the loss 0."""
        inputs, targets = batch
        inputs = inputs.requires_grad_(torch.is_grad_enabled())  # else torch's hooks warn
        outputs = model(inputs)
        loss = functional.cross_entropy(outputs, targets, reduction="sum")
        return loss / max(1, len(targets)), outputs, targets

    def epsilon(self) -> float:
        """What the steps made so far have cost; 0 before the first."""
        with _any_order():
            return float(self._accountant.get_epsilon(delta=self.delta, alphas=ORDERS))

    def finish(self) -> nn.Module:
        """The network itself, as it was given, without what opacus hung on it."""
        network = self.model._module
        self.model.cleanup()
        return network


def make_private(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    *,
    epsilon: float,
    delta: float,
    batch_size: int,
    epochs: int,
    clip: float = 1.0,
) -> PrivateTraining:
    """Prepare training that spends at most epsilon.

    Args:
        model: a classifier without BatchNorm, which mixes the samples of a batch.
        optimizer: made from the model's parameters.
        inputs: N samples, floating-point.
        targets: N classes, int64.
        epsilon: the budget for all epochs together, at least 0.05; 1 to 10 are common.
        delta: chance that the promise does not hold, above 0 and below 1 / N.
        batch_size: samples in a batch on average; large ones need less noise for each sample.
        epochs: how often a sample is drawn on average.
        clip: length to which longer gradients of single samples are shortened.

    Returns:
        What `fit` needs. Train for `epochs` at most: more spends more, as `epsilon()` tells.

    Raises:
        ValueError: epsilon, delta, clip, epochs or `batch_size` is out of its range, or the model
            has a layer that mixes samples.

    Example:
        >>> model = nn.Linear(4, 2)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> data = torch.zeros(1000, 4), torch.zeros(1000, dtype=torch.int64)
        >>> settings = {"delta": 1e-4, "batch_size": 100, "epochs": 5}
        >>> private = make_private(model, optimizer, *data, epsilon=2.0, **settings)
        >>> 1.5 < private.noise_multiplier < 2, private.epsilon()
        (True, 0.0)
    """
    batches = PoissonBatches(inputs, targets, batch_size=batch_size)
    if not SMALLEST_EPSILON <= epsilon < math.inf:
        raise ValueError(
            f"epsilon must be a number of at least {SMALLEST_EPSILON}, got {epsilon}: at 0 the "
            "model may not depend on the data at all, so nothing can be learnt; 1 to 10 are common"
        )
    if not 0 < delta < 1 / len(inputs):
        raise ValueError(
            f"delta must lie between 0 and 1 / {len(inputs)} samples, got {delta}: a larger one "
            "would allow to publish a whole sample"
        )
    if not 0 < clip < math.inf:
        raise ValueError(f"clip is the longest gradient, above 0, got {clip}")
    if epochs < 1:
        raise ValueError(f"epochs start at 1, got {epochs}")
    model.train()  # opacus looks at the mode
    if faults := ModuleValidator.validate(model, strict=False):
        raise ValueError(
            f"the model cannot be trained privately: {faults[0]}; build it with GroupNorm, or "
            "without normalisation"
        )
    with _any_order():
        noise = get_noise_multiplier(
            target_epsilon=epsilon,
            target_delta=delta,
            sample_rate=batches.rate,
            steps=epochs * len(batches),
            accountant="rdp",
            epsilon_tolerance=0.01 * epsilon,
            alphas=ORDERS,
        )
    watched = GradSampleModule(model, loss_reduction="mean")
    watched.forbid_grad_accumulation()
    accountant = RDPAccountant()
    private = DPOptimizer(
        optimizer,
        noise_multiplier=noise,
        max_grad_norm=clip,
        expected_batch_size=batch_size,
        loss_reduction="mean",
    )
    private.attach_step_hook(accountant.get_optimizer_hook_fn(sample_rate=batches.rate))
    return PrivateTraining(watched, private, batches, noise, delta, accountant)


@contextmanager
def _any_order() -> Iterator[None]:
    """Where the best order is the first or last one, opacus warns that epsilon may be less still.

    It is then a true bound, only not the lowest. The search for the noise passes such places.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Optimal order is the", category=UserWarning)
        yield
