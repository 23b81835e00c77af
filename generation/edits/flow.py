"""Smooth random velocities on a lattice, and the map that following them makes.

Letters: n, m rows and columns of the lattice.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NUM_SQUARINGS = 7
"""The flow is followed in 2**7 equal steps; none is then longer than a fraction of a lattice step,
which keeps it invertible."""
_PERIOD = 64  # nodes of noise before it repeats; more than any object has at the least scale


def noise(seed: int) -> Floats:
    """Return ``(2, 64, 64)`` independent values of mean 0 and variance 1, in (-3, 3).

    Each is a sum of three uniform numbers: nearly normal, bounded, and made without a logarithm,
    whose last bit differs between machines.
    """
    uniform = np.random.default_rng(seed).random((3, 2, _PERIOD, _PERIOD))
    return 2 * (uniform[0] + uniform[1] + uniform[2] - 1.5)


@njit(nogil=True, cache=True)
def smooth(values: Floats, first: tuple[int, int], per_node: int, size: tuple[int, int]) -> Floats:
    """Return the cubic B-spline with given coefficients on a finer lattice, ``(n, m, 2)``.

    Args:
        values: ``(2, k, k)`` coefficients, repeated periodically.
        first: Row and column of the first point, in steps of the finer lattice from value (0, 0).
        per_node: Points of the finer lattice to a step of the coarse one.
        size: (n, m).
    """
    rows, columns = size
    period = values.shape[1]
    result = np.zeros((rows, columns, 2))
    for i in range(rows):
        above = (first[0] + i) // per_node
        weights_y = _spline((first[0] + i) / per_node - above)
        for j in range(columns):
            left = (first[1] + j) // per_node
            weights_x = _spline((first[1] + j) / per_node - left)
            for c in range(2):
                total = 0.0
                for k in range(4):
                    row = (above + k - 1) % period
                    for q in range(4):
                        column = (left + q - 1) % period
                        total += weights_y[k] * weights_x[q] * values[c, row, column]
                result[i, j, c] = total
    return result


@njit(nogil=True, cache=True)
def followed(velocity: Floats) -> Floats:
    """Return how far a point goes in unit time, ``(n, m, 2)``: the exponential of a velocity field.

    By scaling and squaring: a short step, doubled `NUM_SQUARINGS` times by composition with
    itself (Arsigny et al., "A log-Euclidean framework for statistics on diffeomorphisms", MICCAI
    2006). The result for the negative velocity is its inverse.

    Args:
        velocity: ``(n, m, 2)`` x, y in lattice steps; zero on the border, so that no point leaves.
    """
    rows, columns = velocity.shape[:2]
    moved = velocity / 2.0**NUM_SQUARINGS
    for _ in range(NUM_SQUARINGS):
        before = moved.copy()
        for i in range(rows):
            for j in range(columns):
                x, y = j + before[i, j, 0], i + before[i, j, 1]
                x, y = min(max(x, 0.0), columns - 1.0), min(max(y, 0.0), rows - 1.0)
                left, top = min(int(x), columns - 2), min(int(y), rows - 2)
                right, down = x - left, y - top
                for c in range(2):
                    upper = before[top, left, c] * (1 - right) + before[top, left + 1, c] * right
                    lower = (
                        before[top + 1, left, c] * (1 - right)
                        + before[top + 1, left + 1, c] * right
                    )
                    moved[i, j, c] = before[i, j, c] + upper * (1 - down) + lower * down
    return moved


@njit(nogil=True, cache=True)
def at_pixels(
    moved: Floats, first: tuple[float, float], step: float, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the grid of a map that is known on a lattice, by cubic interpolation, ``(H, W, 2)``.

    Args:
        moved: ``(n, m, 2)`` x, y displacement in lattice steps, zero on the border.
        first: x, y of node (0, 0) in pixels.
        step: Pixels to a lattice step.
        size: (H, W). Pixels beyond the lattice stay where they are.
    """
    height, width = size
    rows, columns = moved.shape[:2]
    grid = np.empty((height, width, 2), np.float32)
    line = np.empty((columns, 2))
    for y in range(height):
        row = (y - first[1]) / step
        inside = 0 <= row <= rows - 1
        if inside:
            _between_rows(moved, row, line)
        for x in range(width):
            column = (x - first[0]) / step
            shift_x, shift_y = 0.0, 0.0
            if inside and 0 <= column <= columns - 1:
                left = min(int(column), columns - 2)
                weights = _through(column - left)
                for q in range(4):
                    j = min(max(left + q - 1, 0), columns - 1)
                    shift_x += weights[q] * line[j, 0]
                    shift_y += weights[q] * line[j, 1]
            grid[y, x, 0] = np.float32(x + shift_x * step)
            grid[y, x, 1] = np.float32(y + shift_y * step)
    return grid


@njit(nogil=True, cache=True)
def _between_rows(moved: Floats, row: float, line: Floats) -> None:
    """Write the displacement at a fractional row into `line`, ``(m, 2)``."""
    rows, columns = moved.shape[:2]
    top = min(int(row), rows - 2)
    weights = _through(row - top)
    line[:] = 0.0
    for k in range(4):
        i = min(max(top + k - 1, 0), rows - 1)
        for j in range(columns):
            line[j, 0] += weights[k] * moved[i, j, 0]
            line[j, 1] += weights[k] * moved[i, j, 1]


@njit(nogil=True, cache=True, inline="always")
def _spline(t: float) -> tuple[float, float, float, float]:
    """Return the weights of a uniform cubic B-spline at t in [0, 1)."""
    s = 1.0 - t
    return (
        s * s * s / 6.0,
        (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
        (3.0 * s * s * s - 6.0 * s * s + 4.0) / 6.0,
        t * t * t / 6.0,
    )


@njit(nogil=True, cache=True, inline="always")
def _through(t: float) -> tuple[float, float, float, float]:
    """Return the Catmull-Rom weights of the nodes at -1, 0, 1 and 2 at t in [0, 1]."""
    s = 1.0 - t
    return (
        -0.5 * t * s * s,
        1.0 + 0.5 * t * t * (3.0 * t - 5.0),
        1.0 + 0.5 * s * s * (3.0 * s - 5.0),
        -0.5 * s * t * t,
    )


def taper(positions: Floats, low: float, high: float, width: float) -> Floats:
    """Return a smooth rise from 0 at `low` to 1 and back to 0 at `high`, ``(n,)``.

    Args:
        positions: ``(n,)``.
        low: Up to here the result is 0.
        high: From here on the result is 0.
        width: Length of the rise.
    """
    to_edge = np.minimum(positions - low, high - positions) / width
    share = np.clip(to_edge, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def lattice_start(low: float, origin: float, step: float) -> int:
    """Return the number of the last node at or before `low`, counted from `origin`."""
    return math.floor((low - origin) / step)
