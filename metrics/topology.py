"""Parts and holes of a mask, counted.

Parts touch over edges and corners (8-connected), background only over edges (4-connected), as
digital topology demands: with one connectivity for both, a closed diagonal line would have no
inside, or an inside that leaks. Letters: h, w size of the mask.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from metrics.contours import contours_of

Mask = NDArray[np.bool_]

SPECK_SHARE = 2e-5
"""Parts and holes below this share of the image are specks, about 4.6 px square at 1024 x 1024.

That is the size at which networks are fed, and nothing smaller survives there. It is a share, not
a number of pixels, and the same for every method, because the counts hang on it: a thin mask can
have 125 holes with its specks and 19 without.
"""


class BettiNumbers(NamedTuple):
    """The two numbers of digital topology in the plane."""

    components: int
    """Connected parts."""
    holes: int
    """Parts of the background that the mask shuts off from the border of the image."""


def betti_numbers(mask: Mask, *, speck_share: float = SPECK_SHARE) -> BettiNumbers:
    """Count the parts and the holes of a mask, specks left out.

    Args:
        mask: ``(h, w)`` bool. A gap between the object and the border of the image is no hole:
            the background goes on outside.
        speck_share: Parts and holes with an area below this share of ``h * w`` are not counted;
            0 counts all. A speck is not filled or removed, so no other count changes with it.

    Returns:
        (0, 0) for an empty mask, (1, 0) for a full one. With `speck_share` 0, components minus
        holes is the Euler number (8-connected) of scikit-image.

    Example:
        >>> betti_numbers(np.pad(np.zeros((3, 3), bool), 2, constant_values=True))
        BettiNumbers(components=1, holes=1)
    """
    contours, holders = contours_of(mask)
    is_hole, areas = _areas(contours, holders)
    counted = areas >= speck_share * mask.size
    return BettiNumbers(
        components=int((counted & ~is_hole).sum()), holes=int((counted & is_hole).sum())
    )


def _areas(
    contours: list[NDArray[np.int32]], holders: NDArray[np.int32]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which contours are of holes, and the area of each part and hole in pixels.

    By Pick's theorem a polygon with vertices on pixels, of area A and with B pixels on its
    boundary, has ``A + B / 2 + 1`` pixels within and on it and ``A - B / 2 + 1`` within. It holds
    for curves that touch themselves if pixels count as often as they are passed. What lies inside a
    part (holes) or a hole (parts) is taken away. So no label has to be given to any pixel.
    """
    signed = np.array([cv2.contourArea(chain, oriented=True) for chain in contours])
    passed = np.array([len(chain) if len(chain) > 1 else 0 for chain in contours])
    is_hole = signed > 0  # a hole has at least a pixel, so its contour encloses 2 at least
    enclosed = np.abs(signed) + np.where(is_hole, -passed, passed) / 2 + 1
    areas = enclosed.copy()
    inner = holders >= 0
    np.subtract.at(areas, holders[inner], enclosed[inner])
    return is_hole, areas
