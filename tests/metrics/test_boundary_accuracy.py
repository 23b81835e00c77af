"""Against the published procedure, written out with OpenCV's morphology."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from metrics.boundary_accuracy import band_radii, mean_boundary_accuracy

Mask = NDArray[np.bool_]
SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24)
MOSTLY_BACKGROUND = st.sampled_from([False] * 15 + [True])


def reference(found: Mask, truth: Mask) -> float:
    largest = (truth.shape[0] + truth.shape[1]) / 300
    accuracies = []
    for i in range(5):
        radius = 1 + int((largest - 1) / 5 * i)
        ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        gradient = cv2.morphologyEx(truth.astype(np.uint8), cv2.MORPH_GRADIENT, ellipse)
        accuracies.append((found == truth)[gradient > 0].mean())
    return float(np.mean(accuracies))


@given(
    SHAPES.flatmap(
        lambda shape: st.tuples(
            arrays(np.bool_, shape), arrays(np.bool_, shape, elements=MOSTLY_BACKGROUND)
        )
    )
)
def test_random_masks_score_as_published(masks: tuple[Mask, Mask]) -> None:
    found, truth = masks
    if truth.all() or not truth.any():
        assert mean_boundary_accuracy(found, truth) == (found == truth).mean()
    else:
        assert mean_boundary_accuracy(found, truth) == pytest.approx(
            reference(found, truth), abs=1e-12
        )


@pytest.mark.parametrize(
    ("height", "width"),
    # radii 1 1 1 1 2; 1 2 3 4 5; 1 4 8 11 15; 1 6 12 17 23 with steps that are no multiple of 4
    [(400, 500), (900, 920), (300, 5300), (8300, 330)],
)
def test_every_radius_gives_the_published_band(height: int, width: int) -> None:
    generator = np.random.default_rng(height)
    truth = generator.random((height, width)) < 2e-4
    truth[height // 3 : height // 2, width // 4 : width // 2] = True
    found = generator.random((height, width)) < 0.5
    assert mean_boundary_accuracy(found, truth) == pytest.approx(reference(found, truth), abs=1e-12)


def test_radii_are_those_of_the_published_code() -> None:
    assert band_radii((4000, 6000), 5).tolist() == [1, 7, 13, 20, 26]
    assert band_radii((20, 30), 5).tolist() == [1, 1, 1, 1, 1]


def test_a_perfect_mask_scores_one() -> None:
    truth = np.zeros((40, 50), np.bool_)
    truth[10:30, 5:9] = True
    assert mean_boundary_accuracy(truth, truth) == 1


def test_an_error_far_from_the_boundary_costs_nothing() -> None:
    truth = np.zeros((40, 50), np.bool_)
    truth[10:30, 5:9] = True
    found = truth.copy()
    found[35:, 40:] = True
    assert mean_boundary_accuracy(found, truth) == 1


@pytest.mark.parametrize("value", [False, True])
def test_without_a_boundary_the_whole_image_counts(value: bool) -> None:
    truth = np.full((4, 5), value)
    found = truth.copy()
    found[0] = not value
    assert mean_boundary_accuracy(found, truth) == 0.75


def test_views_are_scored_like_copies() -> None:
    truth = np.random.default_rng(0).random((40, 30)) > 0.5
    found = np.random.default_rng(1).random((40, 30)) > 0.5
    copied = mean_boundary_accuracy(found.T.copy(), truth.T.copy())
    assert mean_boundary_accuracy(found.T, truth.T) == copied


def test_sizes_that_differ_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"one size, got \(2, 3\) and \(3, 2\)"):
        mean_boundary_accuracy(np.zeros((2, 3), np.bool_), np.zeros((3, 2), np.bool_))


def test_no_radii_are_an_error() -> None:
    mask = np.eye(3, dtype=np.bool_)
    with pytest.raises(ValueError, match="num_radii must be 1 or more, got 0"):
        mean_boundary_accuracy(mask, mask, num_radii=0)


def test_an_image_beyond_the_search_is_an_error() -> None:
    strip = np.zeros((1, 70_000), np.bool_)
    with pytest.raises(ValueError, match="is 186 px wide, 170 are possible"):
        mean_boundary_accuracy(strip, strip)
