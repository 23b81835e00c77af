"""Distances between features, block by block, so that no matrix of all pairs is held.

Letters: N, M features of two sets, D their dimension.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from metrics.mmd import BLOCK


def distance_blocks(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield rows of the Euclidean distances of two sets, and which rows they are.

    Args:
        x: ``(N, D)`` float.
        y: ``(M, D)`` float.

    Yields:
        A slice of N, and ``(n, M)`` float64. By the product of the sets, so equal features are
        about 1e-8 of their length apart.
    """
    centre = y.double().mean(0)  # what all features share would only cost digits
    x, y = x.double() - centre, y.double() - centre
    for start in range(0, len(x), BLOCK):
        rows = slice(start, min(start + BLOCK, len(x)))
        yield rows, torch.cdist(x[rows], y, compute_mode="use_mm_for_euclid_dist")


def nearest_others(features: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k nearest other features of each, nearest first.

    Args:
        features: ``(N, D)`` float, N above k.
        k: At least 1.

    Returns:
        ``(N, k)`` float64 distances, and ``(N, k)`` int64 places.

    Raises:
        ValueError: If there are too few features.
    """
    if not 1 <= k < len(features):
        raise ValueError(
            f"{len(features)} features have no {k} neighbours each: give at least {k + 1}"
        )
    distances, places = [], []
    for rows, block in distance_blocks(features, features):
        num = len(block)
        block[torch.arange(num), torch.arange(rows.start, rows.stop)] = torch.inf
        nearest = block.topk(k, largest=False)
        distances.append(nearest.values)
        places.append(nearest.indices)
    return torch.cat(distances), torch.cat(places)
