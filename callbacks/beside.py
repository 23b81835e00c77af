"""Numbers of earlier runs, to be set beside those of this one."""

import json
from collections.abc import Mapping
from pathlib import Path

from metrics.measures import MEASURES

ALL = "all"
"""Name of the whole test set beside its subsets."""

Values = Mapping[str, Mapping[str, float]]
"""Subset name (or `ALL`), then the key of a measure."""


def read_metrics(path: Path) -> Values:
    """Read the ``metrics.json`` of a report.

    Raises:
        ValueError: If the file is missing or is no such file; the message names it.
    """
    if not path.is_file():
        raise ValueError(f"{path} to show beside this run is no file: give a report/metrics.json")
    try:
        values = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON ({error}): give a report/metrics.json") from error
    if not isinstance(values, dict) or not all(_is_scores(scores) for scores in values.values()):
        raise ValueError(f"{path} must hold one object of numbers per subset: test that run again")
    # reports of before a measure was added lack it, and are shown without
    if not {measure.key for measure in MEASURES} & set(values.get(ALL, {})):
        raise ValueError(f"{path} holds no measure of {ALL!r}: test that run again")
    return values


def _is_scores(scores: object) -> bool:
    return isinstance(scores, dict) and all(isinstance(v, int | float) for v in scores.values())
