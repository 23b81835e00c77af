"""The errors of a map that a person would correct: those not merely beside an edge.

The human correction effort forgives errors along the truth's edges that are thinner than twice
`relax`. The steps are those of pysodmetrics 1.6.2, but taken by 64 pixels at a time: a row is a row
of uint64 words, the lowest bit leftmost, with an empty word before and after it and an empty row
above and below the image, so that no step has to ask where the image ends.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Image = NDArray[np.uint8]
Words = NDArray[np.uint64]

WORD_BITS = 64


class RelaxedErrors(NamedTuple):
    """What is left to correct, as ``(h, w)`` uint8 images of 0 and 1 each."""

    false_positives: Image
    false_positive_edge: Image
    """False positives next to a pixel (one of its 4 neighbours) that has to be kept."""
    false_negatives: Image
    false_negative_edge: Image
    """False negatives next to the background."""


def relaxed_errors(found: Mask, truth: Mask, skeleton: Mask, relax: int) -> RelaxedErrors:
    """Return the errors that are left after relaxation.

    A false positive is left if at most `relax` steps to 4-neighbours, all of them false positives,
    lead to one that `relax` erosions of the union of `found` and `truth` spare; likewise a false
    negative. Missed pixels of the skeleton are always left: a lost strut counts however thin it is.

    Args:
        found: ``(h, w)`` bool.
        truth: ``(h, w)`` bool.
        skeleton: ``(h, w)`` bool, a subset of `truth`.
        relax: In pixels, at least 0.
    """
    image = np.ones_like(truth)
    words = _relaxed(_packed(found), _packed(truth), _packed(skeleton), _packed(image), relax)
    return RelaxedErrors(*(_unpacked(plane, truth.shape[1]) for plane in words))


def _packed(mask: Mask) -> Words:
    height, width = mask.shape
    words = np.zeros((height + 2, (width + WORD_BITS - 1) // WORD_BITS + 2), np.uint64)
    row_bytes = np.packbits(mask, axis=1, bitorder="little")
    words[1:-1].view(np.uint8)[:, 8 : 8 + row_bytes.shape[1]] = row_bytes
    return words


def _unpacked(words: Words, width: int) -> Image:
    row_bytes = words[1:-1].view(np.uint8)[:, 8:]
    return np.unpackbits(row_bytes, axis=1, count=width, bitorder="little")


def _relaxed(
    found: Words, truth: Words, skeleton: Words, image: Words, relax: int
) -> tuple[Words, Words, Words, Words]:
    near_outside = _grown(image & ~(found | truth), image, relax)
    false_positives, false_negatives = found & ~truth, truth & ~found
    # growing inside the errors is growing outside the truth: no step leaves the union
    positives = _grown(false_positives & ~near_outside, false_positives, relax)
    negatives = _grown(false_negatives & ~near_outside, false_negatives, relax)
    negatives |= skeleton & ~found
    kept = (found & truth) | negatives
    positive_edge = _grown(kept, positives, 1)
    negative_edge = _grown(image & ~(kept | positives), negatives, 1)
    return positives, positive_edge, negatives, negative_edge


@njit(nogil=True, cache=True)
def _grown(words: Words, inside: Words, steps: int) -> Words:
    """Dilate by the 4-neighbours `steps` times, each time keeping only what is `inside`."""
    buffers = np.zeros((2, *words.shape), np.uint64)  # in turn; the argument is never written to
    one, across = np.uint64(1), np.uint64(WORD_BITS - 1)
    source = words
    for step in range(steps):
        grown = buffers[step % 2]
        for i in range(1, len(words) - 1):
            above, row, below = source[i - 1], source[i], source[i + 1]
            target, limit = grown[i], inside[i]
            for j in range(1, len(row) - 1):
                word = row[j] | (row[j] << one) | (row[j] >> one) | above[j] | below[j]
                word |= (row[j - 1] >> across) | (row[j + 1] << across)
                target[j] = word & limit[j]
        source = grown
    return source
