"""Soft coverage of an object that a mask outlines roughly.

Letters: H, W size of the picture.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from generation.painters.push_pull import low_pass

Floats = NDArray[np.float32]

# squared grey levels, three channels: where object and background differ by less than about 20 in
# each, the photo cannot tell them apart and the mask decides
_DOUBT = 3 * 20.0**2
# weight of colours in the uncertain band beside those well inside: only thin parts have no others
_THIN = 0.02


def coverage(image: Floats, mask: Floats, background: Floats, *, error: float) -> Floats:
    """Return how far an object covers each pixel of its photo.

    Within `error` of the mask's outline the photo is asked: a pixel p between the background B
    and the object's colour nearby F covers (p - B)(F - B) / |F - B|^2, pulled towards the mask
    (ridge regression with the mask as prior; ours).

    Args:
        image: ``(H, W, 3)`` float32 in grey levels, the photo.
        mask: ``(H, W)`` float32 in [0, 1].
        background: ``(H, W, 3)`` float32, the light of the photo without the object.
        error: By how many pixels the outline may be wrong; 0 takes the mask as it is.

    Returns:
        ``(H, W)`` float32 in [0, 1].
    """
    if error == 0:
        return mask
    side = 2 * int(np.ceil(error)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    inside, outside = cv2.erode(mask, kernel), cv2.dilate(mask, kernel)
    own = low_pass(image, np.maximum(inside**2, _THIN * mask**2))
    # where nothing near is well inside, the own colour is a guess, and the mask decides
    trust = np.minimum(1, 4 * cv2.blur(inside, (4 * side + 1, 4 * side + 1)))
    contrast = own - background
    power = np.einsum("ijk,ijk->ij", contrast, contrast) * trust
    along = np.einsum("ijk,ijk->ij", image - background, contrast) * trust
    seen = np.clip((along + _DOUBT * mask) / (power + _DOUBT), 0, 1)
    return np.clip(seen, inside, outside)
