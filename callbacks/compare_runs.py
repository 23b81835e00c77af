"""Reports of earlier test runs, read back from their folders."""

import csv
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from callbacks.prompt_protocol import read_protocol
from metrics.measures import MEASURES

Values = NDArray[np.float64]

NUM_SHOWN = 3
"""Ids that an error names."""
_DESCRIBING = ("id", "subset", "class_name", "height", "width")
_AREA = "area_share"
AGAIN = "test that run again"


class ComparisonError(ValueError):
    """What a user can put right; the message is one line with the cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One line of the comparison: runs that differ in nothing but the seed."""

    name: str
    runs: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunReport:
    """What the files of one report say of its images; curves are read when they are needed."""

    path: Path
    """As the user gave it."""
    folder: Path
    """Of the files."""
    row_of: dict[str, int]
    """Place of an image in `values`, by id."""
    subset_of: dict[str, str]
    class_of: dict[str, str]
    size_of: dict[str, tuple[int, int]]
    """(height, width) of the truth."""
    area_of: dict[str, float]
    """Share of the image that the truth covers; empty if the report does not say."""
    values: dict[str, Values]
    """Columns that are measures: key -> ``(N,)``. NaN where the cell is empty."""
    curve_names: frozenset[str]
    protocol: str | None
    """What the network was told beside the photos; None for nothing."""


def parse_method(argument: str) -> Method:
    """Read ``RUN`` or ``NAME=RUN,RUN,...``; a folder of that very name is always a RUN.

    Raises:
        ComparisonError: If no run is named, or one twice.
    """
    name, equals, runs = argument.partition("=")
    if not equals or Path(argument).exists():
        path = Path(argument)
        return Method(name=_name_of(path), runs=(path,))
    paths = tuple(Path(run) for run in runs.split(",") if run)
    if not name or not paths:
        raise ComparisonError(f"{argument!r} names no run: write NAME=RUN or NAME=RUN,RUN")
    if len({path.resolve() for path in paths}) < len(paths):
        raise ComparisonError(f"{argument!r} names a run twice: give each seed once")
    return Method(name=name, runs=paths)


def read_report(path: Path) -> RunReport:
    """Read the table of a report, and which curves it has.

    Args:
        path: Folder of a run, or of its report.

    Raises:
        ComparisonError: If a file is missing or not what a report holds.
    """
    folder = _report_folder(path)
    rows = _read_table(folder / "per_image.csv")
    row_of = {row["id"]: place for place, row in enumerate(rows)}
    if len(row_of) < len(rows):
        raise ComparisonError(f"{folder / 'per_image.csv'} holds an id twice: {AGAIN}")
    keys = [measure.key for measure in MEASURES if measure.key in rows[0]]
    try:
        values = {key: np.array([float(row[key] or "nan") for row in rows]) for key in keys}
        sizes = {row["id"]: (int(row["height"]), int(row["width"])) for row in rows}
        areas = {row["id"]: float(row[_AREA]) for row in rows if _AREA in row}
    except ValueError as error:
        raise ComparisonError(f"{folder / 'per_image.csv'}: {error}: {AGAIN}") from error
    return RunReport(
        path=path,
        folder=folder,
        row_of=row_of,
        subset_of={row["id"]: row["subset"] for row in rows},
        class_of={row["id"]: row["class_name"] for row in rows},
        size_of=sizes,
        area_of=areas,
        values=values,
        curve_names=frozenset(_read_arrays(folder / "curves.npz", None)) - {"id"},
        protocol=read_protocol(folder),
    )


def values_of(report: RunReport, ids: Sequence[str], key: str) -> Values:
    """Return one measure of the images `ids`, ``(len(ids),)``."""
    return report.values[key][[report.row_of[id] for id in ids]]


def read_curves(report: RunReport, ids: Sequence[str], name: str) -> Values:
    """Read one kind of curve of the images `ids`, ``(len(ids), 256)``.

    Raises:
        ComparisonError: If an image has no curve, or one that is not made of numbers.
    """
    path = report.folder / "curves.npz"
    arrays = _read_arrays(path, ("id", name))
    place = {str(id): place for place, id in enumerate(arrays["id"])}
    without = [id for id in ids if id not in place]
    if without or len(arrays[name]) != len(place):
        raise ComparisonError(f"{path} and per_image.csv do not hold the same images: {AGAIN}")
    curves = arrays[name][[place[id] for id in ids]]
    is_numbers = np.issubdtype(curves.dtype, np.floating) and curves.ndim == 2
    if not is_numbers or not np.isfinite(curves).all():
        raise ComparisonError(f"{path}: {name!r} is no curve of numbers per image: {AGAIN}")
    return curves.astype(np.float64)


def _name_of(path: Path) -> str:
    resolved = path.resolve()
    is_report = resolved.name == "report" and (resolved / "per_image.csv").is_file()
    return (resolved.parent if is_report else resolved).name


def _report_folder(path: Path) -> Path:
    for folder in (path / "report", path):
        if (folder / "per_image.csv").is_file():
            return folder
    if not path.is_dir():
        raise ComparisonError(f"{path} is no folder: give the folder of a run that was tested")
    raise ComparisonError(f"{path} holds no report/per_image.csv: test that run first")


def _read_table(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ComparisonError(f"{path} is no table ({error}): {AGAIN}") from error
    if not rows:
        raise ComparisonError(f"{path} holds no image: {AGAIN}")
    missing = [name for name in _DESCRIBING if name not in rows[0]]
    if missing:
        raise ComparisonError(f"{path} lacks the columns {', '.join(missing)}: {AGAIN}")
    if any(None in row or None in row.values() for row in rows):
        raise ComparisonError(f"{path} has lines of different lengths: {AGAIN}")
    return rows


def _read_arrays(path: Path, names: Collection[str] | None) -> dict[str, NDArray[np.generic]]:
    """Read the named arrays; None: only their names, each with an empty array."""
    if not path.is_file():
        raise ComparisonError(f"{path} is missing (max F needs the curves of each image): {AGAIN}")
    try:
        with np.load(path, allow_pickle=False) as stored:
            if names is None:
                return dict.fromkeys(stored.files, np.empty(0))
            return {name: stored[name] for name in names}
    except (BadZipFile, zlib.error, ValueError, KeyError, EOFError) as error:
        raise ComparisonError(f"{path} holds no curves ({error}): {AGAIN}") from error
