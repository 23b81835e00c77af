"""The contours of a mask, as chains of pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray


def contours_of(mask: NDArray[np.bool_]) -> tuple[list[NDArray[np.int32]], NDArray[np.int32]]:
    """Return the pixels of each contour in their order along it, and which contour holds it.

    Contours run on the outermost pixels of the mask, around holes too, and keep the mask on the
    same side: outlines run counterclockwise as seen, holes clockwise. There is one for each
    8-connected part and one for each 4-connected hole.

    Args:
        mask: ``(h, w)`` bool. Outside the image is background.

    Returns:
        ``(n, 2)`` int32 xy for each contour, and ``(contours,)`` int32: for a hole the outline of
        its part, for an outline the hole it lies in, -1 where it lies in none.
    """
    found, tree = cv2.findContours(mask.view(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_NONE)
    if not found:
        return [], np.zeros(0, np.int32)
    return [np.asarray(chain[:, 0], np.int32) for chain in found], np.asarray(tree[0, :, 3])
