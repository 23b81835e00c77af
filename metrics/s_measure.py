"""S-measure: structural similarity of a map and its truth, as one object and in four quadrants.

Fan et al., "Structure-measure: a new way to evaluate foreground maps", ICCV 2017. Means, variances
and covariances are sums over pixels of equal value, so the measure is a function of the counts in
`metrics.histogram.Quadrants`. Equal to pysodmetrics 1.6.2.
"""

import numpy as np
from torch import Tensor

from metrics.histogram import Quadrants, stretched

ALPHA = 0.5
"""Share of the object in the measure; the rest is the quadrants'."""
EPSILON = 2.0**-52
"""``eps`` of the published MATLAB code."""


def s_measure(quadrants: Quadrants) -> float:
    """Return the S-measure, a value in [0, 1].

    An empty truth gives 1 minus the mean of the stretched map, a full one its mean. A quadrant
    without pixels (the centroid lies in the last row or column) counts nothing; pysodmetrics
    returns NaN there.
    """
    histogram = quadrants.histogram
    values = stretched(histogram)
    background, foreground = (float(n) for n in histogram.sum(1))
    share = foreground / (background + foreground)
    if share in (0, 1):
        mean = float((values * histogram.sum(0)).sum()) / (background + foreground)
        return mean if share else 1 - mean
    of_object = share * _object(values, histogram[1])
    of_background = (1 - share) * _object(1 - values, histogram[0])
    return max(0.0, ALPHA * (of_object + of_background) + (1 - ALPHA) * _region(quadrants, values))


def _object(values: Tensor, counts: Tensor) -> float:
    num = float(counts.sum())
    mean = float((values * counts).sum()) / num
    squares = float((counts * (values - mean) ** 2).sum())
    deviation = (squares / (num - 1)) ** 0.5 if num > 1 else 0.0
    return 2 * mean / (mean**2 + 1 + deviation + EPSILON)


def _region(quadrants: Quadrants, values: Tensor) -> float:
    (h, w), (split_y, split_x) = quadrants.size, quadrants.split
    total = 0.0
    for place, counts in enumerate(quadrants.counts):
        rows = slice(split_y, h) if place >= 2 else slice(0, split_y)
        columns = slice(split_x, w) if place % 2 else slice(0, split_x)
        num = int(counts.sum())
        if num:
            total += num / (h * w) * _similarity(values, counts, num, quadrants, (rows, columns))
    return total


def _similarity(
    values: Tensor, counts: Tensor, num: int, image: Quadrants, part: tuple[slice, slice]
) -> float:
    of_background, of_object = counts.double()  # int64 times a number would be float32
    present = counts.sum(0).nonzero().flatten()
    if len(present) == 1 and 0 in (int(of_background.sum()), int(of_object.sum())):
        return float(_constant_to_numpy(float(values[present]), image.size, part))
    y = int(of_object.sum()) / num
    x = float((values * counts.sum(0)).sum()) / num
    centred = values - x
    unbiased = num - 1 + EPSILON
    variance_x = float((counts.sum(0) * centred**2).sum()) / unbiased
    variance_y = (num * y * (1 - y)) / unbiased
    covariance = float((centred * (of_object * (1 - y) - of_background * y)).sum()) / unbiased
    alpha = 4 * x * y * covariance
    beta = (x**2 + y**2) * (variance_x + variance_y)
    return alpha / (beta + EPSILON)


def _constant_to_numpy(value: float, size: tuple[int, int], part: tuple[slice, slice]) -> bool:
    """Whether numpy's mean of a constant part of an image is that constant.

    If so the two constant parts are alike (1); if the sum has rounded, the reference sees a
    variance of 1e-33 and finds them unlike (0). Maps that use their whole range never get here with
    other values than 0 and 1, whose sums do not round.
    """
    return value in (0, 1) or float(np.mean(np.full(size, value)[part])) == value
