"""Precision, recall, density and coverage of a generated set: fidelity and variety apart.

Kynkaanniemi et al., "Improved precision and recall metric for assessing generative models",
NeurIPS 2019 (precision, recall), and Naeem et al., "Reliable fidelity and diversity metrics for
generative models", ICML 2020 (density, coverage). A set is the union of balls around its features,
each as wide as the way to the k-th nearest other feature of the set.

All four depend on the number of images, so they are read at one number beside the floor. One
outlier of the real set has a large ball, which lifts precision; density weighs that down.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from metrics.mmd import require_sets
from metrics.neighbours import distance_blocks, nearest_others

NUM_NEIGHBOURS = 5
"""Of Naeem et al.; Kynkaanniemi et al. take 3."""


class PRDC(NamedTuple):
    """The four shares; for sets of one distribution about 1 but for recall and coverage."""

    precision: float
    """Share of generated features inside the ball of at least one real feature."""
    recall: float
    """Share of real features inside the ball of at least one generated feature."""
    density: float
    """Number of real balls around a generated feature, by k; may exceed 1."""
    coverage: float
    """Share of real balls that hold at least one generated feature."""


def prdc(real: Tensor, generated: Tensor, *, k: int = NUM_NEIGHBOURS) -> PRDC:
    """Return precision, recall, density and coverage.

    Args:
        real: ``(N, D)`` float, N above k.
        generated: ``(M, D)`` float, M above k.
        k: Which neighbour a ball reaches.

    Raises:
        ValueError: If a set is too small or the dimensions differ.
    """
    require_sets(real, generated)
    real_radii = nearest_others(real, k)[0][:, -1]
    generated_radii = nearest_others(generated, k)[0][:, -1]
    num_balls = torch.zeros(len(generated), dtype=torch.int64, device=real.device)
    recalled = covered = 0
    for rows, distances in distance_blocks(real, generated):
        radii = real_radii[rows]
        num_balls += (distances < radii[:, None]).sum(0)
        recalled += int((distances < generated_radii).any(1).sum())
        covered += int((distances.min(1).values < radii).sum())
    return PRDC(
        precision=float((num_balls > 0).double().mean()),
        recall=recalled / len(real),
        density=float(num_balls.double().mean()) / k,
        coverage=covered / len(real),
    )
