"""Contours of a mask: where they run, and what lies in what."""

import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from metrics.contours import contours_of

Mask = NDArray[np.bool_]
MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=16))


@given(mask=MASKS)
def test_contours_pass_all_pixels_next_to_background_and_no_other(mask: Mask) -> None:
    passed = np.zeros_like(mask)
    for chain in contours_of(mask)[0]:
        passed[chain[:, 1], chain[:, 0]] = True
    np.testing.assert_array_equal(passed, mask & ~binary_erosion(mask))


@given(mask=MASKS)
def test_contours_step_from_pixel_to_neighbour_and_close(mask: Mask) -> None:
    for chain in contours_of(mask)[0]:
        steps = np.abs(chain - np.roll(chain, 1, axis=0)).max(1)
        assert (steps == (len(chain) > 1)).all()


def test_hole_is_held_by_its_outline_and_an_island_by_its_hole() -> None:
    mask = np.ones((9, 9), bool)
    mask[2:7, 2:7] = False
    mask[4, 4] = True
    chains, holders = contours_of(mask)
    outline, hole, island = (
        next(i for i, chain in enumerate(chains) if chain.min() == least) for least in (0, 1, 4)
    )
    assert (holders[outline], holders[hole], holders[island]) == (-1, outline, hole)


def test_empty_mask_has_no_contours() -> None:
    chains, holders = contours_of(np.zeros((3, 4), bool))
    assert chains == []
    assert len(holders) == 0
