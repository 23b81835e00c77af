"""The joint histogram of a map and its truth, of which MAE, F, E, S, IoU and Dice are functions.

A map has 256 values and a truth has two, so 512 counts hold all that pixelwise metrics need, and
four times as many hold the S-measure's quadrants too: every pixel is read once.

Letters: h, w size of the truth; v a value of the map before it is stretched; t a threshold.
"""

from typing import NamedTuple

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

FOREGROUND_ABOVE = 128
"""A truth's pixel is foreground above this value, as in pysodmetrics (``gt > 128``)."""
HALF = 0.5
"""A stretched map's pixel is object above this value wherever a map must be binary."""


class Quadrants(NamedTuple):
    """Counts of an image in four parts that meet at the centroid of its truth."""

    counts: Tensor
    """``(4, 2, 256)`` int64 on the CPU: left top, right top, left bottom, right bottom; background
    and foreground; map value. Its sum over the first axis is the joint histogram."""
    size: tuple[int, int]
    """(h, w)."""
    split: tuple[int, int]
    """Rows above and columns left of the cut: the rounded centroid plus 1."""

    @property
    def histogram(self) -> Tensor:
        """``(2, 256)`` int64: counts of each map value in the background and the foreground."""
        return self.counts.sum(0)


def without_ignored(prediction: Tensor, truth: Tensor, weight: Tensor | None) -> Tensor:
    """Give the prediction the truth's own value where the weight is 0, so that no error is left.

    Args:
        prediction: ``(h, w)`` uint8.
        truth: ``(h, w)`` uint8.
        weight: ``(h, w)`` uint8. None: every pixel counts.

    Returns:
        ``(h, w)`` uint8; where ignored, 255 in the foreground and 0 elsewhere.
    """
    if weight is None:
        return prediction
    exact = (truth > FOREGROUND_ABOVE).to(torch.uint8) * 255
    return torch.where(weight == 0, exact, prediction)


def joint_histogram(prediction: Tensor, truth: Tensor) -> Quadrants:
    """Count the pixels of each map value, in background and foreground, in each quadrant.

    Args:
        prediction: ``(h, w)`` uint8.
        truth: ``(h, w)`` uint8, foreground above 128.

    Returns:
        The same counts wherever the arguments are.

    Raises:
        ValueError: If the shapes or dtypes differ.
    """
    if prediction.shape != truth.shape or {prediction.dtype, truth.dtype} != {torch.uint8}:
        raise ValueError(
            f"prediction and truth must be uint8 of one size, got {prediction.dtype} of "
            f"{tuple(prediction.shape)} and {truth.dtype} of {tuple(truth.shape)}: "
            "resize the prediction to the truth, never the truth"
        )
    size = (truth.shape[0], truth.shape[1])
    if truth.device.type == "cpu":
        plane = truth.contiguous().numpy()
        split = _split(size, *(int(n) for n in _moments(plane)))
        counts = _count(prediction.contiguous().numpy(), plane, *split).sum(0)
        return Quadrants(torch.from_numpy(counts.reshape(4, 2, 256)), size, split)
    return _on_device(prediction, truth, size)


def stretched(histogram: Tensor) -> Tensor:
    """Return where each map value lies once the map is stretched from its minimum to its maximum.

    Constant maps are divided by 255 only. The order of the float64 operations is that of
    pysodmetrics 1.6.2 (``prepare_data``), since the next step is a floor.

    Args:
        histogram: ``(2, 256)`` int64.

    Returns:
        ``(256,)`` float64 in [0, 1] for values that occur; the others mean nothing.
    """
    values = torch.arange(256, dtype=torch.float64) / 255
    present = values[histogram.sum(0) > 0]
    low, high = present.min(), present.max()
    return values if low == high else (values - low) / (high - low)


def positives(histogram: Tensor) -> Tensor:
    """Count the pixels at or above each of the 256 thresholds of the stretched map.

    Args:
        histogram: ``(2, 256)`` int64.

    Returns:
        ``(2, 256)`` int64: false positives (row 0) and true positives (row 1) for t = 0..255.
    """
    level = (stretched(histogram) * 255).clamp(0, 255).long()
    counts = torch.zeros_like(histogram).index_add_(1, level, histogram)
    return counts.flip(1).cumsum(1).flip(1)


def _split(size: tuple[int, int], area: int, rows: int, columns: int) -> tuple[int, int]:
    # The sums are exact integers below 2**53, so this is the centroid that numpy's mean gives;
    # both round halves to even. An empty truth is cut in its middle.
    y, x = (rows / area, columns / area) if area else (size[0] / 2, size[1] / 2)
    return round(y) + 1, round(x) + 1


@njit(nogil=True, cache=True)
def _moments(truth: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Return the number of foreground pixels and the sums of their rows and columns."""
    area, rows, columns = 0, 0, 0
    for y in range(truth.shape[0]):
        in_row, of_columns = 0, 0
        for x in range(truth.shape[1]):
            if truth[y, x] > FOREGROUND_ABOVE:
                in_row += 1
                of_columns += x
        area += in_row
        rows += in_row * y
        columns += of_columns
    return area, rows, columns


@njit(nogil=True, cache=True)
def _count(
    prediction: NDArray[np.uint8], truth: NDArray[np.uint8], split_y: int, split_x: int
) -> NDArray[np.int64]:
    """Return four shares of the counts; numpy adds them, whose sum takes seconds to compile."""
    height, width = truth.shape
    # Neighbours are mostly alike, and a counter cannot be raised again before it is stored: four
    # sets of counters, taken in turn, keep the processor busy.
    counts = np.zeros((4, 4 * 512), np.int64)
    for y in range(height):
        below = 1024 if y >= split_y else 0
        for part in range(2):
            base = below + 512 * part
            for x in range(part * min(split_x, width), width if part else min(split_x, width)):
                foreground = 256 if truth[y, x] > FOREGROUND_ABOVE else 0
                counts[x & 3, base + foreground + prediction[y, x]] += 1
    return counts


def _on_device(prediction: Tensor, truth: Tensor, size: tuple[int, int]) -> Quadrants:
    foreground = truth > FOREGROUND_ABOVE
    y, x = (torch.arange(side, device=truth.device) for side in size)
    in_rows, in_columns = foreground.sum(1), foreground.sum(0)
    sums = torch.stack([in_rows.sum(), (in_rows * y).sum(), (in_columns * x).sum()])
    split = _split(size, *(int(n) for n in sums.tolist()))
    quadrant = 2 * (y >= split[0])[:, None].to(torch.int16) + (x >= split[1]).to(torch.int16)
    # int16 holds 2047 and is counted seven times as fast as int64
    index = quadrant * 512 + foreground.to(torch.int16) * 256 + prediction
    counts = torch.bincount(index.flatten(), minlength=2048).view(4, 2, 256).cpu()
    return Quadrants(counts, size, split)
