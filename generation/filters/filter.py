"""What a filter is: it finds a reason to reject a pair, or none."""

from dataclasses import dataclass
from typing import Protocol

from datamodules.sample import Sample


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a pair is not kept."""

    filter: str
    """Name of the filter."""
    reason: str
    """One line with the value and the limit that it broke."""


class Filter(Protocol):
    """Judges a finished pair."""

    def __call__(self, sample: Sample) -> Rejection | None:
        """Return why the pair is rejected; None keeps it."""
        ...
