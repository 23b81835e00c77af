import numpy as np
import pytest

from benchmarks.paired_intervals import differences, shown
from callbacks.compare_statistics import Interval, RunScores


def scores(values: np.ndarray) -> RunScores:
    return RunScores(values={"iou": values}, curves={})


def test_method_differs_from_itself_by_nothing() -> None:
    own = scores(np.random.default_rng(0).random(20))
    found = differences([own], [own])["iou"]
    assert (found.difference, found.low, found.high) == (0, 0, 0)


def test_same_gain_on_every_image_has_no_interval() -> None:
    values = np.random.default_rng(1).random(20)
    found = differences([scores(values + 0.1)], [scores(values)])["iou"]
    assert found.difference == pytest.approx(0.1)
    assert found.high - found.low == pytest.approx(0, abs=1e-8)


def test_interval_of_independent_gains_is_that_of_a_mean() -> None:
    gains = np.random.default_rng(2).normal(0.1, 0.2, 400)
    found = differences([scores(gains)], [scores(np.zeros(400))])["iou"]
    half = 1.96 * gains.std(ddof=1) / 20
    assert found.low == pytest.approx(gains.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(gains.mean() + half, abs=0.1 * half)


def test_runs_of_a_method_are_averaged() -> None:
    values = np.random.default_rng(3).random(20)
    runs = [scores(values + 0.1), scores(values + 0.3)]
    assert differences(runs, [scores(values)])["iou"].difference == pytest.approx(0.2)


def test_images_of_a_unit_are_drawn_together() -> None:
    gains = np.random.default_rng(4).normal(0, 1, 10)
    units = np.repeat(np.arange(10), 7)
    whole = differences([scores(gains)], [scores(np.zeros(10))])["iou"]
    repeated = differences([scores(np.repeat(gains, 7))], [scores(np.zeros(70))], units)["iou"]
    assert (repeated.low, repeated.high) == pytest.approx((whole.low, whole.high))


def test_cell_shows_difference_and_ends() -> None:
    found = Interval(difference=0.1234, low=-0.05, high=0.3, standard_error=0.1, p=0.2)
    assert shown(found) == "+0.123 (-0.050 to +0.300)"
