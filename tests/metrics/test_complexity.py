"""Complexity of outlines, against closed forms and scikit-image."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from skimage.draw import polygon2mask
from skimage.measure import perimeter_crofton

from metrics.complexity import complexity, outline_length
from metrics.topology import betti_numbers

Mask = NDArray[np.bool_]
MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))


def disc(radius: float, *, hole: float = 0) -> Mask:
    side = 2 * int(radius) + 5
    y, x = np.mgrid[:side, :side] - side // 2
    distance = np.hypot(y, x)
    return (distance <= radius) & (distance >= hole)


@given(mask=MASKS)
def test_length_is_that_of_scikit_image(mask: Mask) -> None:
    assert outline_length(mask) == pytest.approx(perimeter_crofton(mask, directions=4))


@pytest.mark.parametrize("radius", [20, 50, 100])
def test_disc_is_the_simplest_shape(radius: float) -> None:
    assert complexity(disc(radius)).isoperimetric == pytest.approx(1, abs=1 / radius)


def test_square_at_any_angle_is_four_by_pi_within_a_tenth() -> None:
    corners = 80 * np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]])
    for angle in np.linspace(0, math.pi / 2, 7):
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        mask = polygon2mask((260, 260), corners @ turn + 130)
        assert complexity(mask).isoperimetric == pytest.approx(4 / math.pi, rel=0.11)


def test_inner_contours_count() -> None:
    radius, hole = 60, 30
    expected = (radius + hole) ** 2 / (radius**2 - hole**2)
    assert complexity(disc(radius, hole=hole)).isoperimetric == pytest.approx(expected, rel=0.03)


def wave(side: int) -> Mask:
    y, x = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    return np.hypot(x, y) < 0.3 + 0.08 * np.sin(9 * np.arctan2(y, x))


def test_enlarging_a_shape_changes_neither_quotient_nor_contours() -> None:
    small, large = complexity(wave(400)), complexity(wave(1600))
    assert small.isoperimetric == pytest.approx(large.isoperimetric, rel=0.02)
    assert small.num_contours == large.num_contours == 1


@given(mask=MASKS)
def test_each_part_and_each_hole_has_a_contour(mask: Mask) -> None:
    assert complexity(mask).num_contours == sum(betti_numbers(mask, speck_share=0))


@pytest.mark.parametrize("side", [10, 100, 1000])
def test_square_of_any_size_has_four_dominant_points(side: int) -> None:
    mask = np.pad(np.ones((side, side), bool), 3)
    assert complexity(mask).num_dominant_points == 4


def test_star_has_its_corners_as_dominant_points() -> None:
    angle = np.arange(10) * math.pi / 5 + 0.1
    radius = np.where(np.arange(10) % 2, 60, 150)
    corners = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1) + 160
    mask = polygon2mask((320, 320), corners)
    assert complexity(mask).num_dominant_points == pytest.approx(10, abs=1)


def test_disc_has_twice_the_dominant_points_at_four_times_the_radius() -> None:
    # a chord of a circle keeps within e of it up to 2 sqrt(2 r e): the points grow as sqrt(r)
    few, many = (complexity(disc(radius)).num_dominant_points for radius in (60, 240))
    assert many / few == pytest.approx(2, rel=0.25)


def test_empty_mask_has_no_outline() -> None:
    isoperimetric, num_contours, num_points = complexity(np.zeros((5, 7), bool))
    assert math.isnan(isoperimetric)
    assert (num_contours, num_points) == (0, 0)


def test_single_pixel_has_a_contour_of_one_point() -> None:
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    assert complexity(mask)[1:] == (1, 1)
    length = math.pi / 8 * (4 + 4 / math.sqrt(2))  # two crossings on a line in each direction
    assert complexity(mask).isoperimetric == pytest.approx(length**2 / (4 * math.pi))


def test_full_mask_has_the_border_of_the_image_as_contour() -> None:
    assert complexity(np.ones((40, 60), bool))[1:] == (1, 4)
