"""Where the object of a mask is and how large, so that edits are the same at every resolution."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from datamodules.sample import MaskKind, Sample

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

HALF = 128
"""Least value of a pixel that is covered by half."""


class Extent(NamedTuple):
    """Place and size of an object, in pixels; see `extent_of`."""

    x: float
    """Centre of mass."""
    y: float
    size: float
    """Side of the square with the same second moments, sqrt(6 (var x + var y)); 1 at least."""
    left: float
    """Box of the pixels that are covered by half, as the centres of its outermost pixels."""
    top: float
    right: float
    bottom: float


def mask_to_edit(sample: Sample) -> Pixels:
    """Return the ``(H, W)`` mask of a sample that can be edited.

    Raises:
        ValueError: If the mask is of labels, or no pixel of it is covered by half.
    """
    if sample.mask_kind is not MaskKind.ALPHA:
        raise ValueError(
            f"sample {sample.id!r} has a {sample.mask_kind} mask; edits want alpha: one object"
        )
    mask = sample.mask.numpy()
    if mask.size == 0 or mask.max() < HALF:
        raise ValueError(
            f"sample {sample.id!r} has an empty mask (no value of {HALF} or more): leave it out"
        )
    return mask


def extent_of(mask: Pixels) -> Extent:
    """Measure the object of a mask.

    Soft coverage counts by its value, so the extent of an image of half the size is half as large
    up to a fraction of a pixel.

    Args:
        mask: ``(H, W)`` uint8 coverage with a value of 128 or more somewhere.
    """
    num, x, y, spread = _moments(mask)
    left, top, width, height = cv2.boundingRect((mask >= HALF).view(np.uint8))
    return Extent(
        x=x,
        y=y,
        size=max(1.0, math.sqrt(6 * spread / num)),
        left=float(left),
        top=float(top),
        right=float(left + width - 1),
        bottom=float(top + height - 1),
    )


@njit(nogil=True, cache=True)
def _moments(mask: Pixels) -> tuple[float, float, float, float]:
    """Return the sum of a mask, the mean of x and of y, and the sum of the squared distances.

    All but the last divisions are of integers: the same on every machine.
    """
    height, width = mask.shape
    num, sum_x, sum_y, sum_squares = 0, 0, 0, 0
    for y in range(height):
        for x in range(width):
            value = int(mask[y, x])
            num += value
            sum_x += value * x
            sum_y += value * y
            sum_squares += value * (x * x + y * y)
    spread = sum_squares - (sum_x / num) * sum_x - (sum_y / num) * sum_y
    return float(num), sum_x / num, sum_y / num, spread


@njit(nogil=True, cache=True)
def coverage(
    mask: Pixels, first: tuple[float, float], step: float, size: tuple[int, int]
) -> Floats:
    """Return how much of a mask is nearest to each node of a lattice, ``(n, m)``.

    Args:
        mask: ``(H, W)`` uint8.
        first: x, y of node (0, 0).
        step: Distance of the nodes in pixels.
        size: (n, m). Pixels beyond the lattice do not count.
    """
    rows, columns = size
    found = np.zeros((rows, columns))
    height, width = mask.shape
    for y in range(height):
        i = math.floor((y - first[1]) / step + 0.5)
        if i < 0 or i >= rows:
            continue
        for x in range(width):
            if mask[y, x]:
                j = math.floor((x - first[0]) / step + 0.5)
                if 0 <= j < columns:
                    found[i, j] += mask[y, x]
    return found
