"""What a comparison says, before it is written in any form.

Table, page, JSON and plots are functions of `Comparison`, so they cannot disagree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from callbacks.compare_common import common_ids, common_measures, refuse_other_sizes
from callbacks.compare_runs import (
    Method,
    RunReport,
    Values,
    read_curves,
    read_report,
    values_of,
)
from callbacks.compare_statistics import (
    Draws,
    Interval,
    RunScores,
    interval,
    method_draws,
    run_draws,
    scores_of_set,
)
from callbacks.compare_units import FEW_UNITS, units_of
from metrics.measures import OF_THE_SET, Measure

SEED = 0
PER_IMAGE = "mean_f"
"""Measure by which single images are set side by side."""
FEW_SEEDS = 5
"""Below so many runs the spread between seeds is itself uncertain by a third and more."""


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
class Comparison:
    """A whole comparison."""

    ids: Sequence[str]
    """Images that every run has, sorted."""
    num_units: int
    unit_title: str
    """What is drawn, in words."""
    num_draws: int
    measures: Sequence[Measure]
    """Those that every report has."""
    baseline: MethodResult
    others: Sequence[Against]
    notes: Sequence[str]
    """What limits the result, a line each."""


def compare(
    methods: Sequence[Method], *, groups: str | None, num_draws: int, common: bool
) -> Comparison:
    """Read the reports of the runs and set every method against the first one.

    Args:
        methods: At least two, of different names.
        groups: What is drawn, as in `units_of`.
        num_draws: Of the bootstrap.
        common: Compare the images that every run has, where some have more.

    Raises:
        ComparisonError: If a report cannot be read, or the runs were not tested on the same truth.
    """
    reports = {method.name: [read_report(path) for path in method.runs] for method in methods}
    every = [report for of_method in reports.values() for report in of_method]
    ids, left_out = common_ids(every, common=common)
    refuse_other_sizes(every, ids)
    units = units_of(every[0], ids, groups)
    measures, missing = common_measures(every, ids)
    notes = [*left_out, *missing]
    if units.num < FEW_UNITS:
        notes.append(f"only {units.num} {units.title} to draw from: the intervals mean little")
    notes += _notes_on_seeds(methods)
    results = []
    for method in methods:
        runs, draws = [], []
        for report in reports[method.name]:
            scores = _scores(report, ids, measures)
            runs.append(scores_of_set(scores))
            draws.append(run_draws(scores, units.index, num_draws=num_draws, seed=SEED))
        results.append(
            MethodResult(
                method=method,
                values={key: float(np.mean([run[key] for run in runs])) for key in runs[0]},
                run_values=runs,
                per_image=_per_image(reports[method.name], ids, measures),
                draws=method_draws(draws, runs, name=method.name, seed=SEED),
            )
        )
    return Comparison(
        ids=ids,
        num_units=units.num,
        unit_title=units.title,
        num_draws=num_draws,
        measures=measures,
        baseline=results[0],
        others=[_against(result, results[0]) for result in results[1:]],
        notes=notes,
    )


def verdict(measure: Measure, found: Interval) -> str:
    """Return ``better``, ``worse`` or ``not told apart``, as the interval allows."""
    if not found.excludes_zero:
        return "not told apart"
    return "better" if (found.low > 0) == measure.higher_is_better else "worse"


def _against(result: MethodResult, baseline: MethodResult) -> Against:
    return Against(
        result=result,
        intervals={
            key: interval(value - baseline.values[key], result.draws[key] - baseline.draws[key])
            for key, value in result.values.items()
        },
    )


def _notes_on_seeds(methods: Sequence[Method]) -> list[str]:
    notes = []
    single = [method.name for method in methods if len(method.runs) == 1]
    several = [method for method in methods if len(method.runs) > 1]
    if single:
        notes.append(
            f"one run of {', '.join(single)}: the spread between its seeds is not in the "
            "intervals, another seed may differ by more than they say"
        )
    few = [f"{len(m.runs)} of {m.name}" for m in several if len(m.runs) < FEW_SEEDS]
    if few:
        notes.append(
            f"few runs ({', '.join(few)}): the spread between seeds is in the intervals, but known "
            "only roughly; from two or three runs, where seeds matter most, 80 to 85 of a hundred "
            "intervals hold the true difference, not 95"
        )
    return notes


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
