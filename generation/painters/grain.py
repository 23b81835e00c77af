"""Noise of a photograph: how much there is, and more of it.

Letters: H, W size of the picture.
"""

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from generation.hashed_noise import normal

Floats = NDArray[np.float32]

_ROUNDING = 2 / 12  # variance of the difference of two values that were rounded to integers
_HUE_BLUR = 0.45  # pixels: takes off about what the second rounding adds

# the 3 x 3 mask below has a gain of 6 on independent noise, and .6745 is the quartile of a normal
_GAIN = 6 * 0.6745
_MEAN = np.full((1, 3), 1 / 3, np.float32)  # of the channels
_LAPLACIANS = np.array(((1, -2, 1), (-2, 4, -2), (1, -2, 1)), np.float32)


def noise_level(picture: Floats, weight: Floats) -> float:
    """Return the standard deviation of a photo's noise in grey levels.

    The median of a difference of two Laplacians, which answers neither to slopes nor to edges
    (Immerkaer, "Fast noise variance estimation", 1996; the median instead of the mean is ours,
    because texture fills a photo's upper half). Noise that JPEG removed is not counted.

    Args:
        picture: ``(H, W, 3)`` float32 in grey levels.
        weight: ``(H, W)``; of the pixels above .5 every fourth is read, which tells as much.

    Returns:
        0 if fewer than 64 pixels can be read.
    """
    return _level(np.asarray(cv2.transform(picture, _MEAN), np.float32), weight)


def _level(plane: Floats, weight: Floats) -> float:
    answer = np.abs(cv2.filter2D(plane, -1, _LAPLACIANS))[::2, ::2][weight[::2, ::2] > 0.5]
    if answer.size < 64:
        return 0.0
    return float(np.median(answer)) / _GAIN


def calm_hue(picture: Floats, photo: Floats) -> Floats:
    """Return a picture whose hue is no noisier after rounding to bytes than a photo's.

    Bytes that were changed are rounded a second time. In a photo from JPEG hue is so smooth that
    this alone tells changed pixels from others; where hue has noise of its own it does not matter,
    and hardly anything is done.

    Args:
        picture: ``(H, W, 3)`` float32 in grey levels, not yet rounded.
        photo: ``(h, w, 3)`` float32 of the same camera, rounded.
    """
    hue = photo[..., 0] - photo[..., 1]
    level = _level(hue, np.ones_like(hue))
    keep = np.sqrt(max(0.0, 1 - _ROUNDING / max(level**2, 1e-6)))
    own = cv2.transform(picture, np.eye(3, dtype=np.float32) - _MEAN)
    noise = own - cv2.GaussianBlur(own, (0, 0), _HUE_BLUR)
    return picture - np.float32(1 - keep) * noise


@njit(nogil=True, cache=True)
def add_noise(picture: Floats, level: Floats, seed: np.uint64) -> None:
    """Add grey noise to a picture, in place.

    Each pixel's noise follows from the seed and its place alone.

    Args:
        picture: ``(H, W, 3)`` float32 in grey levels.
        level: ``(H, W)`` float32, standard deviation in grey levels.
        seed: Any.
    """
    height, width = level.shape
    for i in range(height):
        for j in range(width):
            if level[i, j] > 0:
                noise = level[i, j] * np.float32(normal(np.uint64(i * width + j), seed))
                for c in range(3):
                    picture[i, j, c] += noise
