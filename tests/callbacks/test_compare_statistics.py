from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from callbacks.compare_statistics import (
    Interval,
    RunScores,
    interval,
    method_draws,
    run_draws,
    scores_of_set,
)

Values = NDArray[np.float64]

# the standard error of 2,000 draws has itself an error of 1 / sqrt(4000) = 1.6 %
MONTE_CARLO = 0.07


def normal(num: int, seed: int) -> Values:
    return np.random.default_rng(seed).normal(0.8, 0.1, num)


def of_images(values: Values) -> RunScores:
    return RunScores(values={"iou": values}, curves={})


def each(num: int) -> NDArray[np.int64]:
    return np.arange(num)


def difference(first: Values, second: Values, units: NDArray[np.int64] | None = None) -> Interval:
    units = each(len(first)) if units is None else units
    one, two = (run_draws(of_images(v), units, num_draws=2000, seed=0) for v in (first, second))
    return interval(float(second.mean() - first.mean()), two["iou"] - one["iou"])


def test_standard_error_of_independent_images_is_that_of_the_mean() -> None:
    first, second = normal(300, 1), normal(300, 2)
    found = difference(first, second)
    expected = (second - first).std(ddof=1) / np.sqrt(300)
    assert found.standard_error == pytest.approx(expected, rel=MONTE_CARLO)


def test_interval_of_a_mean_is_that_of_scipy() -> None:
    first = normal(80, 1)
    second = first + np.random.default_rng(2).exponential(0.05, 80)
    found = difference(first, second)
    expected = stats.bootstrap(
        (first, second),
        lambda a, b, axis: b.mean(axis) - a.mean(axis),
        paired=True,
        vectorized=True,
        n_resamples=4000,
        method="percentile",
        rng=np.random.default_rng(3),
    )
    error = expected.standard_error
    assert found.standard_error == pytest.approx(error, rel=MONTE_CARLO)
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=0.2 * error)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=0.2 * error)


def test_interval_of_a_maximum_of_the_mean_curve_is_that_of_scipy() -> None:
    generator = np.random.default_rng(1)
    curves = generator.beta(2, 2, (60, 16)) * np.sin(np.linspace(0.5, 2.5, 16))
    draws = run_draws(
        RunScores(values={}, curves={"max_f": curves}), each(60), num_draws=2000, seed=0
    )["max_f"]
    expected = stats.bootstrap(
        (np.arange(60),),
        lambda places: curves[places].mean(0).max(),
        vectorized=False,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(3),
    )
    error = expected.standard_error
    assert draws.std(ddof=1) == pytest.approx(error, rel=1.5 * MONTE_CARLO)
    # the maximum of a mean curve is biased upwards in both, by the same amount
    reference = expected.bootstrap_distribution.mean()
    assert draws.mean() == pytest.approx(reference, abs=0.15 * error)


def test_identical_runs_differ_by_exactly_nothing() -> None:
    values = normal(50, 1)
    found = difference(values, values.copy())
    assert (found.difference, found.low, found.high, found.standard_error) == (0, 0, 0, 0)
    assert found.p == 1
    assert not found.excludes_zero


def test_swapped_methods_flip_every_sign() -> None:
    first, second = normal(50, 1), normal(50, 2) + 0.02
    there, back = difference(first, second), difference(second, first)
    assert there.difference == -back.difference
    assert there.low == pytest.approx(-back.high)
    assert there.high == pytest.approx(-back.low)
    assert there.standard_error == pytest.approx(back.standard_error)
    assert there.p == back.p


def test_copies_that_are_one_unit_add_no_certainty() -> None:
    first, second = normal(40, 1), normal(40, 2)
    copied = [np.repeat(values, 3) for values in (first, second)]
    single = difference(first, second)
    grouped = difference(*copied, units=np.repeat(each(40), 3))
    loose = difference(*copied)
    assert grouped.low == pytest.approx(single.low, abs=1e-9)
    assert grouped.high == pytest.approx(single.high, abs=1e-9)
    expected = single.standard_error / np.sqrt(3)
    assert loose.standard_error == pytest.approx(expected, rel=1.5 * MONTE_CARLO)


