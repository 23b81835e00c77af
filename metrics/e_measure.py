"""E-measure: how well a binary map aligns with its truth, in its pixels and in its mean.

Fan et al., "Enhanced-alignment measure for binary foreground map evaluation", IJCAI 2018. Every
pixel of one of the four kinds (found or not, object or not) has the same value, so the measure is a
function of four counts. Equal to pysodmetrics 1.6.2.
"""

import torch
from torch import Tensor

EPSILON = 2.0**-52
"""``eps`` of the published MATLAB code."""


def e_measure(found: Tensor, num_foreground: Tensor, num_pixels: int) -> Tensor:
    """Return the E-measure.

    Args:
        found: ``(2, ...)`` int64, false and true positives, for example at 256 thresholds.
        num_foreground: ``()`` int64, pixels of the object.
        num_pixels: Of the image.

    Returns:
        float64 of the shape that is left of `found`, from 0 to a little above 1: as published, the
        sum over n pixels is divided by n - 1. A single pixel, which the published code divides by
        2e-16, is divided by 1.
    """
    false_positives, true_positives = found.double()
    positive = false_positives + true_positives
    foreground = float(num_foreground)
    if foreground == 0:
        total = num_pixels - positive
    elif foreground == num_pixels:
        total = positive
    else:
        missed = foreground - true_positives
        map_mean, truth_mean = positive / num_pixels, foreground / num_pixels
        total = torch.zeros_like(positive)
        for count, of_map, of_truth in (
            (true_positives, 1 - map_mean, 1 - truth_mean),
            (false_positives, 1 - map_mean, -truth_mean),
            (missed, -map_mean, 1 - truth_mean),
            (num_pixels - positive - missed, -map_mean, -truth_mean),
        ):
            alignment = 2 * of_map * of_truth / (of_map**2 + of_truth**2 + EPSILON)
            total += count * (alignment + 1) ** 2 / 4
    return total / max(num_pixels - 1, 1)
