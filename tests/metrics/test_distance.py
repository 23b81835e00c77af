"""Distances against SciPy's transform and against a search over all pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from metrics.distance import MARGIN, count_down, count_on, spread

MEMBERS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20))


def squared_distances(member: NDArray[np.bool_], limit: int) -> NDArray[np.int16]:
    down = count_down(member, limit)
    up = np.full(member.shape[1], limit, np.uint8)
    steps = np.arange(1, 2 * limit, 2).astype(np.int16)
    squared = np.empty(member.shape, np.int16)
    for y in range(len(member)):
        count_on(member[y], up, limit)
        row = np.full(member.shape[1] + 2 * MARGIN, limit**2, np.int16)
        row[MARGIN:-MARGIN] = np.minimum(up, down[y]).astype(np.int16) ** 2
        spread(row, row.copy(), steps)
        squared[y] = row[MARGIN:-MARGIN]
    return squared


@given(MEMBERS)
def test_counts_rows_to_the_next_member_below(member: NDArray[np.bool_]) -> None:
    limit = 8
    expected = np.full(member.shape, limit)
    for y, x in np.ndindex(member.shape):
        below = np.flatnonzero(member[y:, x])
        if len(below):
            expected[y, x] = min(limit, below[0])
    np.testing.assert_array_equal(count_down(member, limit), expected)


@given(MEMBERS)
def test_squared_distances_are_exact_up_to_the_limit(member: NDArray[np.bool_]) -> None:
    limit = 12
    member[0, 0] = True  # SciPy's transform needs one
    exact = np.rint(distance_transform_edt(~member) ** 2)
    np.testing.assert_array_equal(squared_distances(member, limit), np.minimum(exact, limit**2))


def test_distances_reach_far_in_a_wide_image() -> None:
    member = np.zeros((150, 400), np.bool_)
    member[70, 200] = True
    exact = np.rint(distance_transform_edt(~member) ** 2)
    np.testing.assert_array_equal(squared_distances(member, 96), np.minimum(exact, 96**2))


@pytest.mark.parametrize("limit", [1, 255])
def test_counting_ends_at_the_limit(limit: int) -> None:
    assert count_down(np.zeros((300, 1), np.bool_), limit).min() == limit


@given(
    arrays(np.int16, st.integers(1, 20), elements=st.integers(0, 500)),
    arrays(np.int16, 8, elements=st.integers(0, 100)),
)
def test_spread_is_the_erosion_by_the_sum_of_the_steps(
    costs: NDArray[np.int16], steps: NDArray[np.int16]
) -> None:
    steps.sort()
    total = np.append(0, steps.cumsum())
    x = np.arange(len(costs))
    apart = np.abs(x[:, None] - x)
    reached = costs[None] + total[np.minimum(apart, len(steps))]
    expected = np.where(apart <= len(steps), reached, 10**6).min(axis=1)
    row = np.full(len(costs) + 2 * MARGIN, 500, np.int16)
    row[MARGIN:-MARGIN] = costs
    spread(row, row.copy(), steps)
    np.testing.assert_array_equal(row[MARGIN:-MARGIN], expected)
