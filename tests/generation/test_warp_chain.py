import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from generation.edits.warp import Warp
from generation.warp_chain import identity, then

HEIGHT, WIDTH = 17, 23


def affine(matrix: np.ndarray, shift: np.ndarray) -> Warp:  # type: ignore[type-arg]
    grid = identity(HEIGHT, WIDTH).grid @ matrix.T + shift
    return Warp(grid=grid.astype(np.float32), visible=np.ones((HEIGHT, WIDTH), np.bool_))


NUMBERS = st.floats(-0.2, 0.2)


@given(
    st.lists(NUMBERS, min_size=8, max_size=8), st.lists(st.floats(-2, 2), min_size=4, max_size=4)
)
def test_two_affine_maps_become_their_product(entries: list[float], shifts: list[float]) -> None:
    first, second = np.eye(2) + np.array(entries).reshape(2, 2, 2)
    shift_1, shift_2 = np.array(shifts).reshape(2, 2)
    found = then(affine(first, shift_1), affine(second, shift_2)).grid
    expected = affine(first @ second, first @ shift_2 + shift_1).grid
    between = affine(second, shift_2).grid
    inside = ((between >= 0) & (between <= [WIDTH - 1, HEIGHT - 1])).all(axis=-1)
    assert np.allclose(found[inside], expected[inside], atol=1e-4)


def test_identity_changes_nothing_before_or_after() -> None:
    warp = affine(np.array([[0.9, 0.1], [-0.1, 1.0]]), np.array([1.5, 0.5]))
    nothing = identity(HEIGHT, WIDTH)
    assert np.allclose(then(warp, nothing).grid, warp.grid, atol=1e-5)
    inside = ((warp.grid >= 0) & (warp.grid <= [WIDTH - 1, HEIGHT - 1])).all(axis=-1)
    assert np.allclose(then(nothing, warp).grid[inside], warp.grid[inside], atol=1e-5)


def test_point_is_visible_where_both_steps_see_it() -> None:
    first, second = identity(HEIGHT, WIDTH), affine(np.eye(2), np.array([2.0, 0.0]))
    first.visible[:, 10] = False
    second.visible[3] = False
    expected = np.ones((HEIGHT, WIDTH), np.bool_)
    expected[:, 8] = False
    expected[3] = False
    assert np.array_equal(then(first, second).visible, expected)


def test_one_pixel_is_its_own_image() -> None:
    assert then(identity(1, 1), identity(1, 1)).grid.tolist() == [[[0.0, 0.0]]]
