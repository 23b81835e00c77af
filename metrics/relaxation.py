"""The errors of a map that a person would correct: those not merely beside an edge.

The human correction effort forgives errors thinner than twice `relax` along the truth's edges. The
steps are those of pysodmetrics 1.6.2, but on 64 pixels at a time: a row is a row of uint64 words,
the lowest bit leftmost, with an empty word before and after and an empty row above and below, so
that no step asks where the image ends.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Words = NDArray[np.uint64]

WORD_BITS = 64


class RelaxedErrors(NamedTuple):
    """What is left to correct; ``(h + 2, ceil(w / 64) + 2)`` uint64 each, see the module."""

    false_positives: Words
    false_negatives: Words
    edge_of_false_positives: Words
    """The pixels next to what must be kept, where a person would draw the line."""
    edge_of_false_negatives: Words
    """The pixels next to the true background."""


def relaxed_errors(found: Mask, truth: Mask, skeleton: Mask, relax: int) -> RelaxedErrors:
    """Return the errors that are left after relaxation.

    False positives survive within `relax` steps (4-neighbours, inside the false positives) of a
    pixel that `relax` erosions of the union of `found` and `truth` leave; likewise false negatives.
    Missed pixels of the skeleton always survive: a lost strut counts however thin it is.

    Args:
        found: ``(h, w)`` bool.
        truth: ``(h, w)`` bool.
        skeleton: ``(h, w)`` bool, a subset of `truth`.
        relax: Number of erosions, at least 0.
    """
    image = packed(np.ones_like(truth))
    found_words, truth_words, skeleton_words = packed(found), packed(truth), packed(skeleton)
    return RelaxedErrors(*_relaxed(found_words, truth_words, skeleton_words, image, relax))


def packed(mask: Mask) -> Words:
    """Return a mask as words, see the module.

    Args:
        mask: ``(h, w)`` bool.
    """
    height, width = mask.shape
    num_words = -(-width // WORD_BITS)
    words = np.zeros((height + 2, num_words + 2), np.uint64)
    row_bytes = np.packbits(mask, axis=1, bitorder="little")
    words[1:-1].view(np.uint8)[:, 8 : 8 + row_bytes.shape[1]] = row_bytes
    return words


def unpacked(words: Words, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return words as an ``(h, w)`` uint8 image of 0 and 1, `shape` its (h, w)."""
    row_bytes = words[1:-1].view(np.uint8)[:, 8:]
    return np.unpackbits(row_bytes, axis=1, count=shape[1], bitorder="little")


@njit(nogil=True, cache=True)
def _relaxed(
    found: Words, truth: Words, skeleton: Words, image: Words, relax: int
) -> tuple[Words, Words, Words, Words]:
    near_outside = _grown(image & ~(found | truth), image, relax)
    false_positives, false_negatives = found & ~truth, truth & ~found
    # growing inside the errors is growing outside the truth: no step leaves the union
    positives = _grown(false_positives & ~near_outside, false_positives, relax)
    negatives = _grown(false_negatives & ~near_outside, false_negatives, relax)
    negatives |= skeleton & ~found
    kept = found & truth | negatives
    return (
        positives,
        negatives,
        _grown(kept, positives, 1),
        _grown(image & ~(kept | positives), negatives, 1),
    )


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
