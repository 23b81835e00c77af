"""Widths of struts and lengths of skeletons, against bars of known width and a graph of steps."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.morphology import skeletonize

from metrics.struts import skeleton_length, strut_width

Mask = NDArray[np.bool_]
MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=16))
SIDE = 120


def bar(width: int) -> Mask:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[30 : 30 + width, 5:-5] = True
    return mask


@pytest.mark.parametrize("width", range(1, 16))
@pytest.mark.parametrize("upright", [False, True])
def test_straight_bar_has_its_width_within_half_a_pixel(width: int, upright: bool) -> None:
    mask = bar(width).T if upright else bar(width)
    assert strut_width(np.ascontiguousarray(mask)) == pytest.approx((width, width), abs=0.5)


@pytest.mark.parametrize("width", range(1, 16))
def test_diagonal_bar_has_its_width_within_a_pixel(width: int) -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    across, along = np.abs(x - y), x + y
    mask = (across <= width / math.sqrt(2)) & (along > 40) & (along < 2 * SIDE - 40)
    area_by_length = 2 * int(width / math.sqrt(2)) + 1
    true_width = area_by_length / math.sqrt(2)
    assert strut_width(mask) == pytest.approx((true_width, true_width), abs=1)


@pytest.mark.parametrize("side", [20, 41, 90])
def test_corners_of_a_square_are_no_thin_struts(side: int) -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[10 : 10 + side, 10 : 10 + side] = True
    assert strut_width(mask) == pytest.approx((side, side), abs=2)


def test_rough_outline_makes_no_thin_struts() -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    rough = np.random.default_rng(0).integers(0, 2, SIDE)
    mask = (np.abs(y - 60) <= 20 + rough[None]) & (x > 5) & (x < SIDE - 5)
    assert strut_width(mask).thin == pytest.approx(42, abs=2)


def test_thin_width_finds_the_strut_of_a_solid_object() -> None:
    mask = bar(3)
    mask[10:50, 5:45] = True
    assert strut_width(mask).thin == pytest.approx(3, abs=0.5)


def test_median_is_that_of_the_longer_struts() -> None:
    mask = bar(5)
    mask[60:75, 5:65] = True
    assert strut_width(mask).median == pytest.approx(5, abs=0.5)


def test_mask_cut_by_the_image_ends_there() -> None:
    assert strut_width(np.ones((9, 60), bool)) == pytest.approx((9, 9), abs=0.5)


@given(mask=MASKS)
def test_widths_are_among_those_of_the_skeleton_pixels(mask: Mask) -> None:
    skeleton = skeletonize(mask)
    widths = 2 * distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1][skeleton] - 0.5
    median, thin = strut_width(mask, skeleton)
    if not skeleton.any():
        assert math.isnan(median)
        assert math.isnan(thin)
    else:
        assert widths.min() - 1e-5 <= thin <= median <= widths.max() + 1e-5


@given(mask=MASKS)
def test_width_at_a_pixel_is_its_distance_to_the_background_doubled(mask: Mask) -> None:
    distance = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    for y, x in np.argwhere(mask)[:20]:
        pixel = np.zeros_like(mask)
        pixel[y, x] = True
        assert strut_width(mask, pixel).median == pytest.approx(2 * distance[y, x] - 0.5)


@pytest.mark.slow
@given(mask=MASKS)
def test_skeleton_is_computed_where_none_is_given(mask: Mask) -> None:
    given, computed = strut_width(mask, skeletonize(mask)), strut_width(mask)
    np.testing.assert_array_equal(given, computed)  # NaN equals NaN here


def test_place_of_the_object_does_not_matter() -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[40:47, 40:90] = True
    mask[40:90, 60:63] = True
    assert strut_width(np.roll(mask, (-40, 25), (0, 1))) == strut_width(mask)


def test_straight_and_diagonal_lines_have_their_lengths() -> None:
    assert skeleton_length(np.ones((1, 8), bool)) == 7
    assert skeleton_length(np.ones((8, 1), bool)) == 7
    assert skeleton_length(np.eye(8, dtype=bool)) == pytest.approx(7 * math.sqrt(2))
    assert skeleton_length(np.eye(8, dtype=bool)[:, ::-1].copy()) == pytest.approx(7 * math.sqrt(2))


def test_corner_is_walked_once() -> None:
    assert skeleton_length(np.array([[1, 1], [0, 1]], bool)) == 2


def test_no_pixel_and_one_pixel_have_no_length() -> None:
    assert skeleton_length(np.zeros((3, 4), bool)) == 0
    assert skeleton_length(np.ones((1, 1), bool)) == 0


@given(mask=MASKS)
def test_length_is_the_sum_over_all_steps_between_pixels(mask: Mask) -> None:
    pixels = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    expected = 0.0
    for y, x in pixels:
        expected += ((y, x + 1) in pixels) + ((y + 1, x) in pixels)
        for side in (-1, 1):
            beside = {(y, x + side), (y + 1, x)} & pixels
            if (y + 1, x + side) in pixels and not beside:
                expected += math.sqrt(2)
    assert skeleton_length(mask) == pytest.approx(expected)
