"""Find pairs that nearly repeat an earlier one: image and mask alike, place by place."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.resize import resize
from datamodules.same_photo import (
    MAX_BITS,
    MAX_DIFFERENCE,
    MAX_MEAN_DIFFERENCE,
    SIDE,
    difference_hash,
    thumbnail,
)

MASK_SIDE = 64
MIN_IOU = 0.95
"""Least overlap of two masks that count as one: an edit that moves less teaches nothing new."""
_BLOCK = 512  # pairs compared with all kept ones at once


@dataclass(frozen=True, slots=True, eq=False)
class PairThumbnail:
    """What is kept of a pair to compare it with all others: 4.3 kB."""

    image: NDArray[np.uint8]
    """``(16, 16)`` uint8 grey levels."""
    mask: NDArray[np.uint8]
    """``(64, 64)`` uint8 coverage."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A pair that an earlier one makes needless."""

    place: int
    """Of the pair in the order given."""
    of: int
    """Place of the first kept pair that it repeats."""
    iou: float
    """Overlap of both masks, in [0.95, 1]."""


def pair_thumbnail(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> PairThumbnail:
    """Return the thumbnail of a pair.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        mask: ``(H, W)`` uint8 coverage, 255 for all.
    """
    return PairThumbnail(thumbnail(image), resize(mask, (MASK_SIDE, MASK_SIDE)))


def find_repeats(pairs: Iterable[PairThumbnail]) -> Iterator[Repeat]:
    """Yield the pairs that nearly repeat an earlier one that is kept.

    Images are compared as in `datamodules.same_photo`; the masks must overlap by 95 % (soft
    intersection over union at 64 x 64; two empty masks are the same). No two kept pairs repeat
    each other, and each pair that goes repeats one that stays. Blank pictures are repeats too.

    Args:
        pairs: In the order of precedence.
    """
    thumbnails = list(pairs)
    if not thumbnails:
        return
    images = np.stack([pair.image for pair in thumbnails])
    masks = np.stack([pair.mask for pair in thumbnails])
    # bits as -1 and 1: one matrix product counts agreements minus disagreements
    signs = difference_hash(images) * np.float32(2) - 1
    least = SIDE * (SIDE - 1) - 2 * MAX_BITS
    kept = np.zeros(0, int)
    for start in range(0, len(images), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(images)))
        # of the block too, which is narrowed to its kept ones as they are found
        earlier = np.concatenate([kept, block])
        is_near = signs[block] @ signs[earlier].T >= least
        is_kept = np.arange(len(earlier)) < len(kept)
        for row, place in enumerate(block):
            repeat = _first_alike(int(place), earlier[is_near[row] & is_kept], images, masks)
            if repeat is None:
                is_kept[len(kept) + row] = True
            else:
                yield repeat
        kept = earlier[is_kept]


def _first_alike(
    place: int, others: NDArray[np.int_], images: NDArray[np.uint8], masks: NDArray[np.uint8]
) -> Repeat | None:
    difference = np.abs(images[others].astype(np.int16) - images[place])
    is_same = difference.mean((1, 2)) <= MAX_MEAN_DIFFERENCE
    others = others[is_same & (difference.max((1, 2)) <= MAX_DIFFERENCE)]
    both = np.minimum(masks[others], masks[place]).sum((1, 2), dtype=np.int64)
    either = np.maximum(masks[others], masks[place]).sum((1, 2), dtype=np.int64)
    iou = np.where(either > 0, both / np.maximum(either, 1), 1.0)
    alike = np.flatnonzero(iou >= MIN_IOU)
    if not len(alike):
        return None
    return Repeat(place, int(others[alike[0]]), float(iou[alike[0]]))
