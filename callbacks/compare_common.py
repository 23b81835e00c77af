"""What several reports have in common: images of the same truth, and measures."""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from callbacks.compare_runs import NUM_SHOWN, ComparisonError, RunReport, values_of
from callbacks.prompt_protocol import difference
from metrics.measures import MEASURES, OF_THE_SET, Measure


def common_ids(reports: Sequence[RunReport], *, common: bool) -> tuple[list[str], list[str]]:
    """Return the ids that every report holds, sorted, and a note if any image was left out.

    Args:
        reports: At least one.
        common: Leave out images that some report lacks.

    Raises:
        ComparisonError: If the reports hold other images and `common` is false, or none is shared.
    """
    first = reports[0]
    shared = set(first.row_of).intersection(*(report.row_of for report in reports))
    differing = next((r for r in reports if r.row_of.keys() != first.row_of.keys()), None)
    if differing is None:
        return sorted(shared), []
    if not common:
        raise ComparisonError(
            f"{first.path} and {differing.path} were not tested on the same images: "
            f"{_only_in(first, differing)}, {_only_in(differing, first)}: "
            f"test both on one split, or give --common{_moved(first, differing)}"
        )
    if not shared:
        raise ComparisonError(
            f"no image is in all runs: test them on the same split{_moved(first, differing)}"
        )
    most = max(len(report.row_of) for report in reports)
    return sorted(shared), [
        f"only the {len(shared):,} images that all runs have are compared; a run has up to {most:,}"
    ]


def refuse_other_protocols(reports: Sequence[RunReport]) -> None:
    """Check that all networks were told the same beside the photos.

    Raises:
        ComparisonError: If they were not, see `callbacks.prompt_protocol`.
    """
    first = reports[0]
    for report in reports[1:]:
        problem = difference(
            str(first.path),
            first.protocol,
            other=str(report.path),
            other_protocol=report.protocol,
        )
        if problem:
            raise ComparisonError(problem)


def refuse_other_truths(reports: Sequence[RunReport], ids: Sequence[str]) -> None:
    """Check that each image has a truth of one size and one area in all reports.

    Raises:
        ComparisonError: If one has not: scores against two truths cannot be compared.
    """
    first = reports[0]
    for report in reports[1:]:
        other = [id for id in ids if report.size_of[id] != first.size_of[id]]
        if other:
            (height, width), (h, w) = first.size_of[other[0]], report.size_of[other[0]]
            raise ComparisonError(
                f"{len(other)} truths differ in size, so they are not the same: {other[0]} is "
                f"{width} x {height} in {first.path} and {w} x {h} in {report.path}: "
                "test both on one split"
            )
        _refuse_other_areas(first, report, ids)


def common_measures(
    reports: Sequence[RunReport], ids: Sequence[str]
) -> tuple[list[Measure], list[str]]:
    """Return the measures that every report has, and a note on each of the others.

    Raises:
        ComparisonError: If there is none.
    """
    compared, notes = [], []
    for measure in MEASURES:
        reason = next((r for r in (_lack(report, ids, measure) for report in reports) if r), None)
        if reason is None:
            compared.append(measure)
        else:
            notes.append(f"{measure.title} is not compared: {reason}")
    if not compared:
        raise ComparisonError("the reports have no measure in common: test the runs again")
    return compared, notes


def _refuse_other_areas(first: RunReport, report: RunReport, ids: Sequence[str]) -> None:
    if not (first.area_of and report.area_of):
        return
    other = [id for id in ids if report.area_of[id] != first.area_of[id]]
    if other:
        raise ComparisonError(
            f"{len(other)} truths differ: that of {other[0]} covers {first.area_of[other[0]]:.4%} "
            f"of the image in {first.path} and {report.area_of[other[0]]:.4%} in {report.path}: "
            "test both against the same masks"
        )


def _only_in(report: RunReport, other: RunReport) -> str:
    only = sorted(report.row_of.keys() - other.row_of.keys())
    shown = ", ".join(only[:NUM_SHOWN]) + (", ..." if len(only) > NUM_SHOWN else "")
    return f"{len(only)} only in {report.path}" + (f" ({shown})" if only else "")


def _moved(report: RunReport, other: RunReport) -> str:
    """Return a clause on images of one name that lie in other folders; empty if there are none."""
    here, there = _only_by_name(report, other), _only_by_name(other, report)
    moved = sorted(here.keys() & there.keys())
    if not moved:
        return ""
    return (
        f"; {len(moved)} names are in both, but in other folders ({here[moved[0]]!r} and "
        f"{there[moved[0]]!r}): if they are the same images, lay the masks in the same folders"
    )


def _only_by_name(report: RunReport, other: RunReport) -> dict[str, str]:
    """Return the ids that `other` lacks by the name without folders, where no two share it."""
    ids = report.row_of.keys() - other.row_of.keys()
    times = Counter(PurePosixPath(id).name for id in ids)
    return {name: id for id in ids if times[name := PurePosixPath(id).name] == 1}


def _lack(report: RunReport, ids: Sequence[str], measure: Measure) -> str | None:
    if measure.key in OF_THE_SET:
        lacks = OF_THE_SET[measure.key] not in report.curve_names
        return f"{report.path} has no such curves" if lacks else None
    if measure.key not in report.values:
        return f"{report.path} does not have it"
    num = int((~np.isfinite(values_of(report, ids, measure.key))).sum())
    return f"{num} images of {report.path} have no number" if num else None
