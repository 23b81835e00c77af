"""Against the definition, step by step, and the authors' padding and rounding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from metrics.boundary_iou import boundary_iou

Mask = NDArray[np.bool_]
SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24)
MOSTLY_FOREGROUND = st.sampled_from([True] * 15 + [False])


def reference(found: Mask, truth: Mask, ratio: float) -> float:
    iterations = max(1, round(ratio * np.sqrt(truth.shape[0] ** 2 + truth.shape[1] ** 2)))

    def band(mask: Mask) -> Mask:
        eroded = binary_erosion(mask, np.ones((3, 3)), iterations=iterations, border_value=0)
        return mask & ~eroded

    first, second = band(found), band(truth)
    return float((first & second).sum() / (first | second).sum())


def disk(size: int, radius: float) -> Mask:
    y, x = np.ogrid[:size, :size]
    return (y - size // 2) ** 2 + (x - size // 2) ** 2 <= radius**2


@given(
    SHAPES.flatmap(
        lambda shape: st.tuples(
            arrays(np.bool_, shape, elements=MOSTLY_FOREGROUND),
            arrays(np.bool_, shape, elements=MOSTLY_FOREGROUND),
        )
    ),
    st.sampled_from([0.0, 0.02, 0.1, 0.3, 2.0]),
)
def test_random_masks_score_as_by_repeated_erosion(masks: tuple[Mask, Mask], ratio: float) -> None:
    found, truth = masks
    if not (found | truth).any():
        found[0, 0] = True
    assert boundary_iou(found, truth, dilation_ratio=ratio) == reference(found, truth, ratio)


@pytest.mark.parametrize("shape", [(301, 200), (200, 301)])
def test_large_objects_score_as_by_repeated_erosion(shape: tuple[int, int]) -> None:
    truth = np.zeros(shape, np.bool_)
    truth[20:, 30:170] = True  # cut by the border
    truth[90:120, 80:90] = False
    found = np.roll(truth, (3, -2), (0, 1))
    assert boundary_iou(found, truth) == reference(found, truth, 0.02)


def test_a_full_mask_has_its_band_along_the_border_of_the_image() -> None:
    full = np.ones((10, 10), np.bool_)
    ring = full.copy()
    ring[1:-1, 1:-1] = False
    assert boundary_iou(ring, full) == 1


def test_an_error_deep_inside_costs_only_the_band_that_it_makes() -> None:
    truth = disk(101, 45)
    found = truth & ~disk(101, 2)
    assert boundary_iou(found, truth) == reference(found, truth, 0.02) < 1


def test_two_empty_masks_agree() -> None:
    empty = np.zeros((6, 9), np.bool_)
    assert boundary_iou(empty, empty) == 1


def test_finding_something_in_an_empty_truth_scores_nothing() -> None:
    empty = np.zeros((6, 9), np.bool_)
    assert boundary_iou(~empty, empty) == boundary_iou(empty, ~empty) == 0


def test_views_are_scored_like_copies() -> None:
    truth = np.random.default_rng(0).random((40, 30)) > 0.1
    found = np.random.default_rng(1).random((40, 30)) > 0.1
    copied = boundary_iou(found.T.copy(), truth.T.copy())
    assert boundary_iou(found.T, truth.T) == copied


def test_sizes_that_differ_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"one size, got \(2, 3\) and \(3, 2\)"):
        boundary_iou(np.zeros((2, 3), np.bool_), np.zeros((3, 2), np.bool_))


@pytest.mark.parametrize("ratio", [-0.1, float("nan"), float("inf")])
def test_a_ratio_that_makes_no_band_is_an_error(ratio: float) -> None:
    mask = np.ones((3, 3), np.bool_)
    with pytest.raises(ValueError, match="dilation_ratio must be 0 or more"):
        boundary_iou(mask, mask, dilation_ratio=ratio)
