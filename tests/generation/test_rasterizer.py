import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import polygon2mask

from generation.scenes.rasterizer import NOTHING, coverage, rasterize

ORIGIN = np.zeros(2)
PLACES = st.integers(-8 * 64, 40 * 64).map(lambda n: n / 64)
CORNERS = st.lists(st.tuples(PLACES, PLACES), min_size=3, max_size=3)


def draw(
    points: list[tuple[float, float, float]], faces: list[list[int]], side: int = 1, size: int = 32
) -> np.ndarray:
    return rasterize(np.array(points), np.array(faces, np.int32), ORIGIN, (size, size), side)


@given(CORNERS)
@settings(max_examples=60, deadline=None)
def test_samples_of_a_triangle_are_those_inside_its_outline(
    corners: list[tuple[float, float]],
) -> None:
    found = draw([(x, y, 1.0) for x, y in corners], [[0, 1, 2]]) != NOTHING
    # row, column with sample centres at whole numbers; only outlines themselves may differ
    outline = np.array(corners)[:, ::-1] - 0.5
    expected = polygon2mask((32, 32), outline)
    for row, column in np.argwhere(found != expected):
        assert distance_to_outline(outline, row, column) < 1e-6


def distance_to_outline(outline: np.ndarray, row: int, column: int) -> float:
    point = np.array([row, column], float)
    distances = []
    for start, stop in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        along = stop - start
        share = np.clip((point - start) @ along / max(along @ along, 1e-12), 0, 1)
        distances.append(np.linalg.norm(start + share * along - point))
    return min(distances)


@pytest.mark.parametrize("side", [4, 16])
def test_coverage_sums_to_the_area_of_the_triangle(side: int) -> None:
    index = draw([(3.2, 4.1, 1), (28.7, 9.3, 1), (11.4, 30.6, 1)], [[0, 1, 2]], side)
    one, two = np.array([25.5, 5.2]), np.array([8.2, 26.5])
    area = abs(one[0] * two[1] - one[1] * two[0]) / 2
    assert coverage(index, side).sum() / 255 == pytest.approx(area, rel=0.01)


def test_upright_edge_has_more_levels_than_samples_in_a_row() -> None:
    levels = set()
    for edge in np.linspace(8, 9, 33):
        square = [(4.0, 4.0, 1), (edge, 4.0, 1), (edge, 20.0, 1), (4.0, 20.0, 1)]
        levels.add(int(coverage(draw(square, [[0, 1, 2], [0, 2, 3]], 4), 4)[10, 8]))
    assert len(levels) == 17


@given(st.lists(st.tuples(PLACES, PLACES), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_two_triangles_that_share_an_edge_leave_no_gap(points: list[tuple[float, float]]) -> None:
    start, stop, left, right = np.array(points)

    def side_of(point: np.ndarray) -> float:
        along, to = stop - start, point - start
        return along[0] * to[1] - along[1] * to[0]

    if side_of(left) * side_of(right) >= 0:  # both on one side: they overlap
        return
    corners = [(x, y, 1.0) for x, y in points]
    both = [draw(corners, [face], 2) != NOTHING for face in ([0, 1, 2], [1, 0, 3])]
    assert not (both[0] & both[1]).any()
    together = draw(corners, [[0, 1, 2], [1, 0, 3]], 2) != NOTHING
    np.testing.assert_array_equal(together, both[0] | both[1])


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_nearer_triangle_hides_the_farther_in_any_order(order: list[int]) -> None:
    far = [(2, 2, 0.2), (30, 2, 0.2), (2, 30, 0.2)]
    near = [(4, 4, 0.5), (12, 4, 0.5), (4, 12, 0.5)]
    faces = np.array([[0, 1, 2], [3, 4, 5]])[order]
    index = draw(far + near, faces.tolist())
    assert faces[index[6, 6]].tolist() == [3, 4, 5]
    assert faces[index[3, 20]].tolist() == [0, 1, 2]
    assert index[31, 31] == NOTHING


def test_triangles_that_pierce_each_other_swap_where_their_depths_are_equal() -> None:
    slanted = [(0, 0, 0.1), (32, 0, 0.9), (0, 32, 0.1), (32, 32, 0.9)]
    level = [(x, y, 0.5) for x, y, _ in slanted]
    index = draw(slanted + level, [[0, 1, 2], [1, 3, 2], [4, 5, 6], [5, 7, 6]])
    assert (index[:, :16] >= 2).all()
    assert (index[:, 16:] < 2).all()


def test_triangle_with_a_corner_behind_the_camera_is_left_out() -> None:
    assert (draw([(0, 0, 1), (30, 0, 0), (0, 30, 1)], [[0, 1, 2]]) == NOTHING).all()


def test_window_of_one_pixel_and_triangle_without_area_are_drawn() -> None:
    assert draw([(0, 0, 1), (2, 0, 1), (0, 2, 1)], [[0, 1, 2]], size=1).tolist() == [[0]]
    assert draw([(0, 0, 1), (1, 1, 1), (2, 2, 1)], [[0, 1, 2]], size=1).tolist() == [[NOTHING]]
