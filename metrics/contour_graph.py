"""A graph of points along the contours of a mask: what its structure is compared by.

Every contour is walked at an even pace, so that points do not drift with a seed of a clustering and
a deformation moves them as it moves the outline. Letters: h, w size of the mask; N points, E edges.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from metrics.contours import contours_of

LEAST_POINTS = 3
"""Fewer points along a closed curve enclose nothing."""
_LEAST_SHARE = 2
# Contours have points where an even spacing gives them 2: they then get 3, two thirds of the
# spacing apart. With less, the least numbers of many holes would use up the points of the outline.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContourGraph:
    """Points on contours, and which of them belong together."""

    points: NDArray[np.float64]
    """``(N, 2)`` xy in pixels, (0, 0) the centre of the first; contour by contour, in order."""
    contours: NDArray[np.int64]
    """``(N,)``: the contour of each point, 0 the longest."""
    edges: NDArray[np.int64]
    """``(E, 2)``: pairs of points, the lower number first, each pair once, sorted."""


def contour_graph(mask: NDArray[np.bool_], *, num_points: int, radius: float = 1.5) -> ContourGraph:
    """Space points evenly by arc length along all contours of a mask, and join the near ones.

    A contour has points in proportion to its length, at least 3. Only the longest ones have any: as
    many as there are 3 points for, and as have at least 2 by proportion; so specks and a lattice of
    small holes do not use up the points of the outline. Ask for more points to have all holes.
    The order is made to survive small deformations:

    - contours by falling length, ties from the top and then from the left;
    - the first point of a contour is its rightmost crossing with the horizontal through its
      centroid (of the curve), a place that moves as continuously as the curve does; the pixel
      that a tracer happens to start at would jump along any level edge;
    - the mask lies on the same side all along: an outline runs counterclockwise as seen, a hole
      clockwise.

    So points of the same number lie close together before and after a warp by 1.5 px (1 to 2 px in
    the median), where contours differ in length. Of contours of about the same length, as in a
    lattice, either may come first: match those by place before points are compared by number.

    Args:
        mask: ``(h, w)`` bool. Points lie on its outermost pixels, see `contours_of`.
        num_points: N, at least 3.
        radius: Points up to this many mean spacings apart are joined, over contours and across
            struts; neighbours along a contour always are. Below 2, or a straight line would also be
            joined to its second neighbours.

    Returns:
        A graph of exactly `num_points` points; none at all for an empty mask.

    Raises:
        ValueError: If there are fewer than 3 points.
    """
    if num_points < LEAST_POINTS:
        raise ValueError(f"num_points must be at least {LEAST_POINTS}, got {num_points}")
    curves = _long_ones(mask, num_points)
    if not curves:
        nothing = np.zeros((0, 2))
        return ContourGraph(
            points=nothing, contours=np.zeros(0, np.int64), edges=nothing.astype(np.int64)
        )
    lengths = np.array([curve.length for curve in curves])
    counts = _shares(lengths, num_points)
    points = np.concatenate(
        [curve.evenly(count) for curve, count in zip(curves, counts, strict=True)]
    )
    return ContourGraph(
        points=points,
        contours=np.repeat(np.arange(len(counts)), counts),
        edges=_edges(points, counts, radius * float(lengths.sum()) / num_points),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """A closed curve through the centres of pixels, beginning and ending at its start point."""

    corner: NDArray[np.int64]
    """``(2,)`` xy of the bounding box: the rest is relative to it, exact wherever the mask is."""
    vertices: NDArray[np.float64]
    arc: NDArray[np.float64]
    """Arc length from the start to each vertex."""

    @classmethod
    def through(cls, pixels: NDArray[np.int32]) -> "_Curve":
        corner = pixels.min(0).astype(np.int64)
        loop = np.concatenate([pixels, pixels[:1]]) - corner
        loop = _from_start(loop.astype(np.float64))
        steps = np.hypot(*np.diff(loop, axis=0).T)
        return cls(corner, loop, np.concatenate([[0.0], np.cumsum(steps)]))

    @property
    def length(self) -> float:
        return float(self.arc[-1])

    def evenly(self, count: int) -> NDArray[np.float64]:
        """Return `count` points, the start first, ``(count, 2)``."""
        at = np.arange(count) * (self.length / count)
        x, y = (np.interp(at, self.arc, self.vertices[:, axis]) for axis in (0, 1))
        return np.stack([x, y], axis=1) + self.corner


def _long_ones(mask: NDArray[np.bool_], num_points: int) -> list[_Curve]:
    """Return the contours that points are spent on, in their order."""
    chains, _ = contours_of(mask)
    # rounded: the order of the sums must not break ties
    lengths = [round(cv2.arcLength(chain, closed=True), 3) for chain in chains]
    places = [tuple(chain.min(0)[::-1]) for chain in chains]
    order = sorted(range(len(chains)), key=lambda i: (-lengths[i], places[i]))
    falling = np.array([lengths[i] for i in order])
    num_long = int((falling * num_points >= _LEAST_SHARE * np.cumsum(falling)).sum())
    kept = order[: min(num_long, num_points // LEAST_POINTS)]
    return [_Curve.through(chains[i]) for i in kept]


def _from_start(loop: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a closed loop ``(n + 1, 2)`` so that it begins and ends at its start point."""
    tail, head = loop[:-1], loop[1:]
    steps = np.hypot(*(head - tail).T)
    if not steps.any():  # a single pixel
        return loop
    level = float(((tail[:, 1] + head[:, 1]) / 2 * steps).sum() / steps.sum())
    above, below = tail[:, 1] - level, head[:, 1] - level
    rise = below - above
    # a level step crosses the line at its right end, if it lies on it
    part = np.where(rise == 0, head[:, 0] > tail[:, 0], -above / np.where(rise == 0, 1, rise))
    crossing = np.where(above * below <= 0, tail[:, 0] + part * (head[:, 0] - tail[:, 0]), -np.inf)
    first = int(crossing.argmax())
    start = np.array([[crossing[first], level]])
    return np.concatenate([start, head[first:], head[:first], start])


def _shares(lengths: NDArray[np.float64], num_points: int) -> NDArray[np.int64]:
    """Return how many points each contour has: at least 3, and by length."""
    lengths = np.maximum(lengths, 1)  # a single pixel has none
    counts = np.full(len(lengths), LEAST_POINTS)
    # one by one to the contour with the widest spacing: even, exact, and the same for all scales
    for _ in range(num_points - int(counts.sum())):
        counts[int((lengths / counts).argmax())] += 1
    return counts


def _edges(
    points: NDArray[np.float64], counts: NDArray[np.int64], radius: float
) -> NDArray[np.int64]:
    num = len(points)
    along = np.arange(1, num + 1)
    ends = np.cumsum(counts)
    along[ends - 1] = ends - counts  # the last point of a contour is joined to its first
    x, y = points.T
    # a little more, or rounding would decide on pairs exactly that far apart
    joined = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2 <= radius**2 * (1 + 1e-9)
    joined[np.arange(num), along] = True
    return np.argwhere(np.triu(joined | joined.T, 1)).astype(np.int64)
