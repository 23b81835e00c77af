"""How complex an outline is: the three measures that DIS5K describes its objects with.

Qin et al., "Highly accurate dichotomous image segmentation", ECCV 2022. The paper names neither the
estimator of the length nor the tolerance of the polygon; ours are below, so compare values of this
file with one another rather than with the paper's table. Specks count, as in the paper.
Letters: h, w size of the mask; L length of the outline, A area, both in pixels.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metrics.contours import contours_of
from metrics.polygon import simplified

Mask = NDArray[np.bool_]

EPSILON = 2.0
"""Tolerance of the polygons in pixels: that of the human correction effort, of the same paper."""


class Complexity(NamedTuple):
    """Complexity of an outline; each part and each hole has a contour of its own."""

    isoperimetric: float
    """``L**2 / (4 pi A)``: 1 for a disc, 1.27 for a square, hundreds for a thin lattice.

    As measured, 1.14 to 1.38 for a square, by its angle, and .57 for a single pixel.
    """
    num_contours: int
    num_dominant_points: int
    """Vertices of the polygons that keep within `EPSILON` pixels of the contours."""


def complexity(mask: Mask) -> Complexity:
    """Measure the complexity of a mask's outline.

    The first measure does not depend on the scale, the second only where it hides or joins details;
    the third grows with the size of the image on curves (a disc of n-fold radius has about sqrt(n)
    times the points) and not on polygons.

    Args:
        mask: ``(h, w)`` bool. Outside the image is background.

    Returns:
        (NaN, 0, 0) for an empty mask.
    """
    contours, _ = contours_of(mask)
    area = int(np.count_nonzero(mask))
    length = outline_length(mask)
    return Complexity(
        isoperimetric=length**2 / (4 * math.pi * area) if area else math.nan,
        num_contours=len(contours),
        num_dominant_points=sum(len(simplified(c, EPSILON, closed=True)) for c in contours),
    )


def outline_length(mask: Mask) -> float:
    """Return the length of all contours of a mask, inner ones included, in pixels.

    By the formula of Cauchy and Crofton, on lines in four directions: half pi times the mean, over
    the directions, of the number of crossings by the distance between the lines. Right on average
    over all orientations: 5 % short for edges along an axis or a diagonal, 3 % long between (a
    chain code is up to 8 % long, and 0 for a single pixel). Equal to
    ``skimage.measure.perimeter_crofton``.

    Args:
        mask: ``(h, w)`` bool. The border of the image is an edge where the mask touches it.
    """
    padded = np.pad(mask, 1)
    straight = _changes(padded[:, 1:], padded[:, :-1]) + _changes(padded[1:], padded[:-1])
    diagonal = _changes(padded[1:, 1:], padded[:-1, :-1])
    diagonal += _changes(padded[1:, :-1], padded[:-1, 1:])
    return math.pi / 8 * (straight + diagonal / math.sqrt(2))


def _changes(mask: Mask, neighbour: Mask) -> int:
    return int(np.count_nonzero(mask != neighbour))
