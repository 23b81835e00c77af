"""What a comparison says, before it is written in any form.

Table, page, JSON and plots are functions of `Comparison`, so they cannot disagree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callbacks.compare_common import (
    common_ids,
    common_measures,
    refuse_other_protocols,
    refuse_other_truths,
)
from callbacks.compare_results import Against, MethodResult, Results, results_on
from callbacks.compare_runs import Method, RunReport, read_report
from callbacks.compare_statistics import Interval
from callbacks.compare_units import FEW_UNITS, SUBSET, TOO_FEW_UNITS, Units, units_of
from metrics.measures import Measure

FEW_SEEDS = 5
"""Below so many runs the spread between seeds is itself uncertain by a third and more."""
CLICKS = "hce"
"""Key of the measure that counts clicks; all others lie between 0 and 1."""
_SMALL = 5e-4
NOT_APART = "not told apart"
TOO_SMALL = "below .0005"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """A whole comparison."""

    num_units: int
    unit_title: str
    """What is drawn, in words."""
    num_draws: int
    measures: Sequence[Measure]
    """Those that every report has."""
    whole: Results
    """On all images that every run has."""
    subsets: Mapping[str, Results]
    """On the images of each subset, by its name; those with several units, if there are two."""
    notes: Sequence[str]
    """What limits the result, a line each."""

    @property
    def ids(self) -> Sequence[str]:
        """Images that every run has, sorted."""
        return self.whole.ids

    @property
    def baseline(self) -> MethodResult:
        """The first method, on all images."""
        return self.whole.baseline

    @property
    def others(self) -> Sequence[Against]:
        """The other methods, on all images."""
        return self.whole.others


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
        ComparisonError: If a report cannot be read, or the runs were not tested on the same truth
            or not by one protocol.
    """
    reports = {method: [read_report(path) for path in method.runs] for method in methods}
    every = [report for of_method in reports.values() for report in of_method]
    refuse_other_protocols(every)
    ids, left_out = common_ids(every, common=common)
    refuse_other_truths(every, ids)
    units = units_of(every[0], ids, groups)
    measures, missing = common_measures(every, ids)
    subsets = {} if groups == SUBSET else _subsets(every[0], ids, units)
    return Comparison(
        num_units=units.num,
        unit_title=units.title,
        num_draws=num_draws,
        measures=measures,
        whole=results_on(ids, units.index, reports=reports, measures=measures, num_draws=num_draws),
        subsets={
            name: results_on(
                of_subset, index, reports=reports, measures=measures, num_draws=num_draws
            )
            for name, (of_subset, index) in subsets.items()
        },
        notes=[
            *left_out,
            *missing,
            *_notes_on_units(units),
            *_notes_on_seeds(methods),
        ],
    )


def verdict(measure: Measure, found: Interval) -> str:
    """Return ``better``, ``worse`` or ``not told apart``, as the interval allows.

    A difference that chance does not explain may still be too small for anyone to care: it is
    `TOO_SMALL`, in measures from 0 to 1.
    """
    if not found.excludes_zero:
        return NOT_APART
    if measure.key != CLICKS and abs(found.difference) < _SMALL:
        return TOO_SMALL
    return "better" if (found.low > 0) == measure.higher_is_better else "worse"


def _subsets(
    report: RunReport, ids: Sequence[str], units: Units
) -> dict[str, tuple[list[str], NDArray[np.int64]]]:
    """Return the images of each subset and their units, where there are several of both."""
    places: dict[str, list[int]] = {}
    for place, id in enumerate(ids):
        places.setdefault(report.subset_of[id], []).append(place)
    found = {}
    for name in sorted(places.keys() - {""}):
        _, index = np.unique(units.index[places[name]], return_inverse=True)
        if index.max() > 0:
            found[name] = ([ids[place] for place in places[name]], index.astype(np.int64))
    return found if len(places) > 1 else {}


def _notes_on_units(units: Units) -> list[str]:
    if units.num >= FEW_UNITS:
        return []
    drawn = f"only {units.num} {units.title} to draw from"
    if units.num < TOO_FEW_UNITS:
        return [f"{drawn}: the intervals mean little"]
    return [
        f"{drawn}: the intervals are somewhat too narrow, and a few other images may turn a "
        f"verdict; from {FEW_UNITS} on they can be relied on"
    ]


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
