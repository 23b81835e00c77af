"""The part of a picture that is worked on, so that the rest costs nothing."""

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice]


def box_around(plane: NDArray[np.generic], margin: int) -> Box:
    """Return the rows and columns of what is not 0, and some pixels around; all where all is 0.

    Args:
        plane: ``(H, W)``.
        margin: Pixels, as far as the picture has them.
    """
    height, width = plane.shape
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    if not rows.size:
        return slice(0, height), slice(0, width)
    return _wider(rows, margin, height), _wider(columns, margin, width)


def _wider(found: NDArray[np.intp], margin: int, length: int) -> slice:
    return slice(max(0, int(found[0]) - margin), min(length, int(found[-1]) + 1 + margin))
