"""A map from each pixel of an edited picture to where it comes from, and pictures moved by it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.edits.resample import resampled

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """Where the pixels of an edited picture of (H, W) come from."""

    grid: NDArray[np.float32]
    """``(H, W, 2)`` x, y in the source picture in pixels, integers at pixel centres."""
    visible: NDArray[np.bool_]
    """``(H, W)``, whether the source shows this point; False where nothing of it was in view and
    the grid is a guess."""


def apply(plane: Pixels, warp: Warp) -> Pixels:
    """Move a picture by a warp.

    Interpolation is cubic (Catmull-Rom), so that edges stay as soft as they are and no softer.
    Where the picture shrinks, a pixel is the mean of up to 4 x 4 points, so that thin parts fade
    and do not break. Beyond its border the picture goes on with its outermost pixels.

    Args:
        plane: ``(H, W)`` or ``(H, W, C)`` uint8, the size of the source that the warp was made for.
        warp: Any; all its values finite.

    Returns:
        uint8 of the warp's size, with the channels of `plane`. The same bytes on every machine and
        for every number of threads.
    """
    channels = plane if plane.ndim == 3 else plane[..., None]
    moved = resampled(np.ascontiguousarray(channels), warp.grid)
    return moved if plane.ndim == 3 else moved[..., 0]
