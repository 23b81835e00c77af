"""Fill what is unknown of a picture smoothly from what is known around it.

Letters: H, W size of the picture; C its channels.
"""

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_CELL = 4  # pixels: wider than grain and lens blur, narrower than most things


def push_pull(colour: Floats, weight: Floats) -> Floats:
    """Return a picture with unknown pixels interpolated over all distances.

    Weighted means are handed up a pyramid of halves, then each level takes what it does not know
    from the one above (Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4.2). The time
    does not depend on the size of the gaps.

    Args:
        colour: ``(H, W, C)`` float32; read where `weight` is above 0.
        weight: ``(H, W)`` float32 in [0, 1], how far a pixel is known. The more it is, the less
            of its surroundings it takes.

    Returns:
        ``(H, W, C)`` float32; zero everywhere if nothing is known.

    Example:
        >>> push_pull(np.array([[[8], [0]]], np.float32), np.array([[1, 0]], np.float32)).ravel()
        array([8., 8.], dtype=float32)
    """
    levels = [(colour, weight)]
    while max(levels[-1][1].shape) > 1:
        levels.append(_pushed(*levels[-1]))
    filled = levels.pop()[0]
    while levels:
        filled = _pulled(*levels.pop(), filled)
    return filled


def low_pass(picture: Floats, weight: Floats) -> Floats:
    """Return the light of a picture without its detail, completed where it is not known.

    Args:
        picture: ``(H, W, C)`` float32 with C at most 3.
        weight: ``(H, W)`` float32, 1 where the picture is known and 0 where not.

    Returns:
        ``(H, W, C)`` float32: means over `_CELL` x `_CELL` pixels, interpolated.
    """
    height, width = weight.shape
    size = reduced_size(height, width)
    planes = np.empty((height, width, picture.shape[2] + 1), np.float32)
    np.multiply(picture, weight[..., None], out=planes[..., :-1])
    planes[..., -1] = weight
    small = cv2.resize(planes, size, interpolation=cv2.INTER_AREA).reshape(*size[::-1], -1)
    share = np.ascontiguousarray(small[..., -1])
    means = np.ascontiguousarray(small[..., :-1] / np.maximum(small[..., -1:], 1e-6))
    filled = push_pull(means, np.minimum(1, 4 * share))
    full = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float32)


def reduced_size(height: int, width: int) -> tuple[int, int]:
    """Return width and height of the picture of which `low_pass` keeps the light."""
    return max(1, width // _CELL), max(1, height // _CELL)


@njit(nogil=True, cache=True)
def _pushed(colour: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return means and weights of squares of four; one known pixel makes its square known."""
    height, width, channels = colour.shape
    rows, columns = (height + 1) // 2, (width + 1) // 2
    means = np.zeros((rows, columns, channels), np.float32)
    weights = np.zeros((rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            total = np.float32(0)
            for y in range(2 * i, min(2 * i + 2, height)):
                for x in range(2 * j, min(2 * j + 2, width)):
                    share = weight[y, x]
                    if share > 0:
                        total += share
                        for c in range(channels):
                            means[i, j, c] += share * colour[y, x, c]
            if total > 0:
                for c in range(channels):
                    means[i, j, c] /= total
                weights[i, j] = min(np.float32(1), total)
    return means, weights


@njit(nogil=True, cache=True)
def _pulled(colour: Floats, weight: Floats, coarse: Floats) -> Floats:
    """Return a level completed by the coarser one, read by bilinear interpolation."""
    height, width, channels = colour.shape
    rows, columns = coarse.shape[:2]
    result = np.empty_like(colour)
    near, far = np.float32(0.75), np.float32(0.25)
    for y in range(height):
        i = y // 2
        m = min(max(i + 2 * (y % 2) - 1, 0), rows - 1)
        for x in range(width):
            share = weight[y, x]
            if share >= 1:
                for c in range(channels):
                    result[y, x, c] = colour[y, x, c]
                continue
            j = x // 2
            n = min(max(j + 2 * (x % 2) - 1, 0), columns - 1)
            for c in range(channels):
                here = near * coarse[i, j, c] + far * coarse[i, n, c]
                there = near * coarse[m, j, c] + far * coarse[m, n, c]
                around = near * here + far * there
                own = share * colour[y, x, c] if share > 0 else np.float32(0)
                result[y, x, c] = own + (1 - share) * around
    return result
