"""For each small patch that touches a gap, the known patch elsewhere that looks most like it.

Letters: h, w size of the reduced picture; r the patch's radius.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Offsets = NDArray[np.int32]

RADIUS = 2
"""r: patches of 5 x 5, the smallest that shows the direction of an edge and its two sides."""


@njit(nogil=True, cache=True)
def match(
    image: Floats,
    target: NDArray[np.bool_],
    source: NDArray[np.bool_],
    offsets: Offsets,
    rounds: int,
    seed: np.uint64,
) -> None:
    """Improve the offset of each target's patch, in place.

    Neighbours hand on their offsets, and each tries random ones at halving distances from `_REACH`
    on (Barnes et al., "PatchMatch", SIGGRAPH 2009). Far patches cost a little more than near
    ones that look the same: light and texture change over a picture.

    Args:
        image: ``(h, w, 3)`` float32 in grey levels; gaps hold the present guess.
        target: ``(h, w)`` whose patches are looked for.
        source: ``(h, w)`` the patches that may be taken: inside the picture, wholly known. At
            least one.
        offsets: ``(h, w, 2)`` y, x to add to a target; must lead to a source.
        rounds: Sweeps over the picture, alternately from either corner.
        seed: Of the random tries.
    """
    height, width = target.shape
    state = seed
    for sweep in range(rounds):
        step = 1 if sweep % 2 == 0 else -1
        for row in range(height):
            i = row if step == 1 else height - 1 - row
            for column in range(width):
                j = column if step == 1 else width - 1 - column
                if not target[i, j]:
                    continue
                y, x = i + offsets[i, j, 0], j + offsets[i, j, 1]
                best = _cost(image, i, j, y, x, np.float32(np.inf))
                for k in range(2):
                    m, n = (i - step, j) if k == 0 else (i, j - step)
                    if not (0 <= m < height and 0 <= n < width and target[m, n]):
                        continue
                    v, u = i + offsets[m, n, 0], j + offsets[m, n, 1]
                    if 0 <= v < height and 0 <= u < width and source[v, u]:
                        cost = _cost(image, i, j, v, u, best)
                        if cost < best:
                            best, y, x = cost, v, u
                reach = _REACH
                while reach >= 1:
                    state, first, second = _draw(state, 2 * reach + 1)
                    v, u = y + first - reach, x + second - reach
                    if 0 <= v < height and 0 <= u < width and source[v, u]:
                        cost = _cost(image, i, j, v, u, best)
                        if cost < best:
                            best, y, x = cost, v, u
                    reach //= 2
                offsets[i, j, 0], offsets[i, j, 1] = y - i, x - j


@njit(nogil=True, cache=True)
def vote(image: Floats, unknown: NDArray[np.bool_], offsets: Offsets) -> Floats:
    """Return the picture with each unknown pixel the mean of what its patches' matches hold.

    Args:
        image: ``(h, w, 3)`` float32.
        unknown: ``(h, w)``; all patches over these pixels are targets.
        offsets: As of `match`.
    """
    height, width = unknown.shape
    result = image.copy()
    for i in range(height):
        for j in range(width):
            if not unknown[i, j]:
                continue
            count = 0
            total = np.zeros(3, np.float32)
            for m in range(max(0, i - RADIUS), min(height, i + RADIUS + 1)):
                for n in range(max(0, j - RADIUS), min(width, j + RADIUS + 1)):
                    y, x = i + offsets[m, n, 0], j + offsets[m, n, 1]
                    for c in range(3):
                        total[c] += image[y, x, c]
                    count += 1
            for c in range(3):
                result[i, j, c] = total[c] / count
    return result


# half of the coarsest picture; in finer ones, where all has been looked through already, farther
# tries find nothing
_REACH = 16
# grey levels squared for each pixel of distance: a match across a picture of 128 must look better
# by the grain of a photo, no more
_FAR = np.float32(4.0)


@njit(nogil=True, cache=True)
def _cost(image: Floats, i: int, j: int, y: int, x: int, limit: np.float32) -> np.float32:
    """Return the sum of squared differences of two patches; stops early above the limit."""
    height, width = image.shape[:2]
    total = _FAR * np.float32(abs(y - i) + abs(x - j))
    if RADIUS <= i < height - RADIUS and RADIUS <= j < width - RADIUS:
        return _cost_inside(image, i - RADIUS, j - RADIUS, y - RADIUS, x - RADIUS, total, limit)
    for m in range(-RADIUS, RADIUS + 1):
        if not 0 <= i + m < height:
            continue
        for n in range(-RADIUS, RADIUS + 1):
            if not 0 <= j + n < width:
                continue
            for c in range(3):
                difference = image[i + m, j + n, c] - image[y + m, x + n, c]
                total += difference * difference
        if total >= limit:
            break
    return total


@njit(nogil=True, cache=True)
def _cost_inside(
    image: Floats, i: int, j: int, y: int, x: int, total: np.float32, limit: np.float32
) -> np.float32:
    """Return `total` and the squared differences of two whole patches, given by their first pixels.

    Three sums at once, as no addition then waits for the one before; in a fixed order, so that they
    are the same on every machine.
    """
    # unsigned, or each access would ask whether the index counts from the end
    left, there = np.uint64(j), np.uint64(x)
    for m in range(2 * RADIUS + 1):
        own, other = np.uint64(i + m), np.uint64(y + m)
        red, green, blue = np.float32(0), np.float32(0), np.float32(0)
        for n in range(np.uint64(2 * RADIUS + 1)):
            reds = image[own, left + n, 0] - image[other, there + n, 0]
            greens = image[own, left + n, 1] - image[other, there + n, 1]
            blues = image[own, left + n, 2] - image[other, there + n, 2]
            red += reds * reds
            green += greens * greens
            blue += blues * blues
        total += red + green + blue
        if total >= limit:
            break
    return total


@njit(nogil=True, cache=True)
def _draw(state: np.uint64, count: int) -> tuple[np.uint64, int, int]:
    """Return the next state and two numbers below `count` (splitmix64, Steele et al. 2014)."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    # products take a tenth of the time of remainders
    low, high, number = z & np.uint64(0xFFFFFFFF), z >> np.uint64(32), np.uint64(count)
    return state, int((low * number) >> np.uint64(32)), int((high * number) >> np.uint64(32))
