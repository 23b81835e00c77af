"""Skeleton of a mask: the pixels of scikit-image's ``skeletonize``, found along the frontier only.

Thinning peels a mask in alternating passes; each removes, all at once, the pixels whose eight
neighbours allow it (Zhang and Suen, "A fast parallel algorithm for thinning digital patterns",
Communications of the ACM 27(3), 1984). scikit-image visits every pixel in every pass. Here a pass
visits only pixels whose neighbours have changed, since all others would be kept again: the same
result in a time that grows with the area alone, not with area times thickness.

A neighbourhood is the sum over the neighbours that are set of NW 1, N 2, NE 4, E 8, SE 16, S 32,
SW 64 and W 128. Arrays are padded by a pixel and flat.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Indices = NDArray[np.int32]

FIRST_PASS, SECOND_PASS = 1, 2

# The neighbourhoods that let a pixel go in the first pass only, in the second only, and in both:
# the table of scikit-image 0.25 (skimage/morphology/_skeletonize_various_cy.pyx, BSD-3-Clause).
# 25 entries differ from the conditions of the paper, and with them a third of a skeleton's pixels.
_FIRST = (3, 6, 11, 12, 14, 131, 134, 143, 159, 161, 194, 198, 207, 227, 231, 243)
_SECOND = (24, 26, 56, 62, 63, 96, 104, 108, 126, 176, 192, 224, 248, 249, 252)
_BOTH = (
    *(7, 10, 15, 28, 30, 31, 40, 60, 112, 120, 124, 130, 135, 160),
    *(193, 195, 199, 225, 240, 241),
)
_PASSES = np.zeros(256, np.uint8)
_PASSES[[*_FIRST, *_BOTH]] |= FIRST_PASS
_PASSES[[*_SECOND, *_BOTH]] |= SECOND_PASS


def skeleton(mask: Mask) -> Mask:
    """Return the skeleton of a mask, equal to ``skimage.morphology.skeletonize(mask)``.

    Args:
        mask: ``(h, w)`` bool, any size; beyond the border is background.

    Returns:
        ``(h, w)`` bool, a subset of `mask`.
    """
    height, width = mask.shape
    left = np.zeros((height + 2, width + 2), np.uint8)  # np.pad would keep the order of a transpose
    left[1:-1, 1:-1] = mask
    _thin(left.reshape(-1), width + 2, _PASSES)
    return np.ascontiguousarray(left[1:-1, 1:-1]).view(np.bool_)


@njit(nogil=True, cache=True)
def _thin(left: Bytes, width: int, passes: Bytes) -> None:
    """Remove pixels from `left`, ``(h w,)`` of 0 and 1 in rows of `width`, until none can go."""
    around = _neighbourhoods(left, width)
    candidates = _removable(around, passes)
    this_pass = FIRST_PASS
    idle = 0  # passes in a row that removed nothing
    while idle < 2 and len(candidates) > 0:
        candidates, removed = _sorted_out(candidates, left, around, passes, this_pass)
        idle = 0 if len(removed) > 0 else idle + 1
        candidates = _with_changed(candidates, removed, around, width, passes)
        this_pass = FIRST_PASS + SECOND_PASS - this_pass


@njit(nogil=True, cache=True)
def _neighbourhoods(left: Bytes, width: int) -> Bytes:
    """Return the neighbourhood of each pixel that is set and 0, as for a lone one, of the others.

    The length is rounded up to a multiple of 8.
    """
    around = np.zeros((len(left) + 7) // 8 * 8, np.uint8)
    # slices and indices from 0: the compiler then works on 32 pixels at a time
    num = len(left) - 2 * width - 2
    inner = around[width + 1 :]
    centre = left[width + 1 :]
    west, east = left[width:], left[width + 2 :]
    north_west, north, north_east = left, left[1:], left[2:]
    south_west, south, south_east = left[2 * width :], left[2 * width + 1 :], left[2 * width + 2 :]
    for i in range(num):
        upper = north_west[i] | (north[i] << 1) | (north_east[i] << 2) | (east[i] << 3)
        lower = (south_east[i] << 4) | (south[i] << 5) | (south_west[i] << 6) | (west[i] << 7)
        inner[i] = (upper | lower) * centre[i]
    return around


@njit(nogil=True, cache=True)
def _removable(around: Bytes, passes: Bytes) -> Indices:
    """Return the indices of the pixels that some pass removes."""
    found = np.empty(len(around), np.int32)  # memory that is not written to is never claimed
    num_found = 0
    eights = around.view(np.uint64)
    for i in range(len(eights)):
        if eights[i] == 0 or eights[i] == np.uint64(0xFFFFFFFFFFFFFFFF):
            continue  # outside or inside; most of the image
        for index in range(8 * i, 8 * i + 8):
            if passes[around[index]]:
                found[num_found] = index
                num_found += 1
    return found[:num_found]


@njit(nogil=True, cache=True)
def _sorted_out(
    candidates: Indices, left: Bytes, around: Bytes, passes: Bytes, this_pass: int
) -> tuple[Indices, Indices]:
    """Remove from `left` what this pass removes; return the candidates that stay, and those gone.

    `around` is left as it is: the pixels of a pass are judged by what was there before it.
    """
    removed = np.empty_like(candidates)
    num_stay, num_removed = 0, 0
    for index in candidates:
        if not left[index]:  # listed twice
            continue
        when = passes[around[index]]
        if when & this_pass:
            left[index] = 0
            removed[num_removed] = index
            num_removed += 1
        elif when:
            candidates[num_stay] = index
            num_stay += 1
    return candidates[:num_stay], removed[:num_removed]


@njit(nogil=True, cache=True)
def _with_changed(
    candidates: Indices, removed: Indices, around: Bytes, width: int, passes: Bytes
) -> Indices:
    """Take the removed pixels out of their neighbours' neighbourhoods; add the new candidates."""
    found = np.empty(len(candidates) + 8 * len(removed), np.int32)
    num_found = 0
    for index in candidates:
        found[num_found] = index
        num_found += 1
    for index in removed:
        around[index] = 0
    for index in removed:
        # seen from the neighbour in the north-west, the pixel is in the south-east: bit 16
        for step, bit in (
            (-width - 1, 16), (-width, 32), (-width + 1, 64), (1, 128),
            (width + 1, 1), (width, 2), (width - 1, 4), (-1, 8),
        ):  # fmt: skip
            neighbour = index + step
            around[neighbour] &= 255 - bit
            if passes[around[neighbour]]:
                found[num_found] = neighbour
                num_found += 1
    return found[:num_found]
