"""Fill a gap in a photograph with the photograph's own texture.

Letters: H, W size of the picture; s the factor of the finest reduced picture.
"""

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from generation.painters.box import box_around
from generation.painters.patch_match import RADIUS, match, vote
from generation.painters.push_pull import low_pass, push_pull

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

# long side of the finest picture in which patches are compared. Twice that takes four times as
# long, and the correction at the rim hides what is misplaced by less than its cell
_FINEST = 96
_NUM_LEVELS = 3
_AROUND = 8  # pixels: what lies behind the object goes on from there
# guesses and searches in turn, from the coarsest level on
_GUESSES = (4, 2, 2)
# a third takes half as long again and finds patches that differ by 4 % less
_ROUNDS = 2


def fill(image: Floats, gap: Bools, seed: int, *, wanted: Bools | None = None) -> Floats:
    """Return a picture whose gap shows pixels of elsewhere in it, as continuous as can be had.

    Which pixels: patches of a reduced picture are matched from coarse to fine (Wexler et al.,
    "Space-time completion of video", PAMI 2007). The full picture is then copied by the same
    offsets, so that it keeps its grain, and shifted in colour so that it meets the rim.

    Args:
        image: ``(H, W, 3)`` float32 in grey levels.
        gap: ``(H, W)``; what lies there is not read.
        seed: Of the search.
        wanted: ``(H, W)``, where the result is looked at; the rest of the gap is filled smoothly,
            which takes less time. None: everywhere.

    Returns:
        ``(H, W, 3)`` float32, equal to the image outside the gap. If no patch is wholly known, the
        gap is filled smoothly.
    """
    seen = gap if wanted is None else gap & wanted
    if not seen.any():
        return np.where(gap[..., None], _smooth(image, gap), image) if gap.any() else image
    scale = max(1, 2 ** round(np.log2(max(gap.shape) / _FINEST)))
    offsets = _offsets(image, gap, seen, scale, seed)
    if offsets is None:
        return np.where(gap[..., None], _smooth(image, gap), image)
    near = cv2.dilate(seen.astype(np.uint8), np.ones((2 * scale + 1,) * 2, np.uint8)) > 0
    blurred = np.asarray(cv2.GaussianBlur(image, (0, 0), 2.0), np.float32)
    copied = _copy(image, blurred, near, offsets, scale)
    filled = image.copy()
    here = box_around(near, 0)
    rim = (near[here] & ~gap[here]).astype(np.float32)
    shift = _smooth_difference(image[here] - copied[here], rim)
    filled[here] = np.where(seen[here][..., None], copied[here] + shift, image[here])
    hidden = gap & ~seen
    if hidden.any():
        here = box_around(hidden, _AROUND)
        light = low_pass(filled[here], 1 - hidden[here].astype(np.float32))
        filled[here] = np.where(hidden[here][..., None], light, filled[here])
    return filled


def _smooth(image: Floats, gap: Bools) -> Floats:
    return push_pull(image, 1 - gap.astype(np.float32))


def _offsets(
    image: Floats, gap: Bools, seen: Bools, scale: int, seed: int
) -> NDArray[np.int32] | None:
    """Return ``(h, w, 2)`` offsets of the finest reduced picture; None without a known patch."""
    offsets = None
    for level, (small, unknown) in enumerate(_pyramid(image, gap, scale)):
        wanted = _touched(seen, unknown.shape, scale * 2 ** (_NUM_LEVELS - 1 - level))
        target = cv2.dilate(wanted.astype(np.uint8), np.ones((2 * RADIUS + 1,) * 2, np.uint8)) > 0
        source = _whole_patches(~unknown)
        if not source.any():
            continue
        if offsets is None:
            guess = push_pull(small, 1 - unknown.astype(np.float32))
            offsets = np.zeros((*unknown.shape, 2), np.int32)
            _repair(offsets, source)
        else:
            offsets = _doubled(offsets, unknown.shape)
            guess = _upsampled(guess, small, unknown)
            _repair(offsets, source)
            guess = vote(guess, wanted, offsets)
        for number in range(_GUESSES[level]):
            state = np.uint64((seed + 7919 * level + number) % 2**63)
            match(guess, target, source, offsets, _ROUNDS, state)
            guess = vote(guess, wanted, offsets)
    return offsets


