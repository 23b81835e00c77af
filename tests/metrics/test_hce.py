"""Equality with pysodmetrics 1.6.2 as it was before OpenCV 4.13 changed its polygons."""

from collections.abc import Iterator
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from py_sod_metrics import HumanCorrectionEffortMeasure, sod_metrics

from metrics.hce import human_correction_effort
from metrics.polygon import simplified
from metrics.skeleton import skeleton
from tests.metrics.synthetic_maps import blobs, large_pair, pairs

Mask = NDArray[np.bool_]

# of `synthetic_maps`, by pysodmetrics 1.6.2 with OpenCV 4.12.0, NumPy 2.2.6, scikit-image 0.25.2
EXPECTED = {
    "empty truth": 18,
    "full truth": 16,
    "nothing found": 382,
    "everything found": 373,
    "both empty": 0,
    "exact": 0,
    "inverted": 390,
    "unrelated blobs": 467,
    "noise": 490,
    "sparse noise": 1932,
    "one row": 16,
    "one column": 18,
    "frame": 172,
    "holes": 741,
    "holes filled": 913,
    "moved": 513,
    "thin": 213,
    "thin missed": 99,
    "thick": 807,
}
EXPECTED_LARGE = {
    "thick 1024x1024": 11724,
    "thick 2200x1800": 43911,
    "thin 1024x1024": 2944,
    "thin 2200x1800": 11751,
}
SHAPES = st.tuples(st.integers(1, 80), st.integers(1, 80))
RADII = st.integers(0, 6)
SEEDS = st.integers(0, 1000)


def _approximate(curve: NDArray[np.int32], epsilon: float, closed: bool) -> NDArray[np.int32]:
    return simplified(curve[:, 0], epsilon, closed=closed)[:, None]


@pytest.fixture(scope="module")
def reference() -> Iterator[HumanCorrectionEffortMeasure]:
    """The installed pysodmetrics, with the polygons of OpenCV 4.12 (see `test_polygon.py`)."""
    names = ("erode", "dilate", "findContours", "RETR_TREE", "CHAIN_APPROX_NONE")
    old = SimpleNamespace(**{name: getattr(cv2, name) for name in names}, approxPolyDP=_approximate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sod_metrics, "cv2", old)
        yield HumanCorrectionEffortMeasure()


@pytest.mark.parametrize("name", EXPECTED)
def test_synthetic_pairs_have_the_recorded_efforts(name: str) -> None:
    pair = pairs()[name]
    assert human_correction_effort(pair.found, pair.truth) == EXPECTED[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED_LARGE)
def test_large_synthetic_pairs_have_the_recorded_efforts(name: str) -> None:
    pair = large_pair(name)
    assert human_correction_effort(pair.found, pair.truth) == EXPECTED_LARGE[name]


@given(SHAPES, RADII, RADII, SEEDS, st.integers(1, 99))
def test_blobs_have_the_efforts_of_the_reference(
    reference: HumanCorrectionEffortMeasure,
    shape: tuple[int, int],
    radius: int,
    other_radius: int,
    seed: int,
    percent: int,
) -> None:
    truth = blobs(shape, radius, seed, percent)
    found = truth ^ blobs(shape, other_radius, seed + 1, 30)
    expected = reference.cal_hce(found.astype(float), truth)
    assert human_correction_effort(found, truth) == expected


@given(SHAPES.flatmap(lambda shape: arrays(np.bool_, (2, *shape))))
@settings(max_examples=50)
def test_any_small_pair_has_the_effort_of_the_reference(
    reference: HumanCorrectionEffortMeasure, pair: Mask
) -> None:
    found, truth = pair
    expected = reference.cal_hce(found.astype(float), truth)
    assert human_correction_effort(found, truth) == expected


@pytest.mark.parametrize("relax", [0, 1, 3, 9])
@pytest.mark.parametrize("epsilon", [0.0, 1.0, 5.5])
def test_other_settings_have_the_efforts_of_the_reference(
    reference: HumanCorrectionEffortMeasure,
    relax: int,
    epsilon: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reference, "relax", relax)
    monkeypatch.setattr(reference, "epsilon", epsilon)
    found, truth = pairs()["holes"]
    expected = reference.cal_hce(found.astype(float), truth)
    assert human_correction_effort(found, truth, relax=relax, epsilon=epsilon) == expected


@pytest.mark.parametrize("name", ["thin", "thick"])
def test_kept_skeleton_gives_the_same_effort(name: str) -> None:
    found, truth = pairs()[name]
    assert human_correction_effort(found, truth, skeleton(truth)) == EXPECTED[name]


def test_error_beside_an_edge_is_forgiven() -> None:
    truth = np.zeros((60, 60), np.bool_)
    truth[20:40, 20:40] = True
    found = np.zeros_like(truth)
    found[15:45, 15:45] = True  # 5 pixels too large on every side
    assert human_correction_effort(found, truth) == 0


def test_region_apart_from_the_object_costs_one_click() -> None:
    truth = np.zeros((60, 60), np.bool_)
    truth[5:15, 5:15] = True
    found = truth.copy()
    found[30:50, 30:50] = True
    assert human_correction_effort(found, truth) == 1


def test_missed_line_of_one_pixel_is_not_forgiven() -> None:
    truth = np.zeros((20, 40), np.bool_)
    truth[10, 5:35] = True
    assert human_correction_effort(np.zeros_like(truth), truth) > 0


@pytest.mark.parametrize("width", [1, 63, 64, 65, 128])
def test_width_of_whole_and_broken_words(
    reference: HumanCorrectionEffortMeasure, width: int
) -> None:
    truth, found = blobs((50, width), 4, 1), blobs((50, width), 4, 2)
    expected = reference.cal_hce(found.astype(float), truth)
    assert human_correction_effort(found, truth) == expected


def test_maps_of_another_size_are_refused() -> None:
    small, large = np.zeros((2, 3), np.bool_), np.zeros((4, 3), np.bool_)
    with pytest.raises(ValueError, match=r"got \(2, 3\), \(4, 3\) and \(4, 3\): resize the map"):
        human_correction_effort(small, large)
