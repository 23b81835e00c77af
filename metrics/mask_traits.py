"""What drifts in masks from a real set to a generated one: size, position and complexity."""

import math
from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from metrics.shape import shape_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskTraits:
    """Traits of one mask; an empty one has area and counts 0, and NaN for all else."""

    area_share: float
    """Share of the image, in [0, 1]."""
    centre_x: float
    """Centre of mass from the left border, as a share of the width."""
    centre_y: float
    """From the top border, as a share of the height."""
    isoperimetric: float
    """See `metrics.complexity.Complexity`."""
    dominant_points: float
    """Vertices of its polygons, see `metrics.complexity.Complexity`."""
    components: float
    holes: float
    strut_share: float
    """Median strut width by the longer side of the image."""


TRAITS = tuple(field.name for field in fields(MaskTraits))


def traits_of(mask: NDArray[np.bool_]) -> MaskTraits:
    """Measure a mask.

    Complexity, counts and struts depend on the number of pixels: bring masks to one size first.

    Args:
        mask: ``(h, w)`` bool.
    """
    shape = shape_of(mask)
    y, x = _centre(mask)
    return MaskTraits(
        area_share=shape.area_share,
        centre_x=x,
        centre_y=y,
        isoperimetric=shape.isoperimetric,
        dominant_points=shape.num_dominant_points,
        components=shape.components,
        holes=shape.holes,
        strut_share=shape.strut_width / max(mask.shape),
    )


def as_numbers(traits: MaskTraits) -> tuple[float, ...]:
    """Return the values in the order of `TRAITS`."""
    return astuple(traits)


def _centre(mask: NDArray[np.bool_]) -> tuple[float, float]:
    area = int(np.count_nonzero(mask))
    if not area:
        return math.nan, math.nan
    y, x = (
        float(((np.arange(len(sums)) + 0.5) * sums).sum()) / area / len(sums)
        for sums in (mask.sum(1), mask.sum(0))
    )
    return y, x
