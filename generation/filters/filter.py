"""What a filter is: it finds a reason to reject a pair, or none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from datamodules.sample import Sample


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a pair is not kept."""

    filter: str
    """Name of the filter."""
    reason: str
    """One line with the value and the limit that it broke."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with what it rests on."""

    rejection: Rejection | None
    """None keeps the pair."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """What was measured, by name."""


class Filter(Protocol):
    """Judges a finished pair."""

    def __call__(self, sample: Sample) -> Rejection | None:
        """Return why the pair is rejected; None keeps it."""
        ...


@runtime_checkable
class ScoringFilter(Filter, Protocol):
    """A filter whose measurements are kept in the pair's record."""

    def judge(self, sample: Sample) -> Judgement:
        """Return the verdict and what was measured."""
        ...
