"""Pictures full of corners, each unlike the others."""

import numpy as np
from numpy.typing import NDArray


def patchwork(seed: int) -> NDArray[np.uint8]:
    """Return ``(160, 160, 3)`` uint8: rectangles of random colours on grey."""
    rng = np.random.default_rng(seed)
    image = np.full((160, 160, 3), 128, np.uint8)
    for _ in range(120):
        y, x = rng.integers(160, size=2)
        h, w = rng.integers(8, 30, 2)
        image[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    return image
