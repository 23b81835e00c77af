"""CLIP maximum mean discrepancy (CMMD) of two sets of features.

Jayasumana et al., "Rethinking FID", CVPR 2024: 1000 times the squared MMD with the kernel
``exp(-|x - y|^2 / (2 * 10^2))`` on features of length 1. The published numbers are of CLIP ViT-L/14
at 336 px; here any features will do, and numbers compare only between runs with the same ones.

The official code takes the biased estimator. It exceeds the unbiased one by
``1000 * ((1 - u_x) / N + (1 - u_y) / M)`` where u is the mean kernel between different features of
a set: nothing for 30,000 images, but for some hundred it can be the larger part of the number. A
comparison at one size with the real set's own halves (`metrics.set_comparison`) takes it out.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from metrics.feature_sets import FeatureSets
from metrics.mmd import squared_mmd
from metrics.set_comparison import SetComparison, compare_sets

SIGMA = 10.0
"""Bandwidth; far above the largest distance of 2, so that the kernel is nearly a parabola."""
SCALE = 1000.0
"""Makes numbers of about 1."""


def gaussian_kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return ``exp(-|x - y|^2 / (2 * 10^2))``, ``(n, m)`` for ``(n, D)`` and ``(m, D)`` float."""
    gamma = 1 / (2 * SIGMA**2)
    lengths = -gamma * (x.square().sum(1)[:, None] + y.square().sum(1))
    return torch.addmm(lengths, x, y.T, alpha=2 * gamma).exp_()


def cmmd(real: Tensor, generated: Tensor, *, unbiased: bool = False) -> float:
    """Return the CMMD over all pairs.

    Args:
        real: ``(N, D)`` float, scaled to length 1 here; a feature of zeros stays as it is.
        generated: ``(M, D)`` float.
        unbiased: Whether pairs of a feature with itself are left out. False is published.

    Returns:
        A value from 0 (to a few units) up; unbiased it may fall below 0.

    Raises:
        ValueError: If a set is too small or the dimensions differ.
    """
    x, y = unit(real), unit(generated)
    return SCALE * squared_mmd(x, y, gaussian_kernel, unbiased=unbiased)


def unit(features: Tensor) -> Tensor:
    """Return ``(N, D)`` float64 features of length 1; those of zeros stay as they are."""
    return F.normalize(features.double())


class CMMD(FeatureSets):
    """The CMMD (biased, as published) of everything that `update` saw, with its floor."""

    def compare(self, real: Tensor, generated: Tensor, generator: torch.Generator) -> SetComparison:
        """Compare ``(N, D)`` with ``(M, D)`` float32."""
        return compare_sets(
            unit(real),
            unit(generated),
            gaussian_kernel,
            unbiased=False,
            scale=SCALE,
            num_draws=self.num_draws,
            generator=generator,
        )
