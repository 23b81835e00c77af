"""Frechet inception distance (FID) of two sets of features.

Heusel et al., "GANs trained by a two time-scale update rule", NeurIPS 2017::

    FID = |m_x - m_y|^2 + tr(C_x) + tr(C_y) - 2 tr((C_x C_y)^(1/2))

with means m and covariances C (divisor n - 1): the squared 2-Wasserstein distance of two Gaussians.
It has a bias that grows as sets shrink, so it is read beside its floor at one number of images
(`metrics.set_comparison`). The published numbers are of the TensorFlow Inception and of that
code's resize; here any features will do, and numbers compare only between runs with the same ones.

The product of the covariances is not symmetric, and its general root is slow (SciPy's sqrtm) or
loses digits. With factors ``A^T A = C_x`` and ``B^T B = C_y``, the last trace is the sum of the
singular values of ``A B^T``: the roots of the eigenvalues of the symmetric
``C_x^(1/2) C_y C_x^(1/2)``. More images than dimensions have the triangle of their QR
decomposition for a factor, which needs no covariance and so squares no rounding error; fewer are
their own, smaller factor.

The time is that of the singular values of a ``min(N, D) x min(M, D)`` matrix, and grows with the
cube of its side: one core takes .04 s for 300 images of 2048 features and .5 s for 1200 of 1024, so
about 4 s at worst for 2048 features. A report of sets asks for 42 values of each set and large
group (`metrics.feature_scores`): minutes at worst, so there is no cap.
"""

import torch
from torch import Tensor

from metrics.mmd import require_sets


def fid(real: Tensor, generated: Tensor) -> float:
    """Return the FID, computed in float64.

    Args:
        real: ``(N, D)`` float, N at least 2.
        generated: ``(M, D)`` float, M at least 2.

    Returns:
        A value from 0 up, but for rounding.

    Raises:
        ValueError: If a set is too small or the dimensions differ.
    """
    require_sets(real, generated)
    if min(len(real), len(generated)) < 2:
        raise ValueError(
            f"{len(real)} and {len(generated)} features have no FID: give at least 2 of each"
        )
    x, y = real.double(), generated.double()
    a, b = _factor(x), _factor(y)
    shift = (x.mean(0) - y.mean(0)).square().sum()
    spread = a.square().sum() + b.square().sum()
    return float(shift + spread - 2 * torch.linalg.svdvals(a @ b.T).sum())


def _factor(features: Tensor) -> Tensor:
    """Return ``(min(N, D), D)`` whose product with its own transpose in front is the covariance."""
    num, dimension = features.shape
    centred = (features - features.mean(0)) / (num - 1) ** 0.5
    if num <= dimension:
        return centred
    triangle: Tensor = torch.linalg.qr(centred, mode="r").R
    return triangle
