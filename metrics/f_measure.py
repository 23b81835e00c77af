"""F-measure of a map: the curve over 256 thresholds, and at one threshold of the map's own.

``F = (1 + b2) P R / (b2 P + R)`` with b2 = .3: precision counts more. Achanta et al.,
"Frequency-tuned salient region detection", CVPR 2009; equal to pysodmetrics 1.6.2.

The field reports several numbers under the name maxF. Here, as in pysodmetrics, each image has its
own curve, the curves are averaged over the images, and the maximum of that mean is max F.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from metrics.histogram import positives, stretched

BETA_SQUARED = 0.3


class FCurves(NamedTuple):
    """Curves of one image, each ``(256,)`` float64 in [0, 1]; element t is threshold t / 255."""

    precision: Tensor
    """0 where nothing is found."""
    recall: Tensor
    """0 for an empty truth."""
    f: Tensor
    """0 where precision and recall are."""


def f_curves(histogram: Tensor) -> FCurves:
    """Return precision, recall and F at each of the 256 thresholds.

    Args:
        histogram: ``(2, 256)`` int64, see `joint_histogram`.
    """
    false_positives, true_positives = positives(histogram).double()
    found = false_positives + true_positives
    precision = true_positives / found.clamp(min=1)
    recall = true_positives / histogram[1].sum().clamp(min=1)
    return FCurves(precision, recall, _f(precision, recall))


def adaptive_f(histogram: Tensor, prediction: Tensor) -> float:
    """Return F at twice the mean of the stretched map, at most 1.

    Args:
        histogram: ``(2, 256)`` int64, see `joint_histogram`.
        prediction: ``(h, w)`` uint8, the map the histogram was made of.
    """
    passed = stretched(histogram) >= adaptive_threshold(histogram, prediction)
    false_positives, true_positives = histogram[:, passed].sum(1).double()
    precision = true_positives / (false_positives + true_positives).clamp(min=1)
    recall = true_positives / histogram[1].sum().clamp(min=1)
    return float(_f(precision, recall))


def adaptive_threshold(histogram: Tensor, prediction: Tensor) -> float:
    """Return twice the mean of the stretched map, at most 1.

    Where a value of the map equals the threshold exactly, rounding alone decides on which side its
    pixels fall. There the mean is summed over the pixels in the order of numpy, as the reference
    does; such maps are rare and mostly tiny.

    Args:
        histogram: ``(2, 256)`` int64, see `joint_histogram`.
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


def _f(precision: Tensor, recall: Tensor) -> Tensor:
    denominator = BETA_SQUARED * precision + recall
    f = (1 + BETA_SQUARED) * precision * recall / denominator
    return torch.where(denominator > 0, f, 0.0)
