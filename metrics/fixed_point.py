"""Sums that do not depend on their order.

Floating-point addition is not associative: one process and two would report other last digits.
Scores are therefore rounded to multiples of 2**-40 (9e-13) and summed as integers. Counts, which
are whole already and large, are summed as they are.
"""

import torch
from torch import Tensor

STEPS_PER_UNIT = 2**40
"""Leaves room for 8 million images with scores up to 1 in 63 bits."""


def to_fixed(values: Tensor, steps: int | Tensor = STEPS_PER_UNIT) -> Tensor:
    """Return the nearest multiples of ``1 / steps``, as int64 counts of them.

    Args:
        values: Any shape, float64.
        steps: Per unit; a tensor that broadcasts where the values differ in kind.
    """
    return (values * steps).round().to(torch.int64)


def fixed_mean(total: Tensor, num: Tensor, steps: int | Tensor = STEPS_PER_UNIT) -> Tensor:
    """Return the mean of `num` values from the sum of their `to_fixed`.

    Args:
        total: Any shape, int64.
        num: ``()`` int64; 0 gives NaN.
        steps: As of `to_fixed`.

    Returns:
        Shape of `total`, float64.
    """
    return total.double() / steps / num
