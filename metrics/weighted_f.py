"""Weighted F-measure: errors near the object and errors that neighbours share weigh otherwise.

Margolin, Zelnik-Manor and Tal, "How to evaluate foreground maps?", CVPR 2014, with beta = 1; equal
to pysodmetrics 1.6.2 to 1e-6. With E the absolute error of the stretched map:

- background: ``E * (2 - .5 ** (d / 5))``, d the distance to the foreground;
- foreground: ``min(E, G * E')``, G a 7 x 7 Gaussian (sigma 5, zeros outside the image), E' the
  error, but in the background that of the nearest foreground pixel.

One sweep over the rows does it all. Three facts keep it short: the Gaussian is a product of two
vectors; E' is needed only as far as it reaches, 3 px from the foreground; and the weight of the
background stays within 2e-6 of 2 from d = 96 on, where the search for the distance ends (that
moves the score by less than 1e-6, whatever the map).

Letters: h, w size of the truth; y, x a pixel; d a distance in pixels.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrics.distance import MARGIN, count_down, count_on, spread

_REACH = 3
_TAPS = 2 * _REACH + 1
_NEAR_SQUARED = 2 * _REACH**2  # a pixel in reach has a nearest foreground pixel no further off
_NEAR = 4  # floor of the square root of that
_LIMIT = 96
_STEPS = np.arange(1, 2 * _LIMIT, 2).astype(np.int16)  # differences of squares
_EPSILON = float(np.spacing(1.0))  # as in the reference

_SQUARED = np.arange(_LIMIT**2 + 1)
# 0 at distance 0, that is in the foreground, whose errors are summed apart
_WEIGHTS = np.where(_SQUARED > 0, 2 - 0.5 ** (np.sqrt(_SQUARED) / 5), 0)
_BELL = np.exp(-(np.arange(-_REACH, _REACH + 1) ** 2) / (2 * 5.0**2))
_GAUSSIAN = (_BELL / _BELL.sum()).astype(np.float32)


def weighted_f(
    prediction: NDArray[np.uint8], truth: NDArray[np.bool_], values: NDArray[np.float64]
) -> float:
    """Return the weighted F-measure of one map.

    Args:
        prediction: ``(h, w)`` uint8.
        truth: ``(h, w)`` bool, True in the foreground.
        values: ``(256,)`` float64 in [0, 1], where each value of the map lies once the map is
            stretched (`metrics.histogram.stretched`).

    Returns:
        A value in [0, 1]; 1 is perfect; 0 for a truth without foreground.

    Raises:
        ValueError: If the shapes differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(
            f"prediction and truth must be of one size, got {prediction.shape} and {truth.shape}: "
            "resize the prediction to the truth, never the truth"
        )
    num_foreground = int(np.count_nonzero(truth))
    if num_foreground == 0:
        return 0.0
    missed, false_positives = _weighted_errors(
        np.ascontiguousarray(prediction), np.ascontiguousarray(truth), values, _STEPS
    )
    true_positives = num_foreground - missed
    recall = 1 - missed / num_foreground
    precision = true_positives / (true_positives + false_positives + _EPSILON)
    return 2 * recall * precision / (recall + precision + _EPSILON)


@njit(nogil=True, cache=True)
def _weighted_errors(
    prediction: NDArray[np.uint8],
    truth: NDArray[np.bool_],
    values: NDArray[np.float64],
    steps: NDArray[np.int16],
) -> tuple[float, float]:
    """Return the sums of the weighted errors, in the foreground and in the background.

    The steps are an argument since a constant array costs a quarter of the speed: the compiler
    then unrolls the row pass.
    """
    height, width = truth.shape
    down = count_down(truth, _LIMIT)
    up = np.full(width, _LIMIT, np.uint8)
    squared = np.full(width + 2 * MARGIN, _LIMIT * _LIMIT, np.int16)
    spare = squared.copy()
    ring = np.zeros((_TAPS, width), np.float32)  # the last rows of E', blurred along x
    missed = 0.0
    false_positives = 0.0
    for y in range(height + _REACH):
        blurred = ring[y % _TAPS]
        blurred[:] = 0
        if y < height:
            count_on(truth[y], up, _LIMIT)
            if _square(up, down[y], squared) <= _REACH:
                _blur_row(_errors_near(y, prediction, truth, values, up, down[y]), blurred)
            spread(squared, spare, steps)
            false_positives += _background_sum(prediction[y], values, squared)
        center = y - _REACH
        if center >= 0 and truth[center].any():
            blurred = _blur_column(ring, y + 1)
            missed += _foreground_sum(prediction[center], truth[center], values, blurred)
    return missed, false_positives


