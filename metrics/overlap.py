"""Intersection over union, and Dice, of a binary map and its truth."""

from torch import Tensor


def iou(found: Tensor, num_foreground: Tensor) -> Tensor:
    """Return ``TP / (TP + FP + FN)`` (Jaccard), 0 for an empty truth, as pysodmetrics does.

    Args:
        found: ``(2, ...)`` int64, false and true positives, for example at 256 thresholds.
        num_foreground: ``()`` int64, pixels of the object.

    Returns:
        float64 in [0, 1] of the shape that is left of `found`.
    """
    false_positives, true_positives = found.double()
    return true_positives / (false_positives + num_foreground).clamp(min=1)


def dice(found: Tensor, num_foreground: Tensor) -> Tensor:
    """Return ``2 TP / (2 TP + FP + FN)`` (F1), 0 for an empty truth; arguments as of `iou`."""
    false_positives, true_positives = found.double()
    return 2 * true_positives / (true_positives + false_positives + num_foreground).clamp(min=1)
