"""How the share of synthetic pairs changes over training: pure functions of progress."""

from abc import ABC, abstractmethod
from math import cos, pi


class Share(ABC):
    """A curve from `start` to `end`, called with the progress of training in [0, 1].

    Args:
        start: Share of synthetic pairs at progress 0, in [0, 1].
        end: Share at progress 1, in [0, 1].

    Raises:
        ValueError: If a value is out of its range.
    """

    def __init__(self, start: float, end: float) -> None:
        if not (0 <= start <= 1 and 0 <= end <= 1):
            raise ValueError(f"share: start {start} and end {end} must be in [0, 1]")
        self.start = start
        self.end = end

    def __call__(self, progress: float) -> float:
        """Return the share of synthetic pairs at a progress; past 1 it stays."""
        return self.start + (self.end - self.start) * self._rise(min(progress, 1.0))

    @property
    def needs_length(self) -> bool:
        """Whether the curve depends on how long training is."""
        return self.start != self.end

    @abstractmethod
    def _rise(self, progress: float) -> float:
        """Return the way from start to end, 0 at progress 0 and 1 at progress 1."""


class Constant(Share):
    """The same share from the first batch to the last.

    Args:
        value: In [0, 1].
    """

    def __init__(self, value: float) -> None:
        super().__init__(value, value)

    def _rise(self, progress: float) -> float:
        return progress


class Linear(Share):
    """In equal steps from `start` to `end`."""

    def _rise(self, progress: float) -> float:
        return progress


class Cosine(Share):
    """Half a cosine: slowly at both ends, fastest in the middle."""

    def _rise(self, progress: float) -> float:
        return (1 - cos(pi * progress)) / 2
