"""Noise of a photograph: how much there is, and more of it.

Letters: H, W size of the picture.
"""

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_ROUNDING = 2 / 12  # variance of the difference of two values that were rounded to integers
_HUE_BLUR = 0.45  # pixels: takes off about what the second rounding adds

# the 3 x 3 mask below has a gain of 6 on independent noise, and .6745 is the quartile of a normal
_GAIN = 6 * 0.6745
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
    grey = cv2.transform(picture, np.full((1, 3), 1 / 3, np.float32))
    answer = np.abs(cv2.filter2D(grey, -1, _LAPLACIANS))[::2, ::2][weight[::2, ::2] > 0.5]
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
    hue = photo[..., :1] - photo[..., 1:2]
    level = noise_level(np.repeat(hue, 3, axis=2), np.ones(hue.shape[:2], np.float32))
    keep = np.sqrt(max(0.0, 1 - _ROUNDING / max(level**2, 1e-6)))
    grey = cv2.transform(picture, np.full((1, 3), 1 / 3, np.float32))[..., None]
    own = picture - grey
    smooth = cv2.GaussianBlur(own, (0, 0), _HUE_BLUR)
    return grey + smooth + np.float32(keep) * (own - smooth)


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
                noise = level[i, j] * _bell(np.uint64(i * width + j), seed)
                for c in range(3):
                    picture[i, j, c] += noise


@njit(nogil=True, cache=True, inline="always")
def _bell(spot: np.uint64, seed: np.uint64) -> np.float32:
    """Nearly normal noise of deviation 1: the sum of four 16-bit numbers hashed by splitmix64."""
    z = seed + spot * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    low = np.uint64(0xFFFF)
    total = (z & low) + ((z >> np.uint64(16)) & low)
    total += ((z >> np.uint64(32)) & low) + (z >> np.uint64(48))
    # four uniforms on 0..65535: mean 131070, deviation 65536 / sqrt(3)
    return np.float32((float(total) - 131070.0) / 37837.2)
