"""The published graph, step by step."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from skimage.feature import canny

from metrics.published_graph import published_graph

Mask = NDArray[np.bool_]


def lattice() -> Mask:
    mask = np.zeros((128, 128), bool)
    mask[10:120:18] = True
    mask[:, 10:120:18] = True
    return mask


def test_graph_has_fifty_whole_points() -> None:
    graph = published_graph(lattice())
    assert graph.points.shape == (50, 2)
    assert graph.points.dtype == np.int64


def test_points_closer_than_twenty_pixels_are_joined() -> None:
    graph = published_graph(lattice())
    expected = sorted(cKDTree(graph.points).query_pairs(20 - 1e-9))
    assert len(expected) > 20
    assert [tuple(edge) for edge in graph.edges.tolist()] == expected


def test_same_mask_has_the_same_graph() -> None:
    first, second = published_graph(lattice()), published_graph(lattice())
    np.testing.assert_array_equal(first.points, second.points)


def test_few_edge_pixels_are_all_points() -> None:
    mask = np.zeros((40, 60), bool)
    mask[10:16, 30:37] = True
    graph = published_graph(mask)
    edge_pixels = np.argwhere(canny(mask))[:, ::-1]
    assert 0 < len(edge_pixels) <= 50
    np.testing.assert_array_equal(graph.points, edge_pixels)


@pytest.mark.parametrize("full", [False, True])
def test_constant_mask_has_an_empty_graph(full: bool) -> None:
    graph = published_graph(np.full((30, 20), full))
    assert graph.points.shape == (0, 2)
    assert graph.edges.shape == (0, 2)
