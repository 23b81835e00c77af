"""How far a property of a generated set has drifted from the real one: class, area, and others.

Both distances are shares in [0, 1] that no change of units moves, so properties compare with one
another. Two halves of one set are not at 0: read them beside the floor (`compare_by`).
"""

import torch
from torch import Tensor


def kolmogorov_smirnov(real: Tensor, generated: Tensor) -> float:
    """Return the largest difference of two cumulative distributions.

    Args:
        real: ``(N,)`` float, finite, N at least 1.
        generated: ``(M,)`` float.

    Returns:
        0 for equal distributions, 1 for sets that lie apart.

    Raises:
        ValueError: If a set is empty.
    """
    _require_some(real, generated)
    values = torch.cat([real, generated]).sort().values
    shares = [
        torch.searchsorted(kept.sort().values, values, right=True).double() / len(kept)
        for kept in (real, generated)
    ]
    return float((shares[0] - shares[1]).abs().max())


def total_variation(real: Tensor, generated: Tensor) -> float:
    """Return half the sum of the differences of the shares of each class.

    Args:
        real: ``(N,)`` int64, at least 0, N at least 1.
        generated: ``(M,)`` int64.

    Returns:
        The share of images that would have to change their class, in [0, 1].

    Raises:
        ValueError: If a set is empty.
    """
    _require_some(real, generated)
    num = 1 + int(torch.cat([real, generated]).max())
    shares = [
        torch.bincount(kept, minlength=num).double() / len(kept) for kept in (real, generated)
    ]
    return float((shares[0] - shares[1]).abs().sum() / 2)


def _require_some(real: Tensor, generated: Tensor) -> None:
    if not len(real) or not len(generated):
        raise ValueError(
            f"{len(real)} real and {len(generated)} generated values have no distance: give at "
            "least one of each"
        )
