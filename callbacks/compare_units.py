"""What the bootstrap draws: images, or groups of images that belong together."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callbacks.compare_runs import ComparisonError, RunReport

SUBSET = "subset"
CLASS = "class"
FEW_UNITS = 30
"""Below so many an interval is narrower than it should be."""
TOO_FEW_UNITS = 5
"""Below so many the draws repeat each other and an interval means little."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Units:
    """Units of a set of images."""

    index: NDArray[np.int64]
    """``(N,)``: the unit of each image, 0 to `num` - 1."""
    num: int
    title: str
    """What they are, in words: "images", "subsets"."""


def units_of(report: RunReport, ids: Sequence[str], groups: str | None) -> Units:
    """Return the units of the images `ids`.

    Args:
        report: Holds the subsets and class names.
        ids: Images of the report that are compared, at least one.
        groups: None: each image by itself. `SUBSET`, `CLASS`, or a regular expression that is
            searched in the id and whose first group names the unit.

    Raises:
        ComparisonError: If the expression is none, has no group or misses an id, if the images have
            no subset or class, or if there is only one unit.
    """
    names, title = _names(report, ids, groups)
    unique, index = np.unique(np.array(names), return_inverse=True)
    if len(unique) < 2:
        raise ComparisonError(
            f"all {len(ids)} images are one unit ({names[0]!r}), so nothing can be drawn: "
            "compare on more images, or give other --groups"
        )
    return Units(index=index.astype(np.int64), num=len(unique), title=title)


def _names(report: RunReport, ids: Sequence[str], groups: str | None) -> tuple[list[str], str]:
    if groups is None:
        return list(ids), "images"
    if groups == SUBSET:
        return _given([report.subset_of[id] for id in ids], ids, "subset"), "subsets"
    if groups == CLASS:
        return _given([report.class_of[id] for id in ids], ids, "class name"), "classes"
    return _matched(ids, groups), f"groups by {groups}"


def _given(names: list[str], ids: Sequence[str], what: str) -> list[str]:
    without = [id for id, name in zip(ids, names, strict=True) if not name]
    if without:
        raise ComparisonError(
            f"{len(without)} of {len(ids)} images have no {what} ({without[0]!r}): "
            "give --groups a regular expression on the id instead"
        )
    return names


def _matched(ids: Sequence[str], pattern: str) -> list[str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ComparisonError(
            f"--groups {pattern!r} is neither subset nor class nor a regular expression ({error})"
        ) from error
    if not expression.groups:
        raise ComparisonError(
            f"--groups {pattern!r} has no group: put the part that names the unit in parentheses, "
            "as in '^(.*)/'"
        )
    found = [expression.search(id) for id in ids]
    names = [match[1] if match else None for match in found]
    without = [id for id, name in zip(ids, names, strict=True) if name is None]
    if without:
        raise ComparisonError(
            f"--groups {pattern!r} does not match {len(without)} of {len(ids)} ids "
            f"({without[0]!r}; an id is the path below the masks, without suffix): every image "
            "needs a unit"
        )
    return [name for name in names if name is not None]
