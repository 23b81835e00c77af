"""Which triangle is seen at each sample: a scanline rasteriser with a depth buffer.

Rows of a triangle are walked by their exact span instead of by testing its bounding box: thin
diagonal struts are most of what we draw, and their boxes are nearly empty.

Letters: V vertices, F faces, H and W samples (pixels times samples per side).
"""

from math import ceil

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

NOTHING = -1
"""Index of a sample that shows no triangle."""


@njit(nogil=True, cache=True)
def rasterize(
    screen: Floats, faces: Ints, origin: Floats, shape: tuple[int, int], side: int
) -> Ints:
    """Return the index of the nearest triangle at every sample of a window of pixels.

    Edges shared by two triangles are cut identically, so that no sample is lost or drawn twice.

    Args:
        screen: ``(V, 3)`` x and y in pixels, and 1 / depth (0: behind the camera).
        faces: ``(F, 3)`` rows of `screen`; faces with a vertex behind the camera are left out.
        origin: ``(2,)`` whole pixels (x, y) of the window's upper left corner.
        shape: (height, width) of the window in pixels.
        side: Samples per pixel side.

    Returns:
        ``(height side, width side)`` int32 in [-1, F). Sample (i, j) lies at
        x = (j + 0.5 + `stagger` of i) / side, y = (i + 0.5) / side.
    """
    height, width = shape[0] * side, shape[1] * side
    index = np.full((height, width), NOTHING, np.int32)
    depth = np.zeros((height, width), np.float32)
    points = np.empty((3, 3))
    for face in range(len(faces)):
        for corner in range(3):
            vertex = faces[face, corner]
            points[corner, 0] = (screen[vertex, 0] - origin[0]) * side
            points[corner, 1] = (screen[vertex, 1] - origin[1]) * side
            points[corner, 2] = screen[vertex, 2]
        if points[:, 2].min() > 0:
            _fill(points, face, index, depth, side)
    return index


@njit(nogil=True, cache=True, inline="always")
def stagger(row: int, side: int) -> float:
    """Return how far a row's samples are moved, in samples: upright edges get side^2 levels."""
    return (row % side + 0.5) / side - 0.5


@njit(nogil=True, cache=True)
def coverage(index: Ints, side: int) -> NDArray[np.uint8]:
    """Return ``(H / side, W / side)`` uint8, 255 times the share of samples with a triangle."""
    height, width = index.shape[0] // side, index.shape[1] // side
    result = np.zeros((height, width), np.uint8)
    for i in range(height):
        for j in range(width):
            hits = 0
            for row in range(i * side, (i + 1) * side):
                for column in range(j * side, (j + 1) * side):
                    hits += index[row, column] != NOTHING
            result[i, j] = (hits * 255 + side * side // 2) // (side * side)
    return result


@njit(nogil=True, cache=True)
def _fill(points: Floats, face: int, index: Ints, depth: NDArray[np.float32], side: int) -> None:
    height, width = index.shape
    ax, ay, az = points[0]
    bx, by, bz = points[1]
    cx, cy, cz = points[2]
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if area == 0:
        return
    slope_x = ((bz - az) * (cy - ay) - (cz - az) * (by - ay)) / area
    slope_y = ((cz - az) * (bx - ax) - (bz - az) * (cx - ax)) / area
    first = max(0, ceil(min(ay, by, cy) - 0.5))
    last = min(height - 1, ceil(max(ay, by, cy) - 0.5) - 1)
    for row in range(first, last + 1):
        y = row + 0.5
        left, right = np.inf, -np.inf
        for k in range(3):
            x = _crossing(points, k, (k + 1) % 3, y)
            if not np.isnan(x):
                left, right = min(left, x), max(right, x)
        if left > right:
            continue
        shift = 0.5 + stagger(row, side)
        start = max(0, ceil(left - shift))
        stop = min(width, ceil(right - shift))
        base = az + slope_y * (y - ay) + slope_x * (shift - ax)
        for column in range(start, stop):
            near = np.float32(base + slope_x * column)
            if near > depth[row, column]:
                depth[row, column] = near
                index[row, column] = face


@njit(nogil=True, cache=True, inline="always")
def _crossing(points: Floats, one: int, two: int, y: float) -> float:
    """Where an edge crosses a row; NaN if it does not. The lower end belongs to the edge."""
    if points[one, 1] > points[two, 1]:  # the same order for both triangles of an edge
        one, two = two, one
    if y < points[one, 1] or y >= points[two, 1]:
        return np.nan
    share = (y - points[one, 1]) / (points[two, 1] - points[one, 1])
    return points[one, 0] + share * (points[two, 0] - points[one, 0])
