"""Seams where no object ends.

A network that trains on painted pairs could learn the trace of the painter in place of the object.
Decoys leave the same trace elsewhere: a region of the picture is moved by a few pixels and blended
onto itself. Letters: H, W size of the picture.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SHARE = (0.15, 0.4)  # side of a decoy, of the picture's
_SHIFT = 3.0  # pixels at most; further, and lines through the seam would be broken
_REACH = math.ceil(_SHIFT) + 1  # pixels on either side that cubic interpolation reads
_LEAST = 8  # pixels; smaller pictures have no room for a region with an outline
_NODES = 6  # of the noise that shapes a region, along each side
_LEVEL = 0.12  # above which the noise times a bump is inside; leaves about half of the square


def add_decoys(
    picture: Floats, outline: Floats, *, number: int, softness: float, rng: np.random.Generator
) -> None:
    """Blend regions of a picture, moved by some pixels, onto the picture, in place.

    Args:
        picture: ``(H, W, 3)`` float32 in grey levels.
        outline: ``(H, W)`` float32 in [0, 1]; 1 at the object's outline and near it, where the
            picture stays as it is, so that the mask stays true.
        number: Of regions.
        softness: Standard deviation of the blur of a region's edge in pixels.
        rng: Draws place, shape and shift.
    """
    height, width = outline.shape
    if min(height, width) < _LEAST:
        return
    for _ in range(number):
        rows, columns = (_LEAST + int(rng.uniform(*_SHARE) * (n - _LEAST)) for n in (height, width))
        top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
        here = (slice(top, top + rows), slice(left, left + columns))
        region = _region(rows, columns, softness, rng) * (1 - outline[here])
        moved = _shifted(picture[here], rng.uniform(-_SHIFT, _SHIFT, 2))
        picture[here] += region[..., None] * (moved - picture[here])


def _region(rows: int, columns: int, softness: float, rng: np.random.Generator) -> Floats:
    """Return ``(rows, columns)`` in [0, 1], a blob with an irregular outline, 0 at the border."""
    noise = rng.uniform(0, 1, (_NODES, _NODES)).astype(np.float32)
    smooth = cv2.resize(noise, (columns, rows), interpolation=cv2.INTER_CUBIC)
    bump = np.outer(_bump(rows), _bump(columns))
    inside = (smooth * bump > _LEVEL).astype(np.float32)
    inside[[0, -1]] = 0
    inside[:, [0, -1]] = 0
    return np.asarray(cv2.GaussianBlur(inside, (0, 0), max(softness, 0.5)), np.float32)


def _bump(length: int) -> Floats:
    at = (np.arange(length, dtype=np.float32) + 0.5) / length
    return (4 * at * (1 - at)).astype(np.float32)


def _shifted(picture: Floats, shift: NDArray[np.float64]) -> Floats:
    """Return a picture read `shift` pixels, x and y, further on, by cubic interpolation.

    The same at every pixel, so a filter does it, in a tenth of the time of
    `generation.edits.resample`.
    """
    across, along = (_kernel(float(value)) for value in shift)
    moved = cv2.sepFilter2D(picture, -1, across, along, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _kernel(shift: float) -> NDArray[np.float64]:
    """Return the Catmull-Rom weights of the pixels from `_REACH` before to `_REACH` after."""
    away = np.abs(np.arange(-_REACH, _REACH + 1) - shift)
    near = 1 + away**2 * (1.5 * away - 2.5)
    far = 2 + away * (-4 + away * (2.5 - 0.5 * away))
    return np.where(away < 1, near, np.where(away < 2, far, 0.0))
