"""A sheet of texture moved in space and seen again: which point of it each pixel shows.

Letters: H, W size of the picture; n, m rows and columns of the sheet's vertices.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(nogil=True, cache=True)
def seen_points(
    source: Floats, moved: Floats, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the point of a sheet that is nearest to the camera at each pixel's centre.

    Each cell of the sheet is two triangles; those seen from behind are left out, because behind
    the sheet is the inside of the object. Interpolation is correct in perspective, so a flat sheet
    moves by an exact homography.

    Args:
        source: ``(n, m, 2)`` x, y of the vertices on the source picture, in pixels, integers at
            pixel centres.
        moved: ``(n, m, 3)`` x, y of the vertices in the new picture and their reciprocal depth,
            positive.
        size: (H, W) of the new picture.

    Returns:
        ``(H, W, 2)`` float32 x, y on the source picture, NaN where no triangle is, and ``(H, W)``
        whether one is.
    """
    height, width = size
    grid = np.full((height, width, 2), np.nan, np.float32)
    nearest = np.zeros((height, width))
    rows, columns = source.shape[:2]
    for i in range(rows - 1):
        for j in range(columns - 1):
            corners = ((i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j))
            _triangle(source, moved, corners[0], corners[1], corners[2], grid, nearest)
            _triangle(source, moved, corners[0], corners[2], corners[3], grid, nearest)
    return grid, nearest > 0


@njit(nogil=True, cache=True)
def _triangle(
    source: Floats,
    moved: Floats,
    a: tuple[int, int],
    b: tuple[int, int],
    c: tuple[int, int],
    grid: NDArray[np.float32],
    nearest: Floats,
) -> None:
    """Draw one triangle into `grid` wherever it is nearer than what is there."""
    height, width = nearest.shape
    ax, ay, aw = moved[a][0], moved[a][1], moved[a][2]
    bx, by, bw = moved[b][0], moved[b][1], moved[b][2]
    cx, cy, cw = moved[c][0], moved[c][1], moved[c][2]
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if not area > 0:
        return
    top = max(0, math.ceil(min(ay, by, cy)))
    bottom = min(height - 1, math.floor(max(ay, by, cy)))
    left = max(0, math.ceil(min(ax, bx, cx)))
    right = min(width - 1, math.floor(max(ax, bx, cx)))
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            of_b = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
            of_c = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
            of_a = 1.0 - of_b - of_c
            if of_a < -_EDGE or of_b < -_EDGE or of_c < -_EDGE:
                continue
            depth = of_a * aw + of_b * bw + of_c * cw
            if depth <= nearest[y, x]:
                continue
            nearest[y, x] = depth
            for k in range(2):
                point = of_a * aw * source[a][k] + of_b * bw * source[b][k]
                grid[y, x, k] = (point + of_c * cw * source[c][k]) / depth


# pixels on the edge between two triangles belong to both: rounding must not leave them to neither
_EDGE = 1e-7
