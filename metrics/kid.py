"""Kernel inception distance (KID) of two sets of features.

Binkowski et al., "Demystifying MMD GANs", ICLR 2018: the unbiased squared MMD with the kernel
``k(x, y) = (x . y / D + 1)^3``. Unlike FID it assumes no Gaussian and has no bias in the number of
images, so it serves sets of some hundred. The published numbers are of the Inception network of
FID; here any features will do, and numbers compare only between runs with the same ones.
"""

import torch
from torch import Tensor

from metrics.feature_sets import FeatureSets
from metrics.mmd import squared_mmd
from metrics.set_comparison import SetComparison, compare_sets


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
