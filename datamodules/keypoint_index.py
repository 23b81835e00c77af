"""Find the photos of a collection that share keypoints with another one, without trying each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from datamodules.keypoints import WORDS, Keypoints

MAX_BITS = 48
"""Most bits of 256 in which two descriptors of one corner differ."""
TABLES = 12
_KEY_BITS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Keypoints of a query that look like keypoints of one photo, one to one."""

    photo: int
    """Place in the collection."""
    query: NDArray[np.float32]
    """``(M, 2)`` float32, where the keypoints lie in the query."""
    reference: NDArray[np.float32]
    """``(M, 2)`` float32, where they lie in the photo."""


class KeypointIndex:
    """Looks descriptors up by parts of their bits.

    Each of twelve tables sorts all descriptors by 16 of their bits. Two descriptors that differ
    in 10 % of their bits agree on all 16 in one table or more with 91 %, two unrelated ones with
    well below 1 % (multi-index hashing; Norouzi, Punjani, Fleet, "Fast search in Hamming space with
    multi-index hashing", CVPR 2012, with the exactness given up: a photo has hundreds of corners).

    Args:
        photos: Keypoints of each photo.
    """

    def __init__(self, photos: Sequence[Keypoints]) -> None:
        none = Keypoints(np.zeros((0, 2), np.float32), np.zeros((0, WORDS), np.uint64))
        self._points = np.concatenate([p.points for p in (*photos, none)])
        self._descriptors = np.concatenate([p.descriptors for p in (*photos, none)])
        counts = [len(p.points) for p in photos]
        self._photo_of = np.repeat(np.arange(len(photos), dtype=np.int32), counts)
        self._num_photos = len(photos)
        keys = _keys(self._descriptors)
        self._order = np.argsort(keys, axis=1, kind="stable").astype(np.int32)
        ordered = np.take_along_axis(keys, self._order, axis=1)
        edges = np.arange(2**_KEY_BITS + 1)
        self._starts = np.stack([np.searchsorted(row, edges) for row in ordered]).astype(np.int32)

    def matches(self, query: Keypoints, *, least: int, most: int) -> list[Matches]:
        """Return the photos that share at least `least` keypoints with the query.

        Args:
            query: Keypoints of a photo.
            least: Fewest keypoints.
            most: How many photos at most: those with the most, then the first.

        Returns:
            The photo with the most shared keypoints first.
        """
        pairs, bits = _look_up(
            query.descriptors,
            _keys(query.descriptors),
            self._descriptors,
            self._order,
            self._starts,
        )
        if len(pairs) < least:
            return []
        pairs = _one_to_one(pairs, bits, self._photo_of)
        photo_of = self._photo_of[pairs[:, 1]]
        counts = np.bincount(photo_of, minlength=self._num_photos)
        best = np.argsort(-counts, kind="stable")[:most]
        found = []
        for photo in best[counts[best] >= least]:
            ours = pairs[photo_of == photo]
            found.append(Matches(int(photo), query.points[ours[:, 0]], self._points[ours[:, 1]]))
        return found


def _keys(descriptors: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Return ``(12, N)`` uint16: disjoint groups of bits, spread over the descriptor."""
    bits = np.unpackbits(descriptors.view(np.uint8).reshape(-1, 8 * WORDS), axis=1)
    # one seed for ever; neighbouring bits of ORB are correlated
    groups = np.random.default_rng(0).permutation(64 * WORDS)[: TABLES * _KEY_BITS]
    packed = np.ascontiguousarray(np.packbits(bits[:, groups], axis=1))
    return np.ascontiguousarray(packed.view(np.uint16).T)


def _one_to_one(
    pairs: NDArray[np.int32], bits: NDArray[np.int32], photo_of: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Keep the best partner of a query keypoint in each photo, then the best of a reference's."""
    order = np.lexsort((pairs[:, 1], pairs[:, 0], bits))
    pairs = pairs[order]
    places = pairs[:, 0].astype(np.int64) << 32 | photo_of[pairs[:, 1]]
    pairs = pairs[np.sort(np.unique(places, return_index=True)[1])]
    return pairs[np.sort(np.unique(pairs[:, 1], return_index=True)[1])]


@njit(cache=True, nogil=True)
def _look_up(
    queries: NDArray[np.uint64],
    keys: NDArray[np.uint16],
    descriptors: NDArray[np.uint64],
    order: NDArray[np.int32],
    starts: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return ``(M, 2)`` pairs (query, descriptor) at most `MAX_BITS` apart, and the bits."""
    size = 1024
    pairs = np.empty((size, 2), np.int32)
    bits = np.empty(size, np.int32)
    seen = np.full(len(descriptors), -1, np.int32)
    count = 0
    for query in range(len(queries)):
        for table in range(len(keys)):
            key = keys[table, query]
            for place in range(starts[table, key], starts[table, key + 1]):
                other = order[table, place]
                if seen[other] == query:
                    continue
                seen[other] = query
                distance = _distance(queries[query], descriptors[other])
                if distance > MAX_BITS:
                    continue
                if count == size:
                    pairs = np.concatenate((pairs, np.empty((size, 2), np.int32)))
                    bits = np.concatenate((bits, np.empty(size, np.int32)))
                    size *= 2
                pairs[count, 0], pairs[count, 1] = query, other
                bits[count] = distance
                count += 1
    return pairs[:count], bits[:count]


@njit(cache=True, nogil=True, inline="always")
def _distance(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> int:
    """Return in how many bits two descriptors differ."""
    total = 0
    for word in range(WORDS):
        x = first[word] ^ second[word]
        # adds neighbouring bits, pairs, nibbles, then all bytes by one product
        x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
        x = (x & np.uint64(0x3333333333333333)) + (
            (x >> np.uint64(2)) & np.uint64(0x3333333333333333)
        )
        x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        total += int((x * np.uint64(0x0101010101010101)) >> np.uint64(56))
    return total
