"""How well a found mask fits a drawn one: overlap and boundary distance, image by image.

Overlap comes from torchmetrics, and so do the edges and their distances; distances by its exact
`scipy` engine, which is as good for large images as for small, and for oblong ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torchmetrics.functional.segmentation import dice_score, mean_iou
from torchmetrics.functional.segmentation.utils import distance_transform, mask_edges


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of N images, each 1-D and float64.

    Where nothing is drawn and nothing found, overlap is 1 and distance 0; where only one of the two
    is empty, overlap is 0 and distance infinite.

    Attributes:
        dice: twice the common area by the sum of both areas, in [0, 1].
        iou: the common area by the area of either, in [0, 1].
        surface: mean distance between the edges, of all edge pixels of both masks to the nearest of
            the other; in units of `spacing`.
        hausdorff95: 95 of 100 edge pixels are nearer than this to the other edge.
        hausdorff: the largest of these distances.
    """

    dice: torch.Tensor
    iou: torch.Tensor
    surface: torch.Tensor
    hausdorff95: torch.Tensor
    hausdorff: torch.Tensor

    def __len__(self) -> int:
        return len(self.dice)


def score(
    found: torch.Tensor, drawn: torch.Tensor, *, spacing: float | tuple[float, float] = 1.0
) -> Scores:
    """Compare found masks with drawn ones. Of several classes, compare one at a time.

    An edge pixel is one of the mask with a neighbour above, below or beside it that is not, or at
    the image's border.

    Args:
        found: N x 1 x H x W, bool.
        drawn: likewise.
        spacing: height and width of a pixel, or one number for both: millimetres, if distances are
            to be in millimetres.

    Returns:
        The scores.

    Raises:
        ValueError: masks that are not bool or differ in shape, or a spacing that is not positive.

    Example:
        >>> drawn = torch.zeros(1, 1, 9, 9, dtype=torch.bool)
        >>> drawn[..., 2:6, 2:6] = True
        >>> scores = score(drawn.roll(1, dims=3), drawn)
        >>> f"{scores.dice.item():.2f} {scores.iou.item():.2f} {scores.hausdorff.item():.0f}"
        '0.75 0.60 1'
    """
    steps = [float(step) for step in np.broadcast_to(spacing, 2)]
    if not min(steps) > 0:
        raise ValueError(f"spacing is the size of a pixel and positive, got {spacing}")
    for masks in (found, drawn):
        if masks.dtype != torch.bool or masks.ndim != 4 or masks.shape[1] != 1:
            raise ValueError(
                f"masks are bool, N x 1 x H x W, got {masks.dtype}, {tuple(masks.shape)}; "
                "of probabilities take probs >= 0.5"
            )
    if found.shape != drawn.shape:
        raise ValueError(
            f"found and drawn masks are of one size, got {tuple(found.shape)} and "
            f"{tuple(drawn.shape)}"
        )
    found, drawn = found.cpu(), drawn.cpu()
    empty = ~(found | drawn).flatten(1).any(1)
    dice = dice_score(found.long(), drawn.long(), 1, average="none")[:, 0].double()
    iou = mean_iou(found.long(), drawn.long(), num_classes=1, per_class=True)[:, 0].double()
    distances = [
        _edge_distances(*pair, steps) for pair in zip(found[:, 0], drawn[:, 0], strict=True)
    ]
    return Scores(
        dice=dice.masked_fill(empty, 1.0),
        iou=iou.masked_fill(empty, 1.0),
        surface=_of_each(np.mean, distances),
        hausdorff95=_of_each(lambda values: np.quantile(values, 0.95, method="higher"), distances),
        hausdorff=_of_each(np.max, distances),
    )


def _edge_distances(found: torch.Tensor, drawn: torch.Tensor, steps: list[float]) -> np.ndarray:
    """Distance of each edge pixel of either mask to the other's edge."""
    if not found.any() or not drawn.any():
        return np.array([0.0 if found.any() == drawn.any() else np.inf])
    edges = [edge.numpy().astype(bool) for edge in mask_edges(found, drawn)[:2]]
    far = [distance_transform(torch.from_numpy(~edge), steps, engine="scipy") for edge in edges]
    return np.concatenate([far[1][edges[0]], far[0][edges[1]]])


def _of_each(statistic: Callable[[np.ndarray], float], distances: list[np.ndarray]) -> torch.Tensor:
    return torch.tensor([float(statistic(values)) for values in distances], dtype=torch.float64)
