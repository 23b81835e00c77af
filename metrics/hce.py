"""Human correction effort: how many clicks it takes to correct a map.

Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022. The errors that are not
merely beside an edge (`metrics.relaxation`) are outlined. A region that touches what must be kept
is corrected by drawing that part of its outline: one click a vertex of the simplified outline
(`metrics.polygon`). Any other region is corrected as a whole: one click.

Equal to the integer to pysodmetrics 1.6.2 under OpenCV 4.12, the numbers of the literature, but
whatever OpenCV is installed: only its contours are used, whose pixels no version has changed.
"""

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrics.polygon import num_vertices
from metrics.relaxation import Image, relaxed_errors
from metrics.skeleton import skeleton as skeleton_of

Mask = NDArray[np.bool_]
Points = NDArray[np.int32]
Indices = NDArray[np.int64]


def human_correction_effort(
    found: Mask,
    truth: Mask,
    skeleton: Mask | None = None,
    *,
    relax: int = 5,
    epsilon: float = 2.0,
) -> int:
    """Return the number of clicks that correct a map.

    Args:
        found: ``(h, w)`` bool, the stretched map above .5.
        truth: ``(h, w)`` bool.
        skeleton: ``(h, w)`` bool, `metrics.skeleton.skeleton` of the truth, for whoever has kept
            it: half the time or more is spent on it. None: it is computed.
        relax: Errors within so many pixels of an edge are forgiven, at least 0.
        epsilon: Distance in pixels by which a drawn outline may be off, at least 0.

    Raises:
        ValueError: If the shapes differ.
    """
    if skeleton is None:
        skeleton = skeleton_of(truth)
    if not found.shape == truth.shape == skeleton.shape:
        raise ValueError(
            f"map, truth and skeleton must be of one size, got {found.shape}, {truth.shape} and "
            f"{skeleton.shape}: resize the map to the truth; make the skeleton of this truth"
        )
    errors = relaxed_errors(found, truth, skeleton, relax)
    return _clicks(errors.false_positives, errors.false_positive_edge, epsilon) + _clicks(
        errors.false_negatives, errors.false_negative_edge, epsilon
    )


def _clicks(errors: Image, edge: Image, epsilon: float) -> int:
    """Count the clicks for the error regions; `edge` is where lines are drawn around them."""
    contours, hierarchy = cv2.findContours(errors, cv2.RETR_TREE, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return 0
    points = np.concatenate(contours, dtype=np.int32)[:, 0]
    ends = np.cumsum([len(contour) for contour in contours], dtype=np.int64)
    parents = np.ascontiguousarray(hierarchy[0, :, 3], np.int32)
    lines, line_ends, num_whole = _lines_to_draw(points, ends, parents, edge)
    return num_vertices(lines, line_ends, epsilon) + num_whole


@njit(nogil=True, cache=True)
def _lines_to_draw(
    points: Points, ends: Indices, parents: Points, edge: Image
) -> tuple[Points, Indices, int]:
    """Cut the contours into the lines that run along the edge.

    Args:
        points: ``(n, 2)`` x, y of all contours, one after the other.
        ends: ``(k,)`` where in `points` each contour ends.
        parents: ``(k,)`` index of the contour around each one, -1 for none; before its children.
        edge: ``(h, w)`` 0 and 1. Becomes 0 where a line runs: a pixel belongs to one line only.

    Returns:
        The points of the lines, where each line ends, and how many regions have no line.
    """
    lines, line_ends = np.empty_like(points), np.empty(len(points), np.int64)
    num_points, num_lines, start = 0, 0, 0
    is_outer, is_drawn = np.empty(len(ends), np.bool_), np.zeros(len(ends), np.bool_)
    for contour in range(len(ends)):
        parent = parents[contour]
        is_outer[contour] = parent < 0 or not is_outer[parent]
        region = contour if is_outer[contour] else parent  # a hole belongs to what is around it
        first_point, first_line = num_points, num_lines
        for index in range(start, ends[contour]):
            x, y = points[index, 0], points[index, 1]
            if edge[y, x]:
                edge[y, x] = 0
                lines[num_points, 0], lines[num_points, 1] = x, y
                num_points += 1
                is_drawn[region] = True
            else:
                num_lines = _ended(line_ends, num_lines, num_points)
        num_lines = _ended(line_ends, num_lines, num_points)
        if num_lines > first_line + 1 and _are_neighbours(lines, first_point, num_points - 1):
            _join_ends(lines, line_ends, first_point, first_line, num_lines)
            num_lines -= 1
        start = ends[contour]
    num_whole = 0
    for contour in range(len(ends)):
        num_whole += is_outer[contour] and not is_drawn[contour]
    return lines[:num_points], line_ends[:num_lines], num_whole


@njit(nogil=True, cache=True)
def _ended(line_ends: Indices, num_lines: int, num_points: int) -> int:
    """End the line that is being drawn, if there is one, and return the number of lines."""
    if num_points == (line_ends[num_lines - 1] if num_lines > 0 else 0):
        return num_lines
    line_ends[num_lines] = num_points
    return num_lines + 1


@njit(nogil=True, cache=True)
def _are_neighbours(points: Points, one: int, two: int) -> bool:
    dx, dy = points[one, 0] - points[two, 0], points[one, 1] - points[two, 1]
    return abs(dx) <= 1 and abs(dy) <= 1


@njit(nogil=True, cache=True)
def _join_ends(
    points: Points, line_ends: Indices, first_point: int, first_line: int, num_lines: int
) -> None:
    """Move the first line of the last contour, reversed, behind its last line.

    Reversed is how the reference joins the two, although a contour comes back to its beginning.
    """
    last_point = line_ends[num_lines - 1]
    length = line_ends[first_line] - first_point
    moved = points[first_point : first_point + length].copy()
    for index in range(first_point, last_point - length):
        points[index, 0], points[index, 1] = points[index + length, 0], points[index + length, 1]
    for index in range(length):
        points[last_point - 1 - index, 0] = moved[index, 0]
        points[last_point - 1 - index, 1] = moved[index, 1]
    for line in range(first_line, num_lines - 2):
        line_ends[line] = line_ends[line + 1] - length
    line_ends[num_lines - 2] = last_point