def test_images_of_units_of_different_sizes_count_alike() -> None:
    units = np.array([0, 0, 0, 1])
    values = np.array([0.0, 0.0, 0.0, 1.0])
    draws = run_draws(of_images(values), units, num_draws=200, seed=0)["iou"]
    # one of two units is drawn at a time
    assert set(draws) == {0.0, 1.0}
    three = np.array([0, 1, 1, 2])
    draws = run_draws(of_images(values), three, num_draws=200, seed=0)["iou"]
    # pairs: twice the last, it with a single image, it with a unit of two images
    assert set(draws.round(6)) == {0.0, 1.0, 0.5, round(1 / 3, 6)}


def test_order_of_units_in_the_table_does_not_matter() -> None:
    values, units = normal(30, 1), np.random.default_rng(4).permutation(np.repeat(each(10), 3))
    order = np.argsort(units, kind="stable")
    shuffled = run_draws(of_images(values), units, num_draws=100, seed=0)["iou"]
    ordered = run_draws(of_images(values[order]), units[order], num_draws=100, seed=0)["iou"]
    np.testing.assert_allclose(shuffled, ordered, rtol=1e-12)


def test_first_draws_do_not_depend_on_how_many_follow() -> None:
    scores = of_images(normal(3000, 1))
    few = run_draws(scores, each(3000), num_draws=10, seed=0)["iou"]
    many = run_draws(scores, each(3000), num_draws=1000, seed=0)["iou"]
    np.testing.assert_allclose(few, many[:10], rtol=1e-12)


def test_single_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="all images are one unit"):
        run_draws(of_images(normal(5, 1)), np.zeros(5, dtype=np.int64), num_draws=10, seed=0)


def of_method(runs: Sequence[Values], name: str = "a", num_draws: int = 4000) -> Values:
    units = each(len(runs[0]))
    scores = [of_images(values) for values in runs]
    draws = [run_draws(of_run, units, num_draws=num_draws, seed=0) for of_run in scores]
    return method_draws(draws, [scores_of_set(s) for s in scores], name=name, seed=0)["iou"]


@pytest.mark.parametrize("num", [2, 3, 8])
def test_seeds_alone_give_the_standard_error_of_their_mean(num: int) -> None:
    numbers = normal(num, 1)
    draws = of_method([np.full(20, number) for number in numbers])
    assert draws.mean() == pytest.approx(numbers.mean(), abs=0.01)
    assert draws.std(ddof=1) == pytest.approx(numbers.std(ddof=1) / np.sqrt(num), rel=MONTE_CARLO)


def test_images_alone_give_the_standard_error_of_their_mean() -> None:
    values = normal(100, 1)
    draws = of_method([values, values, values])
    assert draws.std(ddof=1) == pytest.approx(values.std(ddof=1) / 10, rel=MONTE_CARLO)


@pytest.mark.parametrize("num", [2, 4])
def test_errors_on_different_images_are_counted_once(num: int) -> None:
    # two-way variance without seeds: images / N + interaction / (N runs)
    generator = np.random.default_rng(1)
    found = []
    for _ in range(60):
        hardness = generator.normal(0, 0.02, 50)
        runs = [hardness + generator.normal(0, 0.1, 50) for _ in range(num)]
        found.append(of_method(runs, num_draws=500).var(ddof=1))
    expected = 0.02**2 / 50 + 0.1**2 / (50 * num)
    # a spread below that of the images counts as none: a part of the seeds' share stays
    assert expected * 0.9 < np.mean(found) < expected * 1.5


def test_seeds_of_two_methods_are_drawn_independently() -> None:
    runs = [np.full(20, number) for number in (0.1, 0.2, 0.4)]
    first, second = (of_method(runs, name) for name in ("a", "b"))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1


