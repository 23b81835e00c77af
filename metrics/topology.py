"""Parts and holes of a mask, counted.

Parts touch over edges and corners (8-connected), background only over edges (4-connected), as
digital topology demands: with one connectivity for both, a closed diagonal line would have no
inside, or an inside that leaks. Letters: h, w size of the mask.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

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
    height, width = mask.shape
    least = speck_share * height * width
    parts = _regions(mask, connectivity=8)
    gaps = _regions(~mask, connectivity=4)
    right = gaps[:, cv2.CC_STAT_LEFT] + gaps[:, cv2.CC_STAT_WIDTH]
    bottom = gaps[:, cv2.CC_STAT_TOP] + gaps[:, cv2.CC_STAT_HEIGHT]
    shut_off = (
        (gaps[:, cv2.CC_STAT_LEFT] > 0)
        & (gaps[:, cv2.CC_STAT_TOP] > 0)
        & (right < width)
        & (bottom < height)
    )
    return BettiNumbers(
        components=int((parts[:, cv2.CC_STAT_AREA] >= least).sum()),
        holes=int((gaps[shut_off, cv2.CC_STAT_AREA] >= least).sum()),
    )


def _regions(mask: Mask, *, connectivity: int) -> NDArray[np.int32]:
    """Return box and area of each connected region, ``(regions, 5)``, without the background."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(
        mask.view(np.uint8), connectivity=connectivity, ltype=cv2.CV_32S
    )
    return np.asarray(stats[1:], np.int32)
