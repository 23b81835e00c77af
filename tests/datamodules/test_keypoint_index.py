import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.keypoint_index import MAX_BITS, KeypointIndex
from datamodules.keypoints import Keypoints


def keypoints(bits: NDArray[np.uint8], shift: float = 0) -> Keypoints:
    """Return keypoints with ``(N, 256)`` given bits, along a diagonal."""
    points = np.arange(len(bits), dtype=np.float32)[:, None] * np.float32([3, 5]) + shift
    descriptors = np.ascontiguousarray(np.packbits(bits, axis=1))
    return Keypoints(points.astype(np.float32), descriptors.view(np.uint64))


def random_bits(seed: int, count: int = 40) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 2, (count, 256)).astype(np.uint8)


def test_same_keypoints_are_found_each_with_its_partner() -> None:
    index = KeypointIndex([keypoints(random_bits(seed), 100 * seed) for seed in range(5)])
    [match] = index.matches(keypoints(random_bits(3)), least=4, most=10)
    assert match.photo == 3
    assert len(match.query) == 40
    np.testing.assert_allclose(match.reference, match.query + 300)


def test_found_descriptors_differ_in_few_bits_and_most_of_those_are_found() -> None:
    bits = random_bits(0, count=2000)
    flips = np.random.default_rng(1).integers(0, 97, len(bits))
    order = np.random.default_rng(2).random(bits.shape).argsort(axis=1)
    changed = bits ^ (order < flips[:, None])
    [match] = KeypointIndex([keypoints(bits)]).matches(keypoints(changed), least=1, most=1)
    np.testing.assert_array_equal(match.query, match.reference)
    found = (match.query[:, 0] / 3).astype(int)
    assert flips[found].max() == MAX_BITS
    # 1 - (1 - .9**16)**12 = .91 at 10 %
    assert (flips[found] <= 26).sum() > 0.9 * (flips <= 26).sum()


def test_each_keypoint_has_one_partner_in_a_photo() -> None:
    bits = random_bits(0, count=10)
    doubled = np.concatenate([bits, bits])
    for ours, theirs in ((bits, doubled), (doubled, bits)):
        [match] = KeypointIndex([keypoints(theirs)]).matches(keypoints(ours), least=1, most=1)
        assert len(match.query) == 10


def test_photo_that_shares_more_comes_first_and_most_limits_them() -> None:
    bits = random_bits(0)
    index = KeypointIndex([keypoints(bits[:10]), keypoints(bits[:30]), keypoints(bits[:20])])
    query = keypoints(bits)
    assert [m.photo for m in index.matches(query, least=1, most=9)] == [1, 2, 0]
    assert [m.photo for m in index.matches(query, least=20, most=9)] == [1, 2]
    assert [m.photo for m in index.matches(query, least=1, most=1)] == [1]


@pytest.mark.parametrize("photos", [[], [keypoints(random_bits(0, count=0))]])
def test_nothing_is_found_in_nothing(photos: list[Keypoints]) -> None:
    assert KeypointIndex(photos).matches(keypoints(random_bits(0)), least=1, most=5) == []


def test_query_without_keypoints_matches_nothing() -> None:
    index = KeypointIndex([keypoints(random_bits(0))])
    assert index.matches(keypoints(random_bits(0, count=0)), least=1, most=5) == []
