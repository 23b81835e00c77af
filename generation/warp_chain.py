"""Warps one after the other as a single warp, so that a painter reads the photo only once."""

import numpy as np
from numpy.typing import NDArray

from generation.edits.warp import Warp


def identity(height: int, width: int) -> Warp:
    """Return the warp of (H, W) that moves nothing."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return Warp(grid=np.stack([x, y], axis=-1), visible=np.ones((height, width), np.bool_))


def then(first: Warp, second: Warp) -> Warp:
    """Return the warp that leads from the source of `first` to the picture of `second`.

    The first map is read between its pixels by bilinear interpolation, and goes on with its
    outermost values beyond its border. A point is visible where both steps see it.

    Args:
        first: From the source to the picture between.
        second: From the picture between to the last one, (H, W).
    """
    height, width = first.visible.shape
    x = np.clip(second.grid[..., 0], 0, width - 1)
    y = np.clip(second.grid[..., 1], 0, height - 1)
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left)[..., None], (y - top)[..., None]
    above = _between(first.grid[top, left], first.grid[top, right], across)
    below = _between(first.grid[bottom, left], first.grid[bottom, right], across)
    nearest = np.rint(y).astype(np.intp), np.rint(x).astype(np.intp)
    return Warp(
        grid=_between(above, below, down).astype(np.float32),
        visible=second.visible & first.visible[nearest],
    )


def _between(
    start: NDArray[np.float32], end: NDArray[np.float32], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    return start + (end - start) * share
