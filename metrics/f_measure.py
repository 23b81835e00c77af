"""Precision, recall and F-measure of a map over 256 thresholds, and F at one of the map's own.

``F = (1 + b2) P R / (b2 P + R)`` with b2 = .3: precision counts more. Achanta et al.,
"Frequency-tuned salient region detection", CVPR 2009; equal to pysodmetrics 1.6.2.

The field reports several numbers under the name maxF, see `metrics.measures.VARIANTS`. Here, as in
pysodmetrics, each image has its own curve, the curves are averaged over the images, and the maximum
of that mean is max F.
"""

from typing import NamedTuple

import torch
from torch import Tensor

BETA_SQUARED = 0.3


class FCurves(NamedTuple):
    """Curves of one image, each float64 in [0, 1] of one shape."""

    precision: Tensor
    """0 where nothing is found."""
    recall: Tensor
    """0 for an empty truth."""
    f: Tensor
    """0 where precision and recall are."""


def f_curves(found: Tensor, num_foreground: Tensor) -> FCurves:
    """Return precision, recall and F.

    Args:
        found: ``(2, ...)`` int64, false and true positives, for example at 256 thresholds.
        num_foreground: ``()`` int64, pixels of the object.

    Returns:
        Curves of the shape that is left of `found`.
    """
    false_positives, true_positives = found.double()
    precision = true_positives / (false_positives + true_positives).clamp(min=1)
    recall = true_positives / num_foreground.clamp(min=1)
    return FCurves(precision, recall, f_measure(precision, recall))


def f_measure(precision: Tensor, recall: Tensor) -> Tensor:
    """Return F of precisions and recalls of one shape, 0 where both are."""
    denominator = BETA_SQUARED * precision + recall
    f = (1 + BETA_SQUARED) * precision * recall / denominator
    return torch.where(denominator > 0, f, 0.0)