def _pyramid(image: Floats, gap: Bools, scale: int) -> list[tuple[Floats, Bools]]:
    """Return pictures reduced by `scale` and its doubles, the coarsest first.

    Each with the means of the known pixels of each cell, and the cells not wholly known.
    """
    height, width = gap.shape
    coarsest = scale * 2 ** (_NUM_LEVELS - 1)
    below, right = -height % coarsest, -width % coarsest
    known = 1 - gap.astype(np.float32)
    whole = np.empty((height, width, 4), np.float32)
    np.multiply(image, known[..., None], out=whole[..., :3])
    whole[..., 3] = known
    padded = cv2.copyMakeBorder(whole, 0, below, 0, right, cv2.BORDER_REPLICATE)
    planes: Floats = np.asarray(padded, np.float32)
    levels = []
    for level in range(_NUM_LEVELS):
        factor = scale if level == 0 else 2
        size = (planes.shape[1] // factor, planes.shape[0] // factor)
        reduced = cv2.resize(planes, size, interpolation=cv2.INTER_AREA)
        planes = np.asarray(reduced, np.float32)
        share = planes[..., 3:]
        small = np.ascontiguousarray(planes[..., :3] / np.maximum(share, 1e-6))
        levels.append((small, share[..., 0] < 1 - 1e-4))
    return levels[::-1]


def _touched(plane: Bools, shape: tuple[int, int], scale: int) -> Bools:
    """Return the cells of which the plane has a pixel; beyond its border it goes on."""
    rows, columns = shape
    below, right = rows * scale - plane.shape[0], columns * scale - plane.shape[1]
    whole = plane.astype(np.float32)
    padded = cv2.copyMakeBorder(whole, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA) > 0


def _whole_patches(known: Bools) -> Bools:
    side = 2 * RADIUS + 1
    kernel = np.ones((side, side), np.uint8)
    return (
        cv2.erode(known.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    )


def _upsampled(guess: Floats, small: Floats, unknown: Bools) -> Floats:
    """Return the finer picture with the coarser guess where it is not wholly known."""
    size = (unknown.shape[1], unknown.shape[0])
    coarse = cv2.resize(guess, size, interpolation=cv2.INTER_LINEAR)
    return np.where(unknown[..., None], coarse, small)


def _doubled(offsets: NDArray[np.int32], shape: tuple[int, int]) -> NDArray[np.int32]:
    rows = np.minimum(np.arange(shape[0]) // 2, offsets.shape[0] - 1)
    columns = np.minimum(np.arange(shape[1]) // 2, offsets.shape[1] - 1)
    return np.ascontiguousarray(2 * offsets[rows[:, None], columns])


def _repair(offsets: NDArray[np.int32], source: Bools) -> None:
    """Lead every offset to the source nearest to where it leads."""
    blocked = (~source).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(
        blocked, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    spots = np.zeros((labels.max() + 1, 2), np.int32)
    at = np.argwhere(source)
    spots[labels[source]] = at
    rows, columns = np.indices(source.shape)
    y = np.clip(rows + offsets[..., 0], 0, source.shape[0] - 1)
    x = np.clip(columns + offsets[..., 1], 0, source.shape[1] - 1)
    led = spots[labels[y, x]]
    offsets[..., 0] = led[..., 0] - rows
    offsets[..., 1] = led[..., 1] - columns


def _smooth_difference(difference: Floats, rim: Floats) -> Floats:
    """Return the difference on the rim carried smoothly into the gap, at a quarter of the size."""
    height, width = rim.shape
    size = (max(1, width // 4), max(1, height // 4))
    weight = cv2.resize(rim, size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(difference * rim[..., None], size, interpolation=cv2.INTER_AREA)
    mean = total / np.maximum(weight, 1e-6)[..., None]
    carried = push_pull(mean, np.minimum(1, 4 * weight))
    full = cv2.resize(carried, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float32)


@njit(nogil=True, cache=True)
def _copy(
    image: Floats, blurred: Floats, wanted: Bools, offsets: NDArray[np.int32], scale: int
) -> Floats:
    """Copy each wanted pixel by the offsets of the four cells around it, blended.

    Blending averages away grain. So only the blurred picture is blended by the weights w; what it
    lacks is blended by w / sqrt(sum w^2), which keeps its variance (Heitz and Neyret, "High-
    performance by-example noise", 2018). Cells with one offset count as one.
    """
    height, width = wanted.shape
    rows, columns = offsets.shape[:2]
    result = image.copy()
    weights = np.zeros(4, np.float32)
    ys, xs = np.zeros(4, np.int64), np.zeros(4, np.int64)
    for i in range(height):
        for j in range(width):
            if not wanted[i, j]:
                continue
            v, u = (i + 0.5) / scale - 0.5, (j + 0.5) / scale - 0.5
            top, left = int(np.floor(v)), int(np.floor(u))
            for k in range(4):
                row, column = top + k // 2, left + k % 2
                share = 1 - abs(v - row)
                weights[k] = share * (1 - abs(u - column))
                row, column = min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)
                ys[k] = min(max(i + scale * offsets[row, column, 0], 0), height - 1)
                xs[k] = min(max(j + scale * offsets[row, column, 1], 0), width - 1)
                for m in range(k):
                    if ys[m] == ys[k] and xs[m] == xs[k]:
                        weights[m] += weights[k]
                        weights[k] = 0
                        break
            norm = np.sqrt((weights**2).sum())
            for c in range(3):
                smooth, detail = np.float32(0), np.float32(0)
                for k in range(4):
                    base = blurred[ys[k], xs[k], c]
                    smooth += weights[k] * base
                    detail += weights[k] * (image[ys[k], xs[k], c] - base)
                result[i, j, c] = smooth + detail / norm
    return result
