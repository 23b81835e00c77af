"""Size, position and complexity of one mask."""

import math

import numpy as np
import pytest
from skimage.measure import regionprops

from metrics.mask_traits import TRAITS, as_numbers, traits_of
from metrics.shape import shape_of


def rectangle() -> np.ndarray:  # type: ignore[type-arg]
    mask = np.zeros((40, 61), dtype=bool)
    mask[5:21, 30:58] = True
    mask[9:13, 35:40] = False
    return mask


def test_centre_is_that_of_scikit_image() -> None:
    mask = rectangle()
    row, column = regionprops(mask.astype(np.uint8))[0].centroid
    found = traits_of(mask)
    assert found.centre_x == pytest.approx((column + 0.5) / 61)
    assert found.centre_y == pytest.approx((row + 0.5) / 40)


def test_the_rest_is_the_shape() -> None:
    mask = rectangle()
    found, shape = traits_of(mask), shape_of(mask)
    assert (found.area_share, found.holes) == (shape.area_share, shape.holes)
    assert found.strut_share == pytest.approx(shape.strut_width / 61)


def test_full_mask_and_one_pixel_lie_in_the_middle() -> None:
    for mask in (np.ones((3, 5), dtype=bool), np.ones((1, 1), dtype=bool)):
        found = traits_of(mask)
        assert (found.centre_x, found.centre_y, found.area_share) == (0.5, 0.5, 1)


def test_empty_mask_has_no_place_and_no_outline() -> None:
    found = dict(zip(TRAITS, as_numbers(traits_of(np.zeros((4, 4), dtype=bool))), strict=True))
    assert found["area_share"] == found["components"] == found["holes"] == 0
    undefined = ("centre_x", "centre_y", "isoperimetric", "strut_share")
    assert all(math.isnan(found[name]) for name in undefined)
