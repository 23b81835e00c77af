"""Cosine similarity of a generated set to a real one; "CLIP similarity" with CLIP's features.

MaskFactory (NeurIPS 2024, table 3) reports a CLIP similarity without its definition or code. Ours
is the mean, over the generated images, of the cosine to the nearest real image, with the mean over
all pairs beside it. Neither is theirs for certain, so the numbers do not compare with that table.

Limits: the nearest cosine grows with the number of real images and rewards copies, and a set that
repeats one good image scores as well as a varied one (see diversity). Read it at one number of
images beside the floor: at the floor, generated images are as near to the real ones as other real
ones are.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from metrics.mmd import BLOCK, require_sets


class CosineSimilarity(NamedTuple):
    """Two means of cosines in [-1, 1]."""

    nearest: float
    """Over the generated features, of the largest cosine to a real one."""
    pairwise: float
    """Over all pairs of a generated and a real feature."""


def cosine_similarity(real: Tensor, generated: Tensor) -> CosineSimilarity:
    """Return how like the real features the generated ones are.

    Args:
        real: ``(N, D)`` float, N at least 1; a feature of zeros has cosine 0 to any.
        generated: ``(M, D)`` float, M at least 1.

    Raises:
        ValueError: If the dimensions differ.
    """
    require_sets(real, generated)
    x, y = F.normalize(real.double()), F.normalize(generated.double())
    nearest = torch.cat([nearest_cosines(x, part) for part in torch.split(y, BLOCK)])
    return CosineSimilarity(nearest=float(nearest.mean()), pairwise=float(x.mean(0) @ y.mean(0)))


def nearest_cosines(real: Tensor, generated: Tensor) -> Tensor:
    """Return the largest cosine of each generated feature to a real one, ``(M,)``.

    Args:
        real: ``(N, D)`` float of length 1.
        generated: ``(M, D)`` float of length 1.
    """
    return (generated @ real.T).max(1).values
