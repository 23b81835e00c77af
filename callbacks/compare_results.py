"""Methods on the same images: their numbers, and their differences to the first one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callbacks.compare_runs import Method, RunReport, Values, read_curves, values_of
from callbacks.compare_statistics import (
    Draws,
    Interval,
    RunScores,
    interval,
    method_draws,
    run_draws,
    scores_of_set,
)
from metrics.measures import OF_THE_SET, Measure

SEED = 0
PER_IMAGE = "mean_f"
"""Measure by which single images are set side by side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MethodResult:
    """One method: its numbers, and those of its runs."""

    method: Method
    values: Mapping[str, float]
    """Key of a measure -> mean over the runs of the number of the set."""
    run_values: Sequence[Mapping[str, float]]
    """The numbers of each run."""
    per_image: Values
    """``(N,)`` of `PER_IMAGE`, mean over the runs; empty if a report lacks it."""
    draws: Draws
    """Key of a measure -> its value in every draw."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Against:
    """One method set against the baseline."""

    result: MethodResult
    intervals: Mapping[str, Interval]
    """Key of a measure -> its difference, method minus baseline."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """All methods on one set of images."""

    ids: Sequence[str]
    """The images, sorted."""
    baseline: MethodResult
    others: Sequence[Against]


def results_on(
    ids: Sequence[str],
    units: NDArray[np.int64],
    *,
    reports: Mapping[Method, Sequence[RunReport]],
    measures: Sequence[Measure],
    num_draws: int,
) -> Results:
    """Score every method on the images `ids`, and set it against the first one.

    Args:
        ids: Held by every report.
        units: ``(N,)``, as in `run_draws`.
        reports: Those of each method's runs; the first method is the baseline.
        measures: Held by every report.
        num_draws: Of the bootstrap.

    Raises:
        ComparisonError: If the curves of a report cannot be read.
    """
    results = []
    for method, of_method in reports.items():
        runs, draws = [], []
        for report in of_method:
            scores = _scores(report, ids, measures)
            runs.append(scores_of_set(scores))
            draws.append(run_draws(scores, units, num_draws=num_draws, seed=SEED))
        results.append(
            MethodResult(
                method=method,
                values={key: float(np.mean([run[key] for run in runs])) for key in runs[0]},
                run_values=runs,
                per_image=_per_image(of_method, ids, measures),
                draws=method_draws(draws, runs, name=method.name, seed=SEED),
            )
        )
    baseline = results[0]
    others = [_against(result, baseline) for result in results[1:]]
    return Results(ids=ids, baseline=baseline, others=others)


def _against(result: MethodResult, baseline: MethodResult) -> Against:
    return Against(
        result=result,
        intervals={
            key: interval(value - baseline.values[key], result.draws[key] - baseline.draws[key])
            for key, value in result.values.items()
        },
    )


def _scores(report: RunReport, ids: Sequence[str], measures: Sequence[Measure]) -> RunScores:
    keys = [measure.key for measure in measures]
    return RunScores(
        values={key: values_of(report, ids, key) for key in keys if key not in OF_THE_SET},
        curves={
            key: read_curves(report, ids, OF_THE_SET[key]) for key in keys if key in OF_THE_SET
        },
    )


def _per_image(
    reports: Sequence[RunReport], ids: Sequence[str], measures: Sequence[Measure]
) -> Values:
    if PER_IMAGE not in [measure.key for measure in measures]:
        return np.empty(0)
    return np.mean([values_of(report, ids, PER_IMAGE) for report in reports], axis=0)
