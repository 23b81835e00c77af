"""Polygons with few vertices along curves of pixels: Ramer-Douglas-Peucker, the same everywhere.

The human correction effort counts the vertices that ``cv2.approxPolyDP`` leaves. OpenCV 4.13
measures the distance to a segment where 4.12 and older measure it to the line through the segment's
ends, so the metric of the literature changes with the installed version. This is our own
implementation of the older algorithm; its vertices are those of OpenCV 4.12, point for point:

1. A closed curve is cut at two points far apart: from a point to the one farthest from it, three
   times. An open curve is cut at its ends.
2. A piece is split at the point farthest from the line through its ends until none is farther than
   epsilon (Douglas and Peucker, "Algorithms for the reduction of the number of points required to
   represent a digitized line or its caricature", Cartographica 10(2), 1973).
3. One pass drops a vertex at most ``epsilon / sqrt(2)`` off the line through its neighbours, unless
   that line is horizontal or vertical or the curve turns back at the vertex.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Points = NDArray[np.int32]
Indices = NDArray[np.int64]


def simplified(points: Points, epsilon: float, *, closed: bool) -> Points:
    """Return the vertices that are left of a curve, in the order of the curve.

    Args:
        points: ``(n, 2)`` int32, coordinates below 2**20 in absolute value; n may be 0.
        epsilon: Distance in pixels that a point may have from the polygon, at least 0.
        closed: Whether the last point is joined to the first.

    Returns:
        ``(m, 2)`` int32, m at most n.

    Example:
        >>> line = np.array([[0, 0], [1, 0], [2, 1], [9, 1]], dtype=np.int32)
        >>> simplified(line, 2.0, closed=False).tolist()
        [[0, 0], [9, 1]]
    """
    stack, kept = np.empty((len(points) + 1, 2), np.int64), np.empty(len(points), np.int64)
    return points[kept[: _simplify(points, epsilon * epsilon, closed, stack, kept)]]


def num_vertices(points: Points, ends: Indices, epsilon: float) -> int:
    """Count the vertices that are left of many open curves, all together.

    Args:
        points: ``(n, 2)`` int32 as in `simplified`, one curve after the other.
        ends: ``(k,)`` int64, ascending: where in `points` each curve ends, exclusive.
        epsilon: As in `simplified`.
    """
    return int(_num_vertices(points, ends, epsilon * epsilon))


@njit(nogil=True, cache=True)
def _num_vertices(points: Points, ends: Indices, epsilon_squared: float) -> int:
    longest, start = 0, 0
    for end in ends:
        longest, start = max(longest, end - start), end
    stack, kept = np.empty((longest + 1, 2), np.int64), np.empty(longest, np.int64)
    total, start = 0, 0
    for end in ends:
        total += _simplify(points[start:end], epsilon_squared, False, stack, kept)
        start = end
    return total


@njit(nogil=True, cache=True)
def _simplify(
    points: Points, epsilon_squared: float, closed: bool, stack: Indices, kept: Indices
) -> int:
    """Write the indices of the vertices to `kept` and return their number."""
    last = len(points) - 1
    if last < 0:
        return 0
    ends_meet = points[0, 0] == points[last, 0] and points[0, 1] == points[last, 1]
    if not closed and not ends_meet:
        stack[0, 0], stack[0, 1] = 0, last
        size = _split(points, epsilon_squared, stack, 1, kept)
        kept[size] = last
        return _without_nearly_straight(points, epsilon_squared, closed, kept, size + 1)
    one, two, distance_squared = _far_apart(points, 3 if closed else 1)
    if distance_squared <= epsilon_squared:
        kept[0] = one
        return 1
    stack[0, 0], stack[0, 1] = two, one
    stack[1, 0], stack[1, 1] = one, two
    size = _split(points, epsilon_squared, stack, 2, kept)
    return _without_nearly_straight(points, epsilon_squared, closed, kept, size)


@njit(nogil=True, cache=True)
def _far_apart(points: Points, rounds: int) -> tuple[int, int, int]:
    """Return two indices and the square of their distance."""
    num_points = len(points)
    start, step, farthest = 0, 0, 0
    for _ in range(rounds):
        start = (start + step) % num_points
        farthest = 0
        for ahead in range(1, num_points):
            index = (start + ahead) % num_points
            dx, dy = points[index, 0] - points[start, 0], points[index, 1] - points[start, 1]
            if dx * dx + dy * dy > farthest:
                farthest, step = dx * dx + dy * dy, ahead
    return start, (start + step) % num_points, farthest


@njit(nogil=True, cache=True)
def _split(
    points: Points, epsilon_squared: float, stack: Indices, num_pieces: int, kept: Indices
) -> int:
    """Write the first index of each piece that is left to `kept` and return their number.

    `stack` holds the first and last index of `num_pieces` pieces, the first piece on top.
    """
    size = 0
    while num_pieces > 0:
        num_pieces -= 1
        first, last = stack[num_pieces, 0], stack[num_pieces, 1]
        x, y = points[first, 0], points[first, 1]
        dx, dy = points[last, 0] - x, points[last, 1] - y
        farthest, middle = 0, first
        index = first + 1 if first + 1 < len(points) else 0
        while index != last:
            # twice the area over the line through the ends: its length times the distance
            area = abs((points[index, 1] - y) * dx - (points[index, 0] - x) * dy)
            if area > farthest:
                farthest, middle = area, index
            index = index + 1 if index + 1 < len(points) else 0
        if float(farthest) * farthest <= epsilon_squared * (dx * dx + dy * dy):
            kept[size] = first
            size += 1
        else:
            stack[num_pieces, 0], stack[num_pieces, 1] = middle, last
            stack[num_pieces + 1, 0], stack[num_pieces + 1, 1] = first, middle
            num_pieces += 2
    return size


@njit(nogil=True, cache=True)
def _without_nearly_straight(
    points: Points, epsilon_squared: float, closed: bool, kept: Indices, num_kept: int
) -> int:
    """Drop vertices from `kept` in place and return how many stay."""
    size = num_kept
    read = 0 if closed else 1
    previous = kept[num_kept - 1 if closed else 0]
    write = read % num_kept
    vertex = kept[read % num_kept]
    read += 1
    index, end = (0, num_kept) if closed else (1, num_kept - 1)
    while index < end and size > 2:
        following = kept[read % num_kept]
        read += 1
        if _nearly_straight(points, previous, vertex, following, epsilon_squared):
            size -= 1
            kept[write] = previous = following
            vertex = kept[read % num_kept]
            read += 1
            index += 1  # the vertex after a dropped one stays
        else:
            kept[write] = previous = vertex
            vertex = following
        write = (write + 1) % num_kept
        index += 1
    if not closed:
        kept[write] = vertex
    return size


@njit(nogil=True, cache=True)
def _nearly_straight(
    points: Points, previous: int, vertex: int, following: int, epsilon_squared: float
) -> bool:
    dx = points[following, 0] - points[previous, 0]
    dy = points[following, 1] - points[previous, 1]
    x, y = points[vertex, 0] - points[previous, 0], points[vertex, 1] - points[previous, 1]
    area = float(abs(x * dy - y * dx))
    onwards = x * (dx - x) + y * (dy - y) >= 0
    return (
        dx != 0
        and dy != 0
        and onwards
        and area * area <= 0.5 * epsilon_squared * (dx * dx + dy * dy)
    )
