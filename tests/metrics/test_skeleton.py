"""Equality with scikit-image, pixel for pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from metrics.skeleton import skeleton
from tests.metrics.synthetic_maps import blobs, large_pair, pairs, thick, thin

Mask = NDArray[np.bool_]
SMALL = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


@given(SMALL)
@settings(max_examples=300)
def test_small_masks_of_any_kind(mask: Mask) -> None:
    np.testing.assert_array_equal(skeleton(mask), skeletonize(mask))


@given(
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.integers(0, 6),
    st.integers(0, 1000),
    st.integers(1, 99),
)
def test_blobs_that_touch_the_border(
    shape: tuple[int, int], radius: int, seed: int, percent: int
) -> None:
    mask = blobs(shape, radius, seed, percent)
    np.testing.assert_array_equal(skeleton(mask), skeletonize(mask))


@pytest.mark.parametrize("shape", [(1, 1), (1, 57), (57, 1), (2, 2), (2, 31), (33, 64), (101, 67)])
@pytest.mark.parametrize("value", [False, True])
def test_empty_and_full_masks(shape: tuple[int, int], value: bool) -> None:
    mask = np.full(shape, value)
    np.testing.assert_array_equal(skeleton(mask), skeletonize(mask))


@pytest.mark.parametrize("name", sorted(pairs()))
def test_synthetic_truths(name: str) -> None:
    mask = pairs()[name].truth
    np.testing.assert_array_equal(skeleton(mask), skeletonize(mask))


def test_views_are_read_by_their_strides() -> None:
    mask = thick((90, 120), 5) ^ thin((90, 120), 6)
    for view in (mask.T, mask[::-1, ::2], np.asfortranarray(mask)):
        np.testing.assert_array_equal(skeleton(view), skeletonize(np.ascontiguousarray(view)))


def test_mask_is_left_as_it_was() -> None:
    mask = blobs((40, 40), 3, 1)
    before = mask.copy()
    skeleton(mask)
    np.testing.assert_array_equal(mask, before)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["thick 1024x1024", "thin 2200x1800"])
def test_large_masks(name: str) -> None:
    mask = large_pair(name).truth
    np.testing.assert_array_equal(skeleton(mask), skeletonize(mask))
