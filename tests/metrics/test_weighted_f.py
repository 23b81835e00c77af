"""Equality with pysodmetrics 1.6.2, on maps of every kind."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from py_sod_metrics import WeightedFmeasure

from metrics.weighted_f import weighted_f

Plane = NDArray[np.uint8]
SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24)
ANY_VALUES = st.integers(0, 255)
SPARSE = st.sampled_from([0] * 20 + [255])  # many pixels with several nearest ones
TOLERANCE = 1e-6


def stretched_values(prediction: Plane) -> NDArray[np.float64]:
    values = np.arange(256) / 255
    low, high = values[prediction.min()], values[prediction.max()]
    return values if low == high else (values - low) / (high - low)


def ours(prediction: Plane, truth: Plane) -> float:
    return weighted_f(prediction, truth > 128, stretched_values(prediction))


def reference(prediction: Plane, truth: Plane) -> float:
    metric = WeightedFmeasure()
    metric.step(prediction, truth)
    return float(metric.get_results()["wfm"])


def pairs(truth_values: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[Plane, Plane]]:
    def pair(shape: tuple[int, ...]) -> st.SearchStrategy[tuple[Plane, Plane]]:
        return st.tuples(
            arrays(np.uint8, shape, elements=ANY_VALUES),
            arrays(np.uint8, shape, elements=truth_values),
        )

    return SHAPES.flatmap(pair)


@given(pairs(ANY_VALUES))
def test_random_maps_score_as_in_the_reference(pair: tuple[Plane, Plane]) -> None:
    assert ours(*pair) == pytest.approx(reference(*pair), abs=TOLERANCE)


@given(pairs(SPARSE))
def test_equally_near_pixels_are_chosen_as_in_the_reference(pair: tuple[Plane, Plane]) -> None:
    assert ours(*pair) == pytest.approx(reference(*pair), abs=TOLERANCE)


@pytest.mark.parametrize("thick", [True, False])
def test_an_object_in_a_large_image_scores_as_in_the_reference(thick: bool) -> None:
    truth = np.zeros((300, 411), np.uint8)
    cv2.circle(truth, (70, 150), 50, 255, -1 if thick else 1)
    cv2.line(truth, (0, 299), (300, 100), 255, 2)
    noise = np.random.default_rng(0).integers(0, 40, truth.shape)
    prediction = (cv2.GaussianBlur(truth, (0, 0), 3) * 0.8 + noise).astype(np.uint8)
    assert ours(prediction, truth) == pytest.approx(reference(prediction, truth), abs=TOLERANCE)


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_a_constant_map_is_not_stretched(value: int) -> None:
    truth = np.zeros((9, 14), np.uint8)
    truth[3:6, 4:9] = 255
    prediction = np.full_like(truth, value)
    assert ours(prediction, truth) == pytest.approx(reference(prediction, truth), abs=TOLERANCE)


def test_an_empty_truth_scores_nothing() -> None:
    truth = np.zeros((5, 7), np.uint8)
    assert ours(truth, truth) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (8, 8)])
def test_a_full_truth_scores_as_in_the_reference(shape: tuple[int, int]) -> None:
    truth = np.full(shape, 255, np.uint8)
    prediction = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    assert ours(prediction, truth) == pytest.approx(reference(prediction, truth), abs=TOLERANCE)


def test_a_perfect_map_scores_one() -> None:
    truth = np.zeros((20, 20), np.uint8)
    truth[5:9, 3:17] = 255
    assert ours(truth, truth) == pytest.approx(1, abs=1e-12)


def test_far_background_does_not_hide_behind_the_limit_of_the_search() -> None:
    truth = np.zeros((2, 600), np.uint8)
    truth[:, 0] = 255
    prediction = np.full_like(truth, 200)
    assert ours(prediction, truth) == pytest.approx(reference(prediction, truth), abs=TOLERANCE)


def test_views_are_scored_like_copies() -> None:
    generator = np.random.default_rng(2)
    prediction = generator.integers(0, 256, (30, 40)).astype(np.uint8)
    truth = generator.random((30, 40)) > 0.7
    values = stretched_values(prediction)
    copied = weighted_f(prediction.T.copy(), truth.T.copy(), values)
    assert weighted_f(prediction.T, truth.T, values) == copied


def test_sizes_that_differ_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"one size, got \(2, 3\) and \(3, 2\)"):
        weighted_f(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.bool_), np.zeros(256))
