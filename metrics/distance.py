"""Exact distance to a set of pixels, up to a limit, in passes that fill SIMD registers.

The squared Euclidean distance separates: along the columns it is a count, and along a row it is the
erosion of the squared counts by a parabola. That erosion is a chain of steps to the two direct
neighbours that cost 1, 3, 5, ... (n steps cost n * n), and a step is a minimum of three 16-bit
numbers, done for 16 to 32 pixels at once. Any other even convex cost along the row works alike.
Huang and Mitchell, "A Euclidean distance transform using grayscale morphology decomposition",
IEEE TPAMI 1994. Both passes are compiled by numba, release the interpreter's lock and allocate
nothing in the row pass.

Letters: h, w size of the image; y a row; limit the distance at which the search ends.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

MARGIN = 2
"""Extra elements at both ends of a row buffer of `spread`, so that no step needs a branch."""


@njit(nogil=True, cache=True)
def count_down(member: NDArray[np.bool_], limit: int) -> NDArray[np.uint8]:
    """Return how many pixels below each pixel the next member of its column lies.

    Args:
        member: ``(h, w)`` bool, C-contiguous.
        limit: 1 to 255, the answer where no member is nearer.

    Returns:
        ``(h, w)`` uint8, 0 for members.
    """
    height, width = member.shape
    counts = np.empty((height, width), np.uint8)
    above = np.full(width, limit, np.uint8)
    for y in range(height - 1, -1, -1):
        count_on(member[y], above, limit)
        for x in range(width):  # as a slice it takes five times as long to compile
            counts[y, x] = above[x]
    return counts


@njit(nogil=True, cache=True)
def count_on(member: NDArray[np.bool_], counts: NDArray[np.uint8], limit: int) -> None:
    """Turn the counts of one row, in place, into those of the next one.

    Args:
        member: ``(w,)`` bool, the next row.
        counts: ``(w,)`` uint8, rows since the last member of each column.
        limit: 1 to 255, where counting ends.
    """
    top = np.uint8(limit)
    for x in range(len(counts)):
        count = counts[x]
        more = np.uint8(count + 1) if count < top else top
        counts[x] = np.uint8(0) if member[x] else more


@njit(nogil=True, cache=True)
def spread(costs: NDArray[np.int16], spare: NDArray[np.int16], steps: NDArray[np.int16]) -> None:
    """Erode a row, in place, by the convex function whose increments are `steps`.

    Element x becomes the least ``costs[z] + steps[0] + ... + steps[abs(x - z) - 1]``. Two steps
    are taken at a time, which saves memory traffic; the rest is skipped once nothing changes, since
    later steps cost more.

    Args:
        costs: ``(w + 2 * MARGIN,)`` int16. The margins hold a value that is at least the largest
            cost, and small enough for the sum with two steps to fit.
        spare: Like costs, with the same margins; the rest is overwritten.
        steps: ``(n,)`` int16, n a multiple of 4, not decreasing.
    """
    for k in range(0, len(steps), 4):
        changed = _two_steps(costs, spare, steps[k], steps[k + 1])
        changed |= _two_steps(spare, costs, steps[k + 2], steps[k + 3])
        if changed == 0:
            break


@njit(nogil=True, cache=True)
def _two_steps(
    costs: NDArray[np.int16], result: NDArray[np.int16], first: np.int16, second: np.int16
) -> np.int16:
    both = np.int16(first + second)
    width = len(costs) - 2 * MARGIN
    # slices instead of costs[x - 1]: an index that may be negative keeps the loop from SIMD
    left_2, left, middle = costs[:width], costs[1 : width + 1], costs[2 : width + 2]
    right, right_2, out = costs[3 : width + 3], costs[4 : width + 4], result[2 : width + 2]
    changed = np.int16(0)  # cast at each step: a sum of 64 bits would make the lanes as wide
    for x in range(width):
        near = np.int16(min(left[x], right[x]) + first)
        far = np.int16(min(left_2[x], right_2[x]) + both)
        best = min(middle[x], min(near, far))
        changed = np.int16(changed | (middle[x] ^ best))
        out[x] = best
    return changed
