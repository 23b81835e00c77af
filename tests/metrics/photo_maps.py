"""Soft maps and truths of real edges, made from photographs inside scikit-image's wheel.

Integers and numpy only, and lossless files, so that every machine makes them alike.
"""

import numpy as np
import skimage.data
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

# (level, whether the object is the dark side), chosen by eye: coins, a silhouette, print, a man
# with a tripod, a cat's fur, a cup, cells
PHOTOS = {
    "coins": (107, False),
    "horse": (128, True),
    "page": (140, True),
    "camera": (90, True),
    "chelsea": (115, False),
    "coffee": (100, False),
    "immunohistochemistry": (150, True),
}
RADIUS = 2
"""Of the blur: about what a map loses that a network drew at a quarter of the size."""


def photo_pair(name: str) -> tuple[Plane, Plane]:
    """Return the photo moved and blurred, and cut at a level: map and truth, ``(h, w)`` uint8."""
    level, is_dark = PHOTOS[name]
    photo = np.asarray(getattr(skimage.data, name)()).astype(np.int64)
    if photo.ndim == 3:
        photo = photo[..., :3] @ [299, 587, 114] // 1000
    if photo.max() == 1:  # a silhouette of booleans
        photo *= 255
    above = (level - photo) if is_dark else (photo - level)
    truth = np.where(above > 0, 255, 0).astype(np.uint8)
    blurred = np.roll(_box_means(above), (1, -2), (0, 1))
    return np.clip(120 + 2 * blurred, 9, 240).astype(np.uint8), truth


def _box_means(field: NDArray[np.int64]) -> NDArray[np.int64]:
    side = 2 * RADIUS + 1
    padded = np.pad(field, RADIUS, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    return windows.sum((2, 3)) // side**2
