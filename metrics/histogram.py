"""The joint histogram of a map and its truth, of which MAE and F are exact functions.

A map has 256 values and a truth has two, so 512 counts hold all that the pixelwise metrics need:
every pixel is read once. The S-measure will need the same counts for each of four quadrants: a
leading axis whose sum is the histogram made here.

Letters: h, w size of the truth; v a value of the map before it is stretched; t a threshold.
"""

import torch
from torch import Tensor

FOREGROUND_ABOVE = 128
"""A truth's pixel is foreground above this value, as in pysodmetrics (``gt > 128``)."""


def without_ignored(prediction: Tensor, truth: Tensor, weight: Tensor | None) -> Tensor:
    """Give the prediction the truth's own value where the weight is 0, so that no error is left.

    Args:
        prediction: ``(h, w)`` uint8.
        truth: ``(h, w)`` uint8.
        weight: ``(h, w)`` uint8. None: every pixel counts.

    Returns:
        ``(h, w)`` uint8; where ignored, 255 in the foreground and 0 elsewhere.
    """
    if weight is None:
        return prediction
    exact = (truth > FOREGROUND_ABOVE).to(torch.uint8) * 255
    return torch.where(weight == 0, exact, prediction)


def joint_histogram(prediction: Tensor, truth: Tensor) -> Tensor:
    """Count the pixels of each map value, in the background (row 0) and the foreground (row 1).

    Args:
        prediction: ``(h, w)`` uint8.
        truth: ``(h, w)`` uint8, foreground above 128.

    Returns:
        ``(2, 256)`` int64 on the CPU, wherever the arguments are.

    Raises:
        ValueError: If the shapes or dtypes differ.
    """
    if prediction.shape != truth.shape or {prediction.dtype, truth.dtype} != {torch.uint8}:
        raise ValueError(
            f"prediction and truth must be uint8 of one size, got {prediction.dtype} of "
            f"{tuple(prediction.shape)} and {truth.dtype} of {tuple(truth.shape)}: "
            "resize the prediction to the truth, never the truth"
        )
    # int16 holds 511 and is counted seven times as fast as int64
    index = (truth > FOREGROUND_ABOVE).to(torch.int16) * 256 + prediction
    return torch.bincount(index.flatten(), minlength=512).view(2, 256).cpu()


def stretched(histogram: Tensor) -> Tensor:
    """Return where each map value lies once the map is stretched from its minimum to its maximum.

    Constant maps are divided by 255 only. The order of the float64 operations is that of
    pysodmetrics 1.6.2 (``prepare_data``), since the next step is a floor.

    Args:
        histogram: ``(2, 256)`` int64.

    Returns:
        ``(256,)`` float64 in [0, 1] for values that occur; the others mean nothing.
    """
    values = torch.arange(256, dtype=torch.float64) / 255
    present = values[histogram.sum(0) > 0]
    low, high = present.min(), present.max()
    return values if low == high else (values - low) / (high - low)


def positives(histogram: Tensor) -> Tensor:
    """Count the pixels at or above each of the 256 thresholds of the stretched map.

    Args:
        histogram: ``(2, 256)`` int64.

    Returns:
        ``(2, 256)`` int64: false positives (row 0) and true positives (row 1) for t = 0..255.
    """
    level = (stretched(histogram) * 255).clamp(0, 255).long()
    counts = torch.zeros_like(histogram).index_add_(1, level, histogram)
    return counts.flip(1).cumsum(1).flip(1)
