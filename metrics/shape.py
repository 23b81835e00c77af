"""What a mask looks like, in eight numbers: what a report sorts its images by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.complexity import complexity
from metrics.struts import strut_width
from metrics.topology import SPECK_SHARE, betti_numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Shape of one mask. Of an empty one: NaN for what it has none of, 0 for counts and area."""

    area_share: float
    """Share of the image that the mask covers, in [0, 1]."""
    components: int
    """Connected parts, specks left out, see `betti_numbers`."""
    holes: int
    strut_width: float
    """Median width along the skeleton in pixels, see `metrics.struts.strut_width`."""
    thin_strut_width: float
    """A tenth of the skeleton is at most this wide, in pixels."""
    isoperimetric: float
    """``L**2 / (4 pi A)``, see `metrics.complexity.Complexity`."""
    num_contours: int
    """Outer and inner, specks included."""
    num_dominant_points: int


def shape_of(
    mask: NDArray[np.bool_],
    skeleton: NDArray[np.bool_] | None = None,
    *,
    speck_share: float = SPECK_SHARE,
) -> Shape:
    """Measure the shape of a mask.

    Args:
        mask: ``(h, w)`` bool.
        skeleton: ``(h, w)`` bool, `metrics.skeleton.skeleton` of the mask where it is at hand.
        speck_share: See `betti_numbers`.
    """
    betti = betti_numbers(mask, speck_share=speck_share)
    width = strut_width(mask, skeleton)
    outline = complexity(mask)
    return Shape(
        area_share=int(np.count_nonzero(mask)) / mask.size,
        components=betti.components,
        holes=betti.holes,
        strut_width=width.median,
        thin_strut_width=width.thin,
        isoperimetric=outline.isoperimetric,
        num_contours=outline.num_contours,
        num_dominant_points=outline.num_dominant_points,
    )
