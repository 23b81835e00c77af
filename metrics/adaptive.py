"""The adaptive threshold: one a map sets for itself, twice its mean.

Achanta et al., "Frequency-tuned salient region detection", CVPR 2009.
"""

import numpy as np
import torch
from torch import Tensor

from metrics.histogram import stretched


def found_adaptively(histogram: Tensor, prediction: Tensor) -> Tensor:
    """Count the pixels at or above the map's adaptive threshold.

    Args:
        histogram: ``(2, 256)`` int64, see `metrics.histogram`.
        prediction: ``(h, w)`` uint8, the map the histogram was made of.

    Returns:
        ``(2,)`` int64: false and true positives.
    """
    return histogram[:, stretched(histogram) >= adaptive_threshold(histogram, prediction)].sum(1)


def adaptive_threshold(histogram: Tensor, prediction: Tensor) -> float:
    """Return twice the mean of the stretched map, at most 1.

    Where a value of the map equals the threshold exactly, rounding alone decides on which side its
    pixels fall. There the mean is summed over the pixels in the order of numpy, as the reference
    does; such maps are rare and mostly tiny.

    Args:
        histogram: ``(2, 256)`` int64, see `metrics.histogram`.
        prediction: ``(h, w)`` uint8, the map the histogram was made of.
    """
    values = stretched(histogram)
    counts = histogram.sum(0)
    present = counts.nonzero().flatten()
    offset = present[0] if len(present) > 1 else torch.zeros((), dtype=torch.int64)
    steps = present - offset
    if bool((steps * counts.sum() == 2 * (steps * counts[present]).sum()).any()):
        mean = float(np.mean(values.numpy()[prediction.cpu().numpy()]))
    else:
        mean = float((values * counts).sum() / counts.sum())
    return min(2 * mean, 1.0)
