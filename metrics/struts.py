"""How thick the parts of a mask are, and how long its skeleton is.

Letters: h, w size of the mask; r radius of the largest disc inside the mask at a pixel.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrics.skeleton import skeleton as skeleton_of

Mask = NDArray[np.bool_]

THIN_QUANTILE = 0.1
"""What is thin: the width that a tenth of the skeleton stays below."""

_GROWTH = 1.6
# A branch into a corner of angle a is covered by the grown disc of its root where the growth is at
# least 1 / sin(a / 2): 1.42 for a right angle. The rest is room for digital lines, up to 8 % longer
# than straight ones. Corners below 77 degrees stay: they are thin parts, not ends of thick ones.
_ROUNDING = 1e-6
_DIRECTIONS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)
_STEPS = np.array([math.hypot(dy, dx) for dy, dx in _DIRECTIONS])


class StrutWidth(NamedTuple):
    """Widths along the skeleton of a mask, in pixels."""

    median: float
    thin: float
    """A tenth of the skeleton is at most this wide."""


def strut_width(mask: Mask, skeleton: Mask | None = None) -> StrutWidth:
    """Measure how thick the parts of a mask are.

    The width at a skeleton pixel is ``2 r - .5`` with r its Euclidean distance to the nearest
    background pixel, centre to centre. A straight bar of k pixels has r = (k + 1) / 2 where k is
    odd and k / 2 where it is even, so the result is k + .5 or k - .5; a line of 1 px cannot be told
    from one of 2. Pixels outside the image are background.

    Skeletons branch into every corner and bump of the outline; there r falls to 1, however solid
    the object. Such pixels do not count: those whose disc, grown 1.6-fold, lies within the grown
    disc of another skeleton pixel, by the distance along the skeleton (scale axis transform, Giesen
    et al., SoCG 2009, with geodesic instead of Euclidean distance).

    Args:
        mask: ``(h, w)`` bool.
        skeleton: ``(h, w)`` bool, `metrics.skeleton.skeleton` of the mask where it is at hand.

    Returns:
        NaN twice for an empty mask.
    """
    if skeleton is None:
        skeleton = skeleton_of(mask)
    rows, columns = np.nonzero(skeleton)
    if not len(rows):
        return StrutWidth(math.nan, math.nan)
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    inside = mask[top : top + height, left : left + width]
    radius = _radii(inside, rows - top, columns - left)
    # sorted by numpy, whose sort takes seconds to compile
    order = np.argsort(-radius, kind="stable")
    main = _main(radius, order, _neighbours(rows, columns), _STEPS, _GROWTH)
    widths = 2 * radius[main] - 0.5
    thin, median = np.quantile(widths, [THIN_QUANTILE, 0.5])
    return StrutWidth(median=float(median), thin=float(thin))


@njit(nogil=True, cache=True)
def skeleton_length(skeleton: Mask) -> float:
    """Return the length of a skeleton in pixels: 1 a straight step, sqrt(2) a diagonal one.

    A diagonal step counts only where neither pixel beside it is set, so that a staircase is not
    counted twice. A lone pixel has length 0.

    Args:
        skeleton: ``(h, w)`` bool.
    """
    height, width = skeleton.shape
    straight = 0
    diagonal = 0
    for y in range(height):
        for x in range(width):
            if not skeleton[y, x]:
                continue
            right = x + 1 < width and skeleton[y, x + 1]
            below = y + 1 < height and skeleton[y + 1, x]
            left = x > 0 and skeleton[y, x - 1]
            straight += right + below
            if y + 1 < height and not below:
                diagonal += x + 1 < width and skeleton[y + 1, x + 1] and not right
                diagonal += x > 0 and skeleton[y + 1, x - 1] and not left
    return straight + diagonal * math.sqrt(2)


@njit(nogil=True, cache=True)
def _radii(
    inside: Mask, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the Euclidean distance of some pixels to the background, ``(pixels,)``.

    Exact. A distance transform finds it for all pixels; here only the distance along the columns is
    found for all, and the search across them for those asked for.

    Args:
        inside: ``(h, w)``, the mask; background all around.
        rows: ``(pixels,)`` of pixels of the mask, as the columns.
        columns: ``(pixels,)``.
    """
    height, width = inside.shape
    along = np.zeros((height + 2, width), np.uint16)  # distance to the background in the column
    for y in range(1, height + 1):
        for x in range(width):
            along[y, x] = along[y - 1, x] + 1 if inside[y - 1, x] else 0
    for y in range(height, 0, -1):
        for x in range(width):
            along[y, x] = min(along[y, x], along[y + 1, x] + 1)
    radii = np.empty(len(rows))
    for i in range(len(rows)):
        row, column = along[rows[i] + 1], columns[i]
        nearest = int(row[column]) ** 2
        across = 1
        while across * across < nearest:
            left = int(row[column - across]) if column >= across else 0
            right = int(row[column + across]) if column + across < width else 0
            nearest = min(nearest, across * across + min(left, right) ** 2)
            across += 1
        radii[i] = math.sqrt(nearest)
    return radii


def _neighbours(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of each pixel's neighbours, -1 for none, ``(pixels, 8)``.

    Args:
        rows: ``(pixels,)``, sorted by row and then by column, as the columns.
        columns: ``(pixels,)``.
    """
    stride = int(columns.max()) + 3  # no row's end is next to the start of the following one
    places = rows * stride + columns
    found = np.empty((len(places), len(_DIRECTIONS)), np.int64)
    for direction, (dy, dx) in enumerate(_DIRECTIONS):
        wanted = places + dy * stride + dx
        at = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
        found[:, direction] = np.where(places[at] == wanted, at, -1)
    return found


@njit(nogil=True, cache=True)
def _main(
    radius: NDArray[np.float64],
    order: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    steps: NDArray[np.float64],
    growth: float,
) -> Mask:
    """Return which skeleton pixels lie in no grown disc of another, ``(pixels,)`` bool.

    Args:
        radius: ``(pixels,)``.
        order: ``(pixels,)``, the pixels by falling radius.
        neighbours: ``(pixels, 8)``, -1 for none.
        steps: ``(8,)``, distance to the neighbour in each direction.
        growth: Factor that discs are grown by.
    """
    # reach: how far the grown discs of all pixels still reach beyond a pixel; relaxed until
    # nothing changes, from the thickest pixel on, so that nearly every pixel is visited once
    reach = growth * radius
    queue = list(order)
    queued = np.ones(len(radius), np.bool_)
    first = 0
    while first < len(queue):
        i = queue[first]
        first += 1
        queued[i] = False
        for direction in range(len(steps)):
            j = neighbours[i, direction]
            beyond = reach[i] - steps[direction]
            if j >= 0 and beyond > reach[j] + _ROUNDING:
                reach[j] = beyond
                if not queued[j]:
                    queued[j] = True
                    queue.append(j)
    return reach <= growth * radius + _ROUNDING
