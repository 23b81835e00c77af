"""Mean boundary accuracy: the share of right pixels near the truth's boundary, over five widths.

Cheng, Chung, Tai and Tang, "CascadePSP", CVPR 2020: in the band where a dilation and an erosion of
the truth by an ellipse differ, the share of pixels that found and truth agree on, averaged over
radii from 1 to nearly (h + w) / 300 px. The numbers are those of the authors' code.

OpenCV's ellipse of radius r, the same in all its versions, reaches ``round(sqrt(r * r - dy * dy))``
columns to each side in the row dy. In integers that is ``dy * dy + c(dx) <= r * r`` with
``c(0) = 0, c(n) = n * n - n + 1``. So one map of costs to the nearest pixel of the other kind holds
the bands of all radii, and since the increments 1, 2, 4, 6, ... of c never decrease, it is made
like a distance (`metrics.distance`), in a time that hardly depends on the radii.

Letters: h, w size of the truth; dy, dx offset in rows and columns; r a radius in pixels.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrics.distance import MARGIN, count_down, count_on, spread

_MAX_RADIUS = 170
"""The square of a larger one, and two steps of the search, would not fit into 16 bits."""


def mean_boundary_accuracy(
    found: NDArray[np.bool_], truth: NDArray[np.bool_], *, num_radii: int = 5
) -> float:
    """Return the accuracy in bands around the truth's boundary, averaged over the bands.

    Args:
        found: ``(h, w)`` bool.
        truth: ``(h, w)`` bool.
        num_radii: Number of bands, 5 in the literature.

    Returns:
        A value in [0, 1]; 1 is perfect. A truth without boundary, empty or full, has no band: the
        accuracy of the whole image stands in, where the authors' code gives NaN.

    Raises:
        ValueError: If the shapes differ, num_radii is not positive, or the image is too large.

    Example:
        >>> mask = np.eye(4, dtype=np.bool_)
        >>> mean_boundary_accuracy(mask, mask)
        1.0
    """
    if found.shape != truth.shape:
        raise ValueError(
            f"found and truth must be of one size, got {found.shape} and {truth.shape}: "
            "resize the prediction to the truth, never the truth"
        )
    if num_radii < 1:
        raise ValueError(f"num_radii must be 1 or more, got {num_radii}: 5 is usual")
    radii = band_radii(truth.shape, num_radii)
    if radii[-1] > _MAX_RADIUS:
        raise ValueError(
            f"the band of an image of {truth.shape} is {radii[-1]} px wide, {_MAX_RADIUS} are "
            "possible: score a smaller map"
        )
    right = found == truth
    # steps that reach the largest radius, and up to three more, for `spread` takes four at a time
    steps = np.maximum(2 * np.arange(-(-int(radii[-1]) // 4) * 4), 1).astype(np.int16)
    counts = np.zeros((2, num_radii), np.int64)
    for side in (truth, ~truth):
        _count_band(np.ascontiguousarray(side), right, radii, steps, counts)
    if counts[1, 0] == 0:
        return float(np.mean(right))
    return float(np.mean(counts[0] / counts[1]))


def band_radii(size: tuple[int, ...], num_radii: int) -> NDArray[np.int64]:
    """Return the radii of the bands in pixels, ``(num_radii,)`` int64, for an image's (h, w)."""
    largest = sum(size) / 300
    return np.array([1 + int((largest - 1) / num_radii * i) for i in range(num_radii)])


@njit(nogil=True, cache=True)
def _count_band(
    other: NDArray[np.bool_],
    right: NDArray[np.bool_],
    radii: NDArray[np.int64],
    steps: NDArray[np.int16],
    counts: NDArray[np.int64],
) -> None:
    """Count the pixels outside `other` from which an ellipse reaches into it.

    Args:
        other: ``(h, w)`` bool.
        right: ``(h, w)`` bool, where found and truth agree.
        radii: ``(n,)`` int64, not decreasing.
        steps: Increments of the cost along a row, for `spread`.
        counts: ``(2, n)`` int64. The right ones of each band are added to row 0, all to row 1.
    """
    height, width = other.shape
    limit = radii[-1] + 1
    down = count_down(other, limit)
    up = np.full(width, limit, np.uint8)
    costs = np.full(width + 2 * MARGIN, limit * limit, np.int16)
    spare = costs.copy()
    inner = costs[MARGIN : MARGIN + width]
    for y in range(height):
        count_on(other[y], up, limit)
        least, most = _square(up, down[y], inner)
        if least == limit or most == 0:
            continue
        spread(costs, spare, steps)
        for i in range(len(radii)):
            num_right, num = _count_cheap(inner, right[y], np.int16(radii[i] ** 2))
            counts[0, i] += num_right
            counts[1, i] += num


@njit(nogil=True, cache=True)
def _square(
    up: NDArray[np.uint8], down: NDArray[np.uint8], costs: NDArray[np.int16]
) -> tuple[int, int]:
    """Fill in the costs along the columns; return the least and the largest count of rows."""
    least = np.uint8(255)
    most = np.uint8(0)
    for x in range(len(up)):
        count = min(up[x], down[x])
        least = min(least, count)
        most = max(most, count)
        costs[x] = np.int16(np.int16(count) * np.int16(count))
    return int(least), int(most)


@njit(nogil=True, cache=True)
def _count_cheap(
    costs: NDArray[np.int16], right: NDArray[np.bool_], most: np.int16
) -> tuple[int, int]:
    """Count the pixels that cost something, but no more than `most`: the right ones, and all."""
    num_right = np.int32(0)
    num = np.int32(0)
    for x in range(len(costs)):
        inside = (costs[x] > 0) & (costs[x] <= most)
        num_right = np.int32(num_right + np.int32(inside & right[x]))
        num = np.int32(num + np.int32(inside))
    return int(num_right), int(num)
