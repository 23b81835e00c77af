"""The record of a mask's shape."""

import math
from dataclasses import asdict

import numpy as np
import pytest

from metrics.complexity import complexity
from metrics.shape import shape_of
from metrics.skeleton import skeleton
from metrics.struts import strut_width
from metrics.topology import betti_numbers


def frame() -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    mask = np.zeros((100, 200), bool)
    mask[20:80, 20:180] = True
    mask[26:74, 26:174] = False
    return mask


def test_shape_of_a_frame_is_what_its_parts_say() -> None:
    shape, mask = shape_of(frame()), frame()
    assert shape.area_share == (60 * 160 - 48 * 148) / (100 * 200)
    assert (shape.components, shape.holes) == betti_numbers(mask) == (1, 1)
    assert (shape.strut_width, shape.thin_strut_width) == strut_width(mask)
    assert (shape.isoperimetric, shape.num_contours, shape.num_dominant_points) == complexity(mask)


def test_skeleton_at_hand_gives_the_same_shape() -> None:
    assert shape_of(frame(), skeleton(frame())) == shape_of(frame())


def test_speck_share_reaches_the_counts() -> None:
    assert shape_of(frame(), speck_share=0.4).holes == 0


def test_empty_mask_has_no_width_and_no_quotient() -> None:
    shape = asdict(shape_of(np.zeros((6, 8), bool)))
    undefined = {name for name, value in shape.items() if math.isnan(value)}
    assert undefined == {"strut_width", "thin_strut_width", "isoperimetric"}
    assert all(shape[name] == 0 for name in shape.keys() - undefined)


def test_full_mask_has_a_defined_shape() -> None:
    shape = shape_of(np.ones((30, 90), bool))
    assert (shape.area_share, shape.components, shape.holes) == (1, 1, 0)
    assert shape.strut_width == pytest.approx(30, abs=0.5)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2)])
def test_tiny_full_mask_has_finite_numbers(size: tuple[int, int]) -> None:
    assert all(math.isfinite(value) for value in asdict(shape_of(np.ones(size, bool))).values())
