"""Kernel inception distance (KID) of two sets of features.

Binkowski et al., "Demystifying MMD GANs", ICLR 2018: the unbiased squared MMD with the kernel
``k(x, y) = (x . y / D + 1)^3``. Unlike FID it assumes no Gaussian and has no bias in the number of
images, so it serves sets of some hundred. The published numbers are of the Inception network of
FID; here any features will do, and numbers compare only between runs with the same ones.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from metrics.feature_sets import FeatureSets
from metrics.mmd import squared_mmd, squared_mmds
from metrics.set_comparison import SetComparison, compare_sets, random_subset


class Spread(NamedTuple):
    """Mean and standard deviation over random draws."""

    mean: float
    std: float


def cubic_kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return ``(x . y / D + 1)^3``, ``(n, m)`` for ``(n, D)`` and ``(m, D)`` float."""
    base = torch.addmm(x.new_ones(()), x, y.T, alpha=1 / x.shape[1])
    return base * base * base  # pow is several times slower


def kid(real: Tensor, generated: Tensor) -> float:
    """Return the KID over all pairs; the literature often states it times 1000.

    Args:
        real: ``(N, D)`` float, N at least 2.
        generated: ``(M, D)`` float, M at least 2.

    Returns:
        Any real value; 0 on average for two sets of one distribution, at times negative.

    Raises:
        ValueError: If a set is too small or the dimensions differ.
    """
    return squared_mmd(real, generated, cubic_kernel, unbiased=True)


def kid_of_subsets(
    real: Tensor,
    generated: Tensor,
    *,
    size: int,
    num_subsets: int,
    generator: torch.Generator,
) -> Spread:
    """Return mean and spread of the KID over random subsets, the form in which it is published.

    The spread is that of sets of `size` images; the KID over all images is less uncertain. The
    published choice is 100 subsets of 1000.

    Args:
        real: ``(N, D)`` float.
        generated: ``(M, D)`` float.
        size: Images drawn from each set, without repeats.
        num_subsets: Draws, at least 2.
        generator: On the CPU.

    Raises:
        ValueError: If a set has fewer than `size` images, or the draws are too few.
    """
    smaller = min(len(real), len(generated))
    if size > smaller or num_subsets < 2:
        raise ValueError(
            f"{num_subsets} subsets of {size} cannot be drawn from {smaller} images: give at least "
            f"2 subsets, of at most {smaller}"
        )
    first = torch.zeros(num_subsets, len(real) + len(generated), dtype=torch.bool)
    second = first.clone()
    for draw in range(num_subsets):
        first[draw, random_subset(len(real), size, generator)] = True
        second[draw, len(real) + random_subset(len(generated), size, generator)] = True
    distances = squared_mmds(
        torch.cat([real, generated]),
        cubic_kernel,
        first=first.to(real.device),
        second=second.to(real.device),
        unbiased=True,
    )
    return Spread(float(distances.mean()), float(distances.std()))


class KID(FeatureSets):
    """The KID of everything that `update` saw, with its floor."""

    def compare(self, real: Tensor, generated: Tensor, generator: torch.Generator) -> SetComparison:
        """Compare ``(N, D)`` with ``(M, D)`` float32."""
        return compare_sets(
            real,
            generated,
            cubic_kernel,
            unbiased=True,
            scale=1.0,
            num_draws=self.num_draws,
            generator=generator,
        )
