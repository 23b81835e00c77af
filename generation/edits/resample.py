"""Pictures read at points between their pixels.

OpenCV's ``remap`` rounds points to 1/32 pixel, which makes steps in soft edges and drops what a
shrinking map passes over; this one does neither. All arithmetic is in a fixed order without fused
operations. Letters: H, W size of the result; C channels.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

MAX_POINTS = 4
"""Points along each side of a pixel where the picture shrinks most; beyond 4-fold it aliases."""
# a pixel as wide as 1.25 source pixels is still read at one point: two would only blur it
_SLACK = 0.25


@njit(nogil=True, cache=True)
def resampled(plane: Pixels, grid: NDArray[np.float32]) -> Pixels:
    """Return a picture read at the points of a grid.

    Args:
        plane: ``(h, w, C)`` uint8, C-contiguous.
        grid: ``(H, W, 2)`` float32 x, y in pixels of `plane`, finite.

    Returns:
        ``(H, W, C)`` uint8, rounded to the nearest.
    """
    height, width = grid.shape[:2]
    result = np.empty((height, width, plane.shape[2]), np.uint8)
    total = np.empty(plane.shape[2], np.float32)
    same_size = plane.shape[0] == height and plane.shape[1] == width
    for y in range(height):
        for x in range(width):
            if grid[y, x, 0] == x and grid[y, x, 1] == y and same_size:
                result[y, x] = plane[y, x]  # what stays costs nothing; it never shrinks
                continue
            if _is_dense(grid, y, x):
                total[:] = 0
                _add(plane, float(grid[y, x, 0]), float(grid[y, x, 1]), total)
                for c in range(len(total)):
                    result[y, x, c] = np.uint8(total[c] + np.float32(0.5))
                continue
            right_x, right_y = _step(grid, y, x, 0, 1)
            down_x, down_y = _step(grid, y, x, 1, 0)
            across = _num_points(right_x, right_y)
            along = _num_points(down_x, down_y)
            total[:] = 0
            for k in range(along):
                down = (k + 0.5) / along - 0.5
                for j in range(across):
                    right = (j + 0.5) / across - 0.5
                    at_x = grid[y, x, 0] + right * right_x + down * down_x
                    at_y = grid[y, x, 1] + right * right_y + down * down_y
                    _add(plane, at_x, at_y, total)
            for c in range(len(total)):
                mean = total[c] / np.float32(across * along) + np.float32(0.5)
                result[y, x, c] = np.uint8(min(max(mean, np.float32(0)), np.float32(255)))
    return result


@njit(nogil=True, cache=True, inline="always")
def _is_dense(grid: NDArray[np.float32], y: int, x: int) -> bool:
    """Return whether one point will do, seen from two neighbours alone; False may be wrong.

    Most pixels are read at one point: to tell them first saves a quarter of the time.
    """
    if y == 0 or x == 0:
        return False
    right_x = float(grid[y, x, 0] - grid[y, x - 1, 0])
    right_y = float(grid[y, x, 1] - grid[y, x - 1, 1])
    down_x = float(grid[y, x, 0] - grid[y - 1, x, 0])
    down_y = float(grid[y, x, 1] - grid[y - 1, x, 1])
    longest = (1.0 + _SLACK) ** 2
    return (
        right_x * right_x + right_y * right_y <= longest
        and down_x * down_x + down_y * down_y <= longest
    )


@njit(nogil=True, cache=True)
def _step(grid: NDArray[np.float32], y: int, x: int, dy: int, dx: int) -> tuple[float, float]:
    """Return the step of the grid from one pixel to the next, the shorter of those on both sides.

    At the rim of a surface one of the two leads to another surface and is long.
    """
    height, width = grid.shape[:2]
    best_x, best_y, least = 0.0, 0.0, np.inf
    for sign in (-1, 1):
        to_y, to_x = y + sign * dy, x + sign * dx
        if 0 <= to_y < height and 0 <= to_x < width:
            step_x = float(sign * (grid[to_y, to_x, 0] - grid[y, x, 0]))
            step_y = float(sign * (grid[to_y, to_x, 1] - grid[y, x, 1]))
            squared = step_x * step_x + step_y * step_y
            if squared < least:
                best_x, best_y, least = step_x, step_y, squared
    return best_x, best_y


@njit(nogil=True, cache=True)
def _num_points(step_x: float, step_y: float) -> int:
    length = math.sqrt(step_x * step_x + step_y * step_y)
    return min(max(math.ceil(length - _SLACK), 1), MAX_POINTS)


@njit(nogil=True, cache=True)
def _add(plane: Pixels, x: float, y: float, total: NDArray[np.float32]) -> None:
    """Add the picture's value at a point to `total`, ``(C,)``, limited to 0..255."""
    height, width, channels = plane.shape
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    left, top = int(x), int(y)
    x_0, x_1, x_2, x_3 = _cubic(np.float32(x - left))
    weights_y = _cubic(np.float32(y - top))
    # columns beyond the border are the outermost one
    c_0, c_1 = max(left - 1, 0), left
    c_2, c_3 = min(left + 1, width - 1), min(left + 2, width - 1)
    for c in range(channels):
        value = np.float32(0)
        for k in range(4):
            row = plane[min(max(top + k - 1, 0), height - 1)]
            line = x_0 * np.float32(row[c_0, c]) + x_1 * np.float32(row[c_1, c])
            line += x_2 * np.float32(row[c_2, c]) + x_3 * np.float32(row[c_3, c])
            value += weights_y[k] * line
        total[c] += min(max(value, np.float32(0)), np.float32(255))


@njit(nogil=True, cache=True, inline="always")
def _cubic(t: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Return the Catmull-Rom weights of the pixels at -1, 0, 1 and 2 for a point at t in [0, 1)."""
    half, one = np.float32(0.5), np.float32(1)
    s = one - t
    return (
        -half * t * s * s,
        one + half * t * t * (np.float32(3) * t - np.float32(5)),
        one + half * s * s * (np.float32(3) * s - np.float32(5)),
        -half * s * t * t,
    )
