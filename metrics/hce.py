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
        first_point, first_line = num_points, num_lines
        is_open = False
        for index in range(start, ends[contour]):
            if edge[points[index, 1], points[index, 0]]:
                edge[points[index, 1], points[index, 0]] = 0
                lines[num_points] = points[index]
                num_points += 1
                is_open = True
            elif is_open:
                line_ends[num_lines] = num_points
                num_lines += 1
                is_open = False
        if is_open:
            line_ends[num_lines] = num_points
            num_lines += 1
        if num_lines > first_line:
            # a hole belongs to the region around it
            is_drawn[contour if is_outer[contour] else parent] = True
        if num_lines > first_line + 1 and _touch(lines[first_point], lines[num_points - 1]):
            _join(lines[first_point:num_points], line_ends[first_line:num_lines], first_point)
            num_lines -= 1
        start = ends[contour]
    return lines[:num_points], line_ends[:num_lines], (is_outer & ~is_drawn).sum()


@njit(nogil=True, cache=True)
def _touch(one: Points, two: Points) -> bool:
    return abs(one[0] - two[0]) <= 1 and abs(one[1] - two[1]) <= 1


@njit(nogil=True, cache=True)
def _join(points: Points, ends: Indices, offset: int) -> None:
    """Move the first line of a contour, reversed, behind the last one.

    Reversed is how the reference joins them, although the contour comes back to where it began.

    Args:
        points: ``(n, 2)`` all points of the contour's lines.
        ends: ``(k,)`` where each line ends, counted from `offset` before the contour's first point.
            The last element is not used afterwards.
        offset: See `ends`.
    """
    length = ends[0] - offset
    reversed_first = points[:length][::-1].copy()
    rest = len(points) - length
    for index in range(rest):
        points[index] = points[index + length]
    points[rest:] = reversed_first
    for line in range(len(ends) - 2):
        ends[line] = ends[line + 1] - length
    ends[len(ends) - 2] = offset + len(points)