@njit(nogil=True, cache=True)
def _square(up: NDArray[np.uint8], down: NDArray[np.uint8], squared: NDArray[np.int16]) -> int:
    """Fill in the squared distances along the columns; return the least distance."""
    inner = squared[MARGIN : MARGIN + len(up)]
    least = np.uint8(_LIMIT)
    for x in range(len(up)):
        count = min(up[x], down[x])
        least = min(least, count)
        inner[x] = np.int16(np.int16(count) * np.int16(count))
    return int(least)


@njit(nogil=True, cache=True)
def _errors_near(
    y: int,
    prediction: NDArray[np.uint8],
    truth: NDArray[np.bool_],
    values: NDArray[np.float64],
    up: NDArray[np.uint8],
    down: NDArray[np.uint8],
) -> NDArray[np.float32]:
    """Return E' of row y, with _REACH zeros at both ends; zero where it is out of reach too."""
    width = len(up)
    errors = np.zeros(width + 2 * _REACH, np.float32)
    inner = errors[_REACH : _REACH + width]
    near = np.empty(width, np.int32)
    keys = _nearest_columns(up, down)
    num_near = 0
    for x in range(width):
        inner[x] = np.float32(1 - values[prediction[y, x]]) if truth[y, x] else np.float32(0)
        near[num_near] = x
        num_near += (keys[x] < 16 * (_NEAR_SQUARED + 1)) & (keys[x] >= 16)
    for x in near[:num_near]:
        column = x + (keys[x] & 15) - _NEAR
        row = y - up[column] if up[column] <= down[column] else y + down[column]
        inner[x] = 1 - values[prediction[row, column]]
    return errors


@njit(nogil=True, cache=True)
def _nearest_columns(up: NDArray[np.uint8], down: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return 16 times the squared distance plus the column offset + _NEAR of the nearest one.

    The least key is the nearest foreground pixel and, of several, the leftmost; in its column the
    upper one is taken. That is how SciPy's distance transform, which the reference uses, decides.
    """
    width = len(up)
    counts = np.full(width + 2 * _NEAR, 16 * (_NEAR + 1) ** 2, np.int16)
    inner = counts[_NEAR : _NEAR + width]
    for x in range(width):
        count = np.int16(min(min(up[x], down[x]), np.uint8(_NEAR + 1)))
        inner[x] = np.int16(16 * np.int16(count * count))
    keys = np.full(width, np.iinfo(np.int16).max, np.int16)
    for shift in range(2 * _NEAR + 1):
        shifted = counts[shift : shift + width]
        extra = np.int16(16 * (shift - _NEAR) ** 2 + shift)
        for x in range(width):
            keys[x] = min(keys[x], np.int16(shifted[x] + extra))
    return keys


@njit(nogil=True, cache=True)
def _blur_row(errors: NDArray[np.float32], blurred: NDArray[np.float32]) -> None:
    """Add the Gaussian along x of a row with _REACH extra elements at both ends."""
    width = len(blurred)
    for tap in range(_TAPS):
        shifted = errors[tap : tap + width]
        factor = _GAUSSIAN[tap]
        for x in range(width):
            blurred[x] += factor * shifted[x]


@njit(nogil=True, cache=True)
def _blur_column(ring: NDArray[np.float32], oldest: int) -> NDArray[np.float32]:
    """Return the Gaussian along y of the rows of a ring, the oldest of them given."""
    blurred = np.zeros(ring.shape[1], np.float32)
    for tap in range(_TAPS):
        row = ring[(oldest + tap) % _TAPS]
        factor = _GAUSSIAN[tap]
        for x in range(len(blurred)):
            blurred[x] += factor * row[x]
    return blurred


# "reassoc": a sum in the order that SIMD likes; float64 leaves 1e-13 of difference
@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _foreground_sum(
    prediction: NDArray[np.uint8],
    truth: NDArray[np.bool_],
    values: NDArray[np.float64],
    blurred: NDArray[np.float32],
) -> float:
    total = 0.0
    for x in range(len(truth)):
        least = min(1 - values[prediction[x]], np.float64(blurred[x]))
        total += least if truth[x] else 0.0
    return total


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _background_sum(
    prediction: NDArray[np.uint8], values: NDArray[np.float64], squared: NDArray[np.int16]
) -> float:
    inner = squared[MARGIN : MARGIN + len(prediction)]
    total = 0.0
    for x in range(len(prediction)):
        total += values[prediction[x]] * _WEIGHTS[inner[x]]
    return total
