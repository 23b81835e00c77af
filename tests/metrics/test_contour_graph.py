"""The graph of points along contours: even, deterministic, and steady under deformation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from metrics.contour_graph import contour_graph
from metrics.contours import contours_of

Mask = NDArray[np.bool_]
MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=16))
NUM_POINTS = st.integers(3, 40)


def disc(radius: float, *, hole: float = 0, side: int = 200) -> Mask:
    y, x = np.mgrid[:side, :side] - side // 2
    distance = np.hypot(y, x)
    return (distance <= radius) & (distance >= hole)


def square(side: int) -> Mask:
    return np.pad(np.ones((side, side), bool), 5)


@given(mask=MASKS, num_points=NUM_POINTS)
def test_graph_has_the_points_asked_for_on_the_contours(mask: Mask, num_points: int) -> None:
    graph = contour_graph(mask, num_points=num_points)
    assert graph.points.shape == (num_points if mask.any() else 0, 2)
    assert graph.points.dtype == np.float64
    for number in np.unique(graph.contours):
        points = graph.points[graph.contours == number]
        assert len(points) >= 3
        nearest = [np.abs(c[None] - points[:, None]).max(2).min(1) for c in contours_of(mask)[0]]
        assert min(distance.max() for distance in nearest) <= 0.5


@given(mask=MASKS, num_points=NUM_POINTS)
def test_edges_are_sorted_pairs_of_different_points(mask: Mask, num_points: int) -> None:
    graph = contour_graph(mask, num_points=num_points)
    assert graph.edges.dtype == np.int64
    assert graph.edges.shape == (len(graph.edges), 2)
    assert (graph.edges[:, 0] < graph.edges[:, 1]).all()
    pairs = [tuple(edge) for edge in graph.edges.tolist()]
    assert pairs == sorted(set(pairs))


@given(mask=MASKS, num_points=NUM_POINTS, move=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_moved_mask_has_the_moved_graph(mask: Mask, num_points: int, move: tuple[int, int]) -> None:
    padded = np.pad(mask, 1)
    moved = np.pad(padded, ((move[1], 2), (move[0], 3)))
    here, there = (contour_graph(m, num_points=num_points) for m in (padded, moved))
    np.testing.assert_allclose(there.points, here.points + move, atol=1e-9)
    np.testing.assert_array_equal(there.edges, here.edges)


def test_points_of_a_square_are_evenly_spaced_from_its_right_side_on() -> None:
    graph = contour_graph(square(11), num_points=8)
    expected = [[15, 10], [15, 5], [10, 5], [5, 5], [5, 10], [5, 15], [10, 15], [15, 15]]
    np.testing.assert_allclose(graph.points, expected)


def test_closed_contour_is_a_ring_of_edges() -> None:
    edges = contour_graph(disc(60), num_points=10).edges
    ring = {(i, i + 1) for i in range(9)} | {(0, 9)}
    assert {tuple(edge) for edge in edges.tolist()} == ring


def test_outline_runs_counterclockwise_and_hole_clockwise_as_seen() -> None:
    graph = contour_graph(disc(60, hole=30), num_points=60)
    for number, sign in ((0, -1), (1, 1)):
        x, y = graph.points[graph.contours == number].T
        area = (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2  # y points down
        assert np.sign(area) == sign


def test_contours_have_points_by_their_length() -> None:
    graph = contour_graph(disc(80, hole=20), num_points=50)
    assert np.bincount(graph.contours).tolist() == [40, 10]


def test_speck_takes_no_points_of_the_object() -> None:
    mask = disc(60)
    with_specks = mask.copy()
    with_specks[2:190:9, 2] = True
    clean, specked = (contour_graph(m, num_points=40) for m in (mask, with_specks))
    np.testing.assert_allclose(specked.points, clean.points)


def test_longest_contours_come_first_where_there_is_no_room_for_all() -> None:
    mask = np.zeros((60, 60), bool)
    for place, side in ((2, 9), (15, 12), (30, 10), (45, 11)):
        mask[place : place + side, place : place + side] = True
    graph = contour_graph(mask, num_points=9)
    assert np.bincount(graph.contours).tolist() == [3, 3, 3]
    assert graph.points[graph.contours == 0].min() >= 15
    assert graph.points[graph.contours == 0].max() <= 27


def test_small_holes_do_not_use_up_the_points_of_the_outline() -> None:
    mask = square(100)
    mask[8:103:6, 8:103:6] = False
    graph = contour_graph(mask, num_points=60)
    assert (graph.contours == 0).all()
    enough = contour_graph(mask, num_points=1200)
    assert enough.contours.max() == 16 * 16


def test_near_points_across_a_strut_are_joined() -> None:
    mask = np.zeros((40, 120), bool)
    mask[18:21, 10:110] = True
    graph = contour_graph(mask, num_points=40)
    tail, head = graph.points[graph.edges[:, 0]], graph.points[graph.edges[:, 1]]
    assert (np.abs(tail[:, 1] - head[:, 1]) == 2).sum() > 15


@given(mask=MASKS, num_points=NUM_POINTS, radius=st.floats(0.5, 1.9))
def test_edges_are_neighbours_and_the_pairs_of_a_search_tree(
    mask: Mask, num_points: int, radius: float
) -> None:
    graph = contour_graph(mask, num_points=num_points, radius=radius)
    near = {tuple(edge) for edge in graph.edges.tolist()}
    expected: set[tuple[int, int]] = set()
    total = 0.0
    for number in np.unique(graph.contours):
        own = np.flatnonzero(graph.contours == number).tolist()
        pairs = zip(own, own[1:] + own[:1], strict=True)
        expected |= {(min(pair), max(pair)) for pair in pairs}
        total += curve_lengths(mask)[number]
    tree = cKDTree(graph.points) if len(graph.points) else None
    reach = radius * total / num_points
    sure = tree.query_pairs(reach - 1e-6) if tree and reach > 1e-6 else set()
    possible = tree.query_pairs(reach + 1e-6) if tree else set()
    assert sure | expected <= near <= possible | expected


def curve_lengths(mask: Mask) -> list[float]:
    closed = [np.concatenate([c, c[:1]]) for c in contours_of(mask)[0]]
    return sorted((float(np.hypot(*np.diff(c, axis=0).T).sum()) for c in closed), reverse=True)


@pytest.mark.parametrize("hole", [0, 25])
def test_small_deformation_moves_each_point_a_little(hole: float) -> None:
    y, x = np.mgrid[:300, :300] / 1.0
    mask = elliptic(y, x, hole=hole)
    warped = elliptic(y + 2 * np.sin(x / 40), x + 2 * np.cos(y / 35), hole=hole)
    before, after = (contour_graph(m, num_points=80) for m in (mask, warped))
    np.testing.assert_array_equal(before.contours, after.contours)
    assert np.hypot(*(before.points - after.points).T).max() < 8


def elliptic(y: NDArray[np.float64], x: NDArray[np.float64], *, hole: float) -> Mask:
    level_top = np.maximum((y - 140) / 70, -0.6)  # a flat top, where tracers would jump
    outline = np.hypot(level_top, (x - 150) / 100) + 9 * ((y - 140) / 70 < -0.6) < 1
    inside = np.hypot(y - 150, x - 160) < hole
    return outline & ~inside


@pytest.mark.parametrize("mask", [np.ones((1, 1), bool), np.pad(np.ones((1, 1), bool), 4)])
def test_points_of_one_pixel_coincide(mask: Mask) -> None:
    graph = contour_graph(mask, num_points=5)
    np.testing.assert_array_equal(graph.points, np.repeat(np.argwhere(mask)[:, ::-1], 5, 0))
    assert len(graph.edges) == 10  # all are near all


def test_line_of_pixels_is_walked_there_and_back() -> None:
    graph = contour_graph(np.ones((1, 11), bool), num_points=4)
    np.testing.assert_allclose(graph.points, [[10, 0], [5, 0], [0, 0], [5, 0]])


def test_empty_mask_has_an_empty_graph() -> None:
    graph = contour_graph(np.zeros((4, 6), bool), num_points=9)
    assert graph.points.shape == (0, 2)
    assert graph.edges.shape == (0, 2)
    assert graph.contours.shape == (0,)


def test_two_points_are_too_few() -> None:
    with pytest.raises(ValueError, match="num_points must be at least 3, got 2"):
        contour_graph(square(5), num_points=2)
