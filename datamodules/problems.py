"""What can be wrong with a data set, said so that a person can mend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class ProblemKind(StrEnum):
    """The kinds, in the order in which they are reported."""

    MISSING_PARTNER = "missing partner"
    UNREADABLE = "unreadable file"
    SIZE_MISMATCH = "size mismatch"
    SWAPPED = "predictions and masks swapped?"
    COLOURED = "coloured prediction"
    EMPTY_MASK = "empty mask"
    DUPLICATE_ID = "duplicate id"
    SAME_PHOTO = "same photo in two splits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with one pair."""

    kind: ProblemKind
    id: str
    """Of the pair."""
    path: Path
    """The file to look at."""
    message: str
    """What is wrong."""
    cure: str
    """What to do about it."""


class DatasetError(ValueError):
    """A data set that cannot be used as it is."""


def format_problems(problems: Sequence[Problem], *, limit: int | None = 5) -> str:
    """Return problems as text, grouped by kind.

    Args:
        problems: In any order.
        limit: Most problems shown of each kind; None shows all (for a file beside the report).
    """
    blocks = []
    for kind in ProblemKind:
        found = [problem for problem in problems if problem.kind is kind]
        if not found:
            continue
        lines = [f"{kind}: {len(found)}"]
        for problem in found[:limit]:
            lines += [f"  {problem.path}: {problem.message}", f"    {problem.cure}"]
        if limit is not None and len(found) > limit:
            lines.append(f"  ... and {len(found) - limit} more")
        blocks.append("\n".join(lines))
    return "\n".join(blocks)
