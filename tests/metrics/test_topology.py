"""Parts and holes, against the labels and the Euler number of scikit-image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from skimage.measure import euler_number, label

from metrics.topology import SPECK_SHARE, BettiNumbers, betti_numbers

Mask = NDArray[np.bool_]
MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))


def ring(size: int = 100, *, inner: int = 40) -> Mask:
    mask = np.zeros((size, size), bool)
    mask[5:-5, 5:-5] = True
    middle = slice((size - inner) // 2, (size + inner) // 2)
    mask[middle, middle] = False
    return mask


@given(mask=MASKS)
def test_numbers_are_those_of_labels_in_the_padded_mask(mask: Mask) -> None:
    components = int(label(mask, connectivity=2).max())
    background = int(label(~np.pad(mask, 1), connectivity=1).max())
    assert betti_numbers(mask, speck_share=0) == (components, background - 1)


@given(mask=MASKS, least=st.integers(1, 12))
def test_specks_are_the_labels_with_fewer_pixels(mask: Mask, least: int) -> None:
    components = np.bincount(label(mask, connectivity=2).ravel())[1:]
    background = label(~np.pad(mask, 1), connectivity=1)
    holes = np.bincount(background.ravel())[2:]  # 1 is the first in raster order: the outside
    found = betti_numbers(mask, speck_share=(least - 0.5) / mask.size)
    assert found == ((components >= least).sum(), (holes >= least).sum())


@given(mask=MASKS)
def test_components_minus_holes_is_the_euler_number(mask: Mask) -> None:
    components, holes = betti_numbers(mask, speck_share=0)
    assert components - holes == euler_number(mask, connectivity=2)


def test_larger_mask_agrees_with_labels() -> None:
    mask = np.random.default_rng(0).random((301, 203)) > 0.4
    components = int(label(mask, connectivity=2).max())
    background = int(label(~np.pad(mask, 1), connectivity=1).max())
    assert betti_numbers(mask, speck_share=0) == (components, background - 1)


@pytest.mark.parametrize(
    ("full", "expected"), [(False, BettiNumbers(0, 0)), (True, BettiNumbers(1, 0))]
)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (33, 20)])
def test_constant_mask_has_defined_numbers(
    full: bool, expected: BettiNumbers, shape: tuple[int, int]
) -> None:
    assert betti_numbers(np.full(shape, full)) == expected


def test_ring_has_a_hole() -> None:
    assert betti_numbers(ring()) == (1, 1)


def test_gap_at_the_border_of_the_image_is_no_hole() -> None:
    mask = ring()
    assert betti_numbers(mask[50:]) == (1, 0)


def test_closed_diagonal_line_has_an_inside() -> None:
    mask = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
    assert betti_numbers(mask) == (1, 1)


def test_speck_is_not_counted() -> None:
    mask = ring()
    mask[0, 0] = True
    mask[20, 20] = False
    assert betti_numbers(mask, speck_share=0) == (2, 2)
    assert betti_numbers(mask, speck_share=2 / mask.size) == (1, 1)


def test_area_of_the_share_exactly_is_counted() -> None:
    mask = np.zeros((10, 10), bool)
    mask[2:4, 2:4] = True
    assert betti_numbers(mask, speck_share=0.04).components == 1
    assert betti_numbers(mask, speck_share=0.0401).components == 0


def test_size_of_the_image_does_not_change_what_a_speck_is() -> None:
    rng = np.random.default_rng(1)
    mask = np.kron(rng.random((64, 64)) > 0.55, np.ones((4, 4), bool))
    larger = np.kron(mask, np.ones((5, 5), bool))
    share = 20 / 64**2
    assert betti_numbers(mask, speck_share=share) == betti_numbers(larger, speck_share=share)


def test_default_share_is_twenty_pixels_at_1024() -> None:
    assert int(SPECK_SHARE * 1024**2) == 20
