"""Equality with ``cv2.approxPolyDP`` of OpenCV 4.12, whatever OpenCV is installed.

`polygons.json` holds curves of our own synthetic masks and the polygons that OpenCV 4.12.0 made of
them; OpenCV 4.13 and later make others of 16 of them.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metrics.polygon import Points, num_vertices, simplified

RECORDED = json.loads(Path(__file__).with_name("polygons.json").read_text())
CURVES = st.integers(1, 40).flatmap(
    lambda n: arrays(np.int32, (n, 2), elements=st.integers(-20, 20))
)
EPSILONS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 7.5])


@pytest.mark.parametrize("case", RECORDED)
def test_vertices_are_those_of_opencv_4_12(case: dict[str, object]) -> None:
    points = np.array(case["points"], np.int32)
    vertices = simplified(points, float(str(case["epsilon"])), closed=bool(case["closed"]))
    assert vertices.tolist() == case["vertices"]


@given(CURVES, EPSILONS)
def test_open_curve_keeps_its_ends_and_the_order_of_its_points(
    points: Points, epsilon: float
) -> None:
    vertices = simplified(points, epsilon, closed=False).tolist()
    assert vertices[0] == points[0].tolist()
    if points[0].tolist() != points[-1].tolist():
        assert vertices[-1] == points[-1].tolist()
    remaining = iter(points.tolist())
    assert all(vertex in remaining for vertex in vertices)


@given(CURVES, st.integers(-1000, 1000), st.booleans())
def test_vertices_move_with_the_curve(points: Points, shift: int, closed: bool) -> None:
    moved = simplified(points + np.int32(shift), 2.0, closed=closed)
    np.testing.assert_array_equal(moved, simplified(points, 2.0, closed=closed) + shift)


@given(st.lists(CURVES, max_size=5), EPSILONS)
def test_vertices_of_many_curves_are_counted_together(curves: list[Points], epsilon: float) -> None:
    points = np.concatenate([np.empty((0, 2), np.int32), *curves])
    ends = np.cumsum([len(curve) for curve in curves], dtype=np.int64)
    expected = sum(len(simplified(curve, epsilon, closed=False)) for curve in curves)
    assert num_vertices(points, ends, epsilon) == expected


@pytest.mark.parametrize("closed", [True, False])
def test_no_points_give_no_vertices(closed: bool) -> None:
    assert simplified(np.empty((0, 2), np.int32), 2.0, closed=closed).shape == (0, 2)


@pytest.mark.parametrize("closed", [True, False])
def test_one_point_is_its_own_polygon(closed: bool) -> None:
    point = np.array([[7, -3]], np.int32)
    np.testing.assert_array_equal(simplified(point, 2.0, closed=closed), point)


def test_rectangle_becomes_its_corners() -> None:
    top = [[x, 0] for x in range(30)]
    right = [[29, y] for y in range(1, 20)]
    bottom = [[x, 19] for x in range(28, -1, -1)]
    left = [[0, y] for y in range(18, 0, -1)]
    outline = np.array(top + right + bottom + left, np.int32)
    corners = {tuple(vertex) for vertex in simplified(outline, 2.0, closed=True).tolist()}
    assert corners == {(0, 0), (29, 0), (29, 19), (0, 19)}


def test_large_coordinates_do_not_overflow() -> None:
    far = 2**20 - 1
    points = np.array([[-far, -far], [far, far - 3], [far, -far]], np.int32)
    np.testing.assert_array_equal(simplified(points, 2.0, closed=False), points)
