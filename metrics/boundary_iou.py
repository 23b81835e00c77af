"""Boundary IoU: the overlap of the two masks' inner boundary bands.

Cheng, Girshick, Dollar, Berg and Kirillov, "Boundary IoU", CVPR 2021, standard binary form. A band
is the mask without its erosion by a 3 x 3 square, repeated ``max(1, round(ratio * diagonal))``
times, and pixels outside the image are background, so that an object cut by the image's border
has its band there too. The numbers are those of the authors' code, which erodes with OpenCV; here
a pixel survives when the runs of foreground through it are long enough on all sides, whatever the
width of the band.

Letters: h, w size of the truth; d width of a band in pixels.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray


def boundary_iou(
    found: NDArray[np.bool_], truth: NDArray[np.bool_], *, dilation_ratio: float = 0.02
) -> float:
    """Return the intersection of two masks' bands over their union.

    Args:
        found: ``(h, w)`` bool.
        truth: ``(h, w)`` bool.
        dilation_ratio: Width of the bands, in diagonals of the image. At .02, the default of the
            authors, a band is 41 px wide at 1600 x 1280.

    Returns:
        A value in [0, 1]; 1 is perfect. Two empty masks agree and score 1, where the authors' code
        divides by zero: it never meets them, for it scores detected instances.

    Raises:
        ValueError: If the shapes differ, or the ratio is not a finite number from 0 up.

    Example:
        >>> mask = np.ones((4, 4), np.bool_)
        >>> boundary_iou(mask, mask)
        1.0
    """
    if found.shape != truth.shape:
        raise ValueError(
            f"found and truth must be of one size, got {found.shape} and {truth.shape}: "
            "resize the prediction to the truth, never the truth"
        )
    if not (math.isfinite(dilation_ratio) and dilation_ratio >= 0):
        raise ValueError(f"dilation_ratio must be 0 or more, got {dilation_ratio}: .02 is usual")
    height, width = found.shape
    band = max(1, round(dilation_ratio * math.sqrt(height**2 + width**2)))
    intersection, union = _overlap(_bytes(found), _bytes(truth), min(band, max(height, width)))
    return intersection / union if union else 1.0


def _bytes(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(mask).view(np.uint8)


@njit(nogil=True, cache=True)
def _overlap(found: NDArray[np.uint8], truth: NDArray[np.uint8], band: int) -> tuple[int, int]:
    """Return how many pixels the two bands share, and how many they cover together."""
    height, width = truth.shape
    runs_found = np.zeros(width, np.int32)
    runs_truth = np.zeros(width, np.int32)
    inside_found = np.zeros(width, np.uint8)
    inside_truth = np.zeros(width, np.uint8)
    spare = np.zeros((2, width), np.uint8)
    intersection = 0
    union = 0
    for below in range(band, height + band):
        y = below - band
        for row in range(0 if y == 0 else below, below + 1):
            _count_runs(found, row, runs_found)
            _count_runs(truth, row, runs_truth)
        _erode_row(runs_found, band, spare, inside_found)
        _erode_row(runs_truth, band, spare, inside_truth)
        both, either = _count_bands(found[y], inside_found, truth[y], inside_truth)
        intersection += both
        union += either
    return intersection, union


@njit(nogil=True, cache=True)
def _count_runs(mask: NDArray[np.uint8], y: int, runs: NDArray[np.int32]) -> None:
    """Update how many foreground pixels of each column end at row y; none end outside."""
    if y >= len(mask):
        runs[:] = 0
        return
    row = mask[y]
    for x in range(len(runs)):
        runs[x] = np.int32(np.int32(runs[x] + 1) * np.int32(row[x]))


@njit(nogil=True, cache=True)
def _erode_row(
    runs: NDArray[np.int32], band: int, spare: NDArray[np.uint8], inside: NDArray[np.uint8]
) -> None:
    """Mark the pixels of a row that the erosion leaves, from the runs `band` rows below.

    Whether a window is all foreground follows from two windows of half its width: seven passes
    that fill SIMD registers for a window of 100.
    """
    side = 2 * band + 1
    whole, wider = spare[0], spare[1]
    any_whole = np.uint8(0)
    for x in range(len(runs)):
        whole[x] = np.uint8(runs[x] >= side)
        any_whole = np.uint8(any_whole | whole[x])
    inside[:] = 0
    if any_whole == 0 or side > len(runs):
        return
    size = 1  # whole[x]: all of the `size` columns from x on
    while size < side:
        shift = min(size, side - size)
        size += shift
        num = len(runs) - size + 1
        _both(whole[:num], whole[shift : shift + num], wider[:num])
        whole, wider = wider, whole
    for x in range(len(runs) - 2 * band):
        inside[band + x] = whole[x]


@njit(nogil=True, cache=True)
def _both(first: NDArray[np.uint8], second: NDArray[np.uint8], result: NDArray[np.uint8]) -> None:
    for x in range(len(result)):
        result[x] = first[x] & second[x]


@njit(nogil=True, cache=True)
def _count_bands(
    found: NDArray[np.uint8],
    inside_found: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    inside_truth: NDArray[np.uint8],
) -> tuple[int, int]:
    both = np.int32(0)
    either = np.int32(0)
    for x in range(len(truth)):
        in_found = found[x] ^ inside_found[x]
        in_truth = truth[x] ^ inside_truth[x]
        both = np.int32(both + np.int32(in_found & in_truth))
        either = np.int32(either + np.int32(in_found | in_truth))
    return int(both), int(either)