def test_one_run_is_its_own_method() -> None:
    scores = of_images(normal(20, 1))
    draws = run_draws(scores, each(20), num_draws=10, seed=0)
    assert method_draws([draws], [scores_of_set(scores)], name="a", seed=0) is draws


def test_number_of_a_set_is_a_mean_or_the_maximum_of_the_mean_curve() -> None:
    curves = np.array([[0.0, 1.0, 0.2], [0.8, 0.2, 0.6]])
    scores = RunScores(values={"mae": np.array([0.1, 0.3])}, curves={"max_f": curves})
    assert scores_of_set(scores) == pytest.approx({"mae": 0.2, "max_f": 0.6})


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=50))
def test_interval_lies_within_its_draws(draws: list[float]) -> None:
    found = interval(0.0, np.array(draws))
    assert min(draws) - 1e-9 <= found.low <= found.high <= max(draws) + 1e-9
    assert 0 < found.p <= 1
    assert found.detectable >= 0


def test_p_is_small_exactly_where_the_interval_excludes_zero() -> None:
    draws = np.linspace(-0.01, 1, 1000)
    assert interval(0.5, draws).excludes_zero
    assert interval(0.5, draws).p < 0.05
    assert not interval(0.5, draws - 0.05).excludes_zero
    assert interval(0.5, draws - 0.05).p > 0.05


def test_detectable_difference_is_found_in_four_of_five_test_sets() -> None:
    found = interval(0.0, normal(2000, 1))
    power = stats.norm.sf(1.96 - found.detectable / found.standard_error)
    assert power == pytest.approx(0.80, abs=0.001)


@pytest.mark.slow
def test_interval_covers_the_truth_in_19_of_20_test_sets() -> None:
    generator = np.random.default_rng(7)
    covered = 0
    num_sets, num_images = 300, 80
    for _ in range(num_sets):
        hardness = generator.normal(0, 0.1, num_images)
        first = 0.7 + hardness + generator.normal(0, 0.05, num_images)
        second = 0.72 + hardness + generator.normal(0, 0.05, num_images)
        found = difference(first, second)
        covered += found.low <= 0.02 <= found.high
    low, high = stats.binom.interval(0.999, num_sets, 0.95)
    assert low <= covered <= high


@pytest.mark.slow
def test_interval_covers_the_truth_where_images_come_in_groups() -> None:
    generator = np.random.default_rng(8)
    units = np.repeat(each(40), 5)
    covered = loose = 0
    num_sets = 300
    for _ in range(num_sets):
        change = np.repeat(generator.normal(0.02, 0.05, 40), 5)
        first = generator.normal(0.7, 0.05, 200)
        second = first + change + generator.normal(0, 0.02, 200)
        grouped, single = difference(first, second, units), difference(first, second)
        covered += grouped.low <= 0.02 <= grouped.high
        loose += single.low <= 0.02 <= single.high
    low, high = stats.binom.interval(0.999, num_sets, 0.95)
    assert low <= covered <= high
    assert loose < low


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.02, 0.004])
def test_interval_covers_the_truth_where_seeds_differ(spread: float) -> None:
    generator = np.random.default_rng(9)
    covered = 0
    num_sets, num_images, num_seeds = 200, 60, 8
    for _ in range(num_sets):
        hardness = generator.normal(0, 0.1, num_images)
        first, second = (
            [
                mean
                + hardness
                + generator.normal(0, 0.03, num_images)
                + generator.normal(0, spread)
                for _ in range(num_seeds)
            ]
            for mean in (0.7, 0.72)
        )
        change = np.mean(second) - np.mean(first)
        draws = of_method(second, "b", 500) - of_method(first, "a", 500)
        found = interval(float(change), draws)
        covered += found.low <= 0.02 <= found.high
    # eight seeds give 14 degrees of freedom: a normal interval of 95 % then covers 93 %
    low, high = stats.binom.interval(0.999, num_sets, 0.93)
    assert low <= covered <= high
