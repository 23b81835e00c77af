"""Squared maximum mean discrepancy (MMD) of many pairs of sets in one pass over their kernel.

Gretton et al., "A kernel two-sample test", JMLR 2012, equations 3 (unbiased) and 5 (biased)::

    MMD^2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y)

A distance between two sets means little without the distance between two halves of one of them, so
dozens of such pairs are wanted together. All of them are quadratic forms of one kernel matrix: it
is made once, block by block, and never held as a whole.
Letters: P features in all, D their dimension, R pairs of sets.
"""

from typing import Protocol

import torch
from torch import Tensor

BLOCK = 1024
"""Rows of the kernel matrix at a time: 8 KiB for each feature of the set, in float64."""


class Kernel(Protocol):
    """A positive definite function of two features, symmetric."""

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``(n, m)`` values for ``(n, D)`` and ``(m, D)``, all float64."""


def squared_mmd(x: Tensor, y: Tensor, kernel: Kernel, *, unbiased: bool) -> float:
    """Return the squared MMD of two sets over all pairs.

    Args:
        x: ``(N, D)`` float, any real value.
        y: ``(M, D)`` float.
        kernel: Compares two features.
        unbiased: Whether pairs of a feature with itself are left out. The unbiased form is 0 on
            average for sets of one distribution and therefore sometimes negative; the biased one
            is never negative, and the larger the smaller the sets are.

    Raises:
        ValueError: If a set is too small or the dimensions differ.
    """
    require_sets(x, y)
    is_x = torch.arange(len(x) + len(y), device=x.device) < len(x)
    pairs = squared_mmds(torch.cat([x, y]), kernel, first=is_x, second=~is_x, unbiased=unbiased)
    return float(pairs[0])


def squared_mmds(
    features: Tensor, kernel: Kernel, *, first: Tensor, second: Tensor, unbiased: bool
) -> Tensor:
    """Return the squared MMD of each of R pairs of subsets.

    Args:
        features: ``(P, D)`` float, any real value.
        kernel: Compares two features.
        first: ``(R, P)`` or ``(P,)`` bool, which features the first set of each pair holds.
        second: Likewise for the second set.
        unbiased: See `squared_mmd`.

    Returns:
        ``(R,)`` float64 on the CPU.

    Raises:
        ValueError: If a subset has no feature, or only one and `unbiased` is asked for.
    """
    a, b = (subsets.double().view(-1, len(features)).T for subsets in (first, second))
    num_a, num_b = a.sum(0), b.sum(0)
    smallest, needed = int(torch.cat([num_a, num_b]).min()), 2 if unbiased else 1
    if smallest < needed:
        raise ValueError(f"a set of {smallest} features has no MMD: give at least {needed}")
    within_a, within_b, between = _kernel_sums(features.double(), kernel, a, b, not unbiased)
    self_pairs = 1 if unbiased else 0
    return (
        within_a / (num_a * (num_a - self_pairs))
        + within_b / (num_b * (num_b - self_pairs))
        - 2 * between / (num_a * num_b)
    ).cpu()


def require_sets(x: Tensor, y: Tensor) -> None:
    """Require two sets of features of one dimension.

    Raises:
        ValueError: If a tensor is no ``(n, D)`` or the dimensions differ.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"features must be (N, D) and (M, D) of one extractor, got {tuple(x.shape)} and "
            f"{tuple(y.shape)}"
        )


def _kernel_sums(
    features: Tensor, kernel: Kernel, a: Tensor, b: Tensor, with_self_pairs: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``a^T K a``, ``b^T K b`` and ``a^T K b`` of each column, ``(R,)`` each.

    Only the blocks on and above the diagonal are computed. The diagonal block would count twice in
    the sum with its mirror image, so its weights are halved.

    Args:
        features: ``(P, D)`` float64.
        kernel: Compares two features.
        a: ``(P, R)`` float64, 1 for the members of the first sets.
        b: ``(P, R)`` float64.
        with_self_pairs: Whether the diagonal of K counts in the first two sums.
    """
    weights = torch.cat([a, b], dim=1)
    num_pairs = a.shape[1]
    within, between = weights.new_zeros(2 * num_pairs), weights.new_zeros(num_pairs)
    for start in range(0, len(features), BLOCK):
        rows = features[start : start + BLOCK]
        similarities = kernel(rows, features[start:])
        left, right = weights[start : start + BLOCK], weights[start:].clone()
        right[: len(rows)] /= 2
        sums = similarities @ right
        within += 2 * (left * sums).sum(0)
        between += (left * sums.roll(num_pairs, dims=1)).view(-1, 2, num_pairs).sum((0, 1))
        if not with_self_pairs:
            within -= similarities.diagonal() @ left
    return within[:num_pairs], within[num_pairs:], between
