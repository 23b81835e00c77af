"""Soft coverage and true colours of an object that a mask outlines roughly.

Letters: H, W size of the picture.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from generation.painters.push_pull import push_pull

Floats = NDArray[np.float32]

# squared grey levels, three channels: where object and background differ by less than about 20 in
# each, the photo cannot tell them apart and the mask decides
_DOUBT = 3 * 20.0**2
# weight of colours in the uncertain band beside those well inside: only thin parts have no others
_THIN = 0.02


def cut_out(
    image: Floats, mask: Floats, background: Floats, *, error: float
) -> tuple[Floats, Floats]:
    """Return an object's coverage and its colours without any of the background's.

    Within `error` of the outline the coverage is estimated: a pixel p between the background B
    and the object's colour nearby F covers (p - B)(F - B) / |F - B|^2, pulled towards the mask
    (ridge regression with the mask as prior; ours). Colours then follow from
    p = a F + (1 - a) B, and go on smoothly beyond the outline, so that no rim of the old
    background moves with the object.

    Args:
        image: ``(H, W, 3)`` float32 in grey levels, the photo.
        mask: ``(H, W)`` float32 in [0, 1].
        background: ``(H, W, 3)`` float32, the photo without the object; a guess under it.
        error: By how many pixels the outline may be wrong; 0 takes the mask as it is.

    Returns:
        Coverage ``(H, W)`` float32 in [0, 1] and colours ``(H, W, 3)`` float32 in grey levels,
        known everywhere.
    """
    alpha = mask if error == 0 else _coverage(image, mask, background, error)
    thick = np.maximum(alpha, 1 / 255)[..., None]
    colour = np.clip((image - (1 - alpha[..., None]) * background) / thick, 0, 255)
    return alpha, push_pull(colour, alpha**2)


def _coverage(image: Floats, mask: Floats, background: Floats, error: float) -> Floats:
    side = 2 * int(np.ceil(error)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    inside, outside = cv2.erode(mask, kernel), cv2.dilate(mask, kernel)
    own = push_pull(image, np.maximum(inside**2, _THIN * mask**2))
    # where nothing near is well inside, the own colour is a guess, and the mask decides
    trust = np.minimum(1, 4 * cv2.blur(inside, (4 * side + 1, 4 * side + 1)))
    contrast = own - background
    power = (contrast**2).sum(axis=2) * trust
    along = ((image - background) * contrast).sum(axis=2) * trust
    seen = np.clip((along + _DOUBT * mask) / (power + _DOUBT), 0, 1)
    return np.clip(seen, inside, outside)
