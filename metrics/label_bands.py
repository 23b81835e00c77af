"""Boundary bands of all labels of a map at once, for a boundary IoU per class.

The band of a label is that of its mask in `metrics.boundary_iou`: the mask without its erosion by
a square, with everything outside the image as background. A pixel survives the erosion of its own
label exactly when its whole window has that label, that is when minimum and maximum over the
window are equal; two filters serve any number of labels.

Letters: H, W size of a map; C number of labels, background included.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from metrics.confusion import VOID

Labels = NDArray[np.uint8]


def band_overlap(
    found: Labels, truth: Labels, *, num_labels: int, dilation_ratio: float = 0.02
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the pixels of each label that both bands share, and those that either has.

    Where the truth is void the prediction counts as true: no band begins at the edge of a void
    area, a map that is right elsewhere scores 1, and void pixels themselves are not counted.
    Sums over a set, divided, are the boundary IoU of each class as mIoU is of whole masks.

    Args:
        found: ``(H, W)`` labels.
        truth: ``(H, W)`` labels or `VOID`.
        num_labels: C.
        dilation_ratio: Width of the bands, in diagonals of the image (Cheng et al., CVPR 2021).

    Returns:
        ``(C,)`` int64 each.
    """
    counts = truth != VOID
    filled = np.where(counts, truth, found)
    height, width = truth.shape
    band = max(1, round(dilation_ratio * math.hypot(height, width)))
    in_found = label_band(found, band) & counts
    in_truth = label_band(filled, band) & counts
    of_found = np.bincount(found[in_found], minlength=num_labels)
    of_truth = np.bincount(filled[in_truth], minlength=num_labels)
    both = np.bincount(found[in_found & in_truth & (found == filled)], minlength=num_labels)
    return both, of_found + of_truth - both


def label_band(labels: Labels, band: int) -> NDArray[np.bool_]:
    """Return ``(H, W)`` bool: pixels at most `band` from another label or from the outside.

    Args:
        labels: ``(H, W)``.
        band: Pixels, by the largest of the two distances along rows and columns.
    """
    height, width = labels.shape
    edge = np.ones((height, width), np.bool_)
    if min(height, width) <= 2 * band:
        return edge
    window = np.ones((2 * band + 1, 2 * band + 1), np.uint8)
    inside = slice(band, height - band), slice(band, width - band)
    # the filters' own border never reaches these pixels
    edge[inside] = (cv2.erode(labels, window) != cv2.dilate(labels, window))[inside]
    return edge
