"""Mean absolute error of a map."""

import torch
from torch import Tensor

from metrics.histogram import stretched


def mean_absolute_error(histogram: Tensor) -> float:
    """Return the mean of ``|p - g|`` over the pixels, p stretched to [0, 1] and g 0 or 1.

    Perazzi et al., "Saliency filters", CVPR 2012; equal to pysodmetrics 1.6.2.

    Args:
        histogram: ``(2, 256)`` int64, see `joint_histogram`.

    Returns:
        A value in [0, 1]; 0 is perfect.
    """
    values = stretched(histogram)
    errors = torch.stack([values, 1 - values])
    return float((histogram * errors).sum() / histogram.sum())
