"""Schedules: the factor on the learning rate as a pure function of step and length.

Each is called with ``(step, max_steps)``: the number of optimizer steps done, from 0, and the
length of the run. All rise linearly from `warmup_ratio` at step 0 to 1 at step `warmup_steps`, then
fall to `end` at `max_steps` and stay there; `Polynomial` can fall from step 0 on.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import cos, pi


class Schedule(ABC):
    """A curve with a warm-up before it.

    Args:
        warmup_steps: Length of the warm-up; 0 for none.
        warmup_ratio: Factor at step 0 of the warm-up. Above 0, or the first step does nothing.
        end: Factor at the last step and after.

    Raises:
        ValueError: If a value is out of its range.
    """

    def __init__(
        self, warmup_steps: int = 0, *, warmup_ratio: float = 0.01, end: float = 0.0
    ) -> None:
        if warmup_steps < 0 or not 0 <= warmup_ratio <= 1 or not 0 <= end <= 1:
            raise ValueError(
                f"warmup_steps {warmup_steps} must be 0 or more, warmup_ratio {warmup_ratio} and "
                f"end {end} in [0, 1]"
            )
        self.warmup_steps = warmup_steps
        self.warmup_ratio = warmup_ratio
        self.end = end

    def __call__(self, step: int, max_steps: int) -> float:
        """Return the factor of a step.

        Raises:
            ValueError: If `max_steps` is below 1: the curve has no end to fall to.
        """
        if max_steps < 1:
            raise ValueError(f"max_steps {max_steps}: a schedule needs the length of the run")
        if step < self.warmup_steps:
            return self.warmup_ratio + (1 - self.warmup_ratio) * step / self.warmup_steps
        if step >= max_steps:
            return self.end
        progress = (step - self.warmup_steps) / (max_steps - self.warmup_steps)
        return self.end + (1 - self.end) * self._fall(progress)

    @abstractmethod
    def _fall(self, progress: float) -> float:
        """Return the curve, from 1 at progress 0 to 0 at progress 1."""


class Polynomial(Schedule):
    """``(1 - progress) ** power`` after the warm-up ("poly" of DeepLab; power 1 is linear).

    Args:
        power: Above 0.
        warmup_steps: See `Schedule`.
        warmup_ratio: See `Schedule`.
        end: See `Schedule`.
        from_start: Whether the curve falls from step 0 on and the warm-up is a factor on it, as
            mmcv's policy "poly" has both, rather than from the end of the warm-up on.

    Raises:
        ValueError: If a value is out of its range.
    """

    def __init__(
        self,
        power: float = 0.9,
        warmup_steps: int = 0,
        *,
        warmup_ratio: float = 0.01,
        end: float = 0.0,
        from_start: bool = False,
    ) -> None:
        super().__init__(warmup_steps, warmup_ratio=warmup_ratio, end=end)
        if power <= 0:
            raise ValueError(f"power {power} must be above 0")
        self.power = power
        self.from_start = from_start

    def __call__(self, step: int, max_steps: int) -> float:
        """Return the factor of a step."""
        factor = super().__call__(step, max_steps)
        if not self.from_start or step >= max_steps:
            return factor
        curve = self.end + (1 - self.end) * self._fall(step / max_steps)
        return curve * (factor if step < self.warmup_steps else 1.0)

    def _fall(self, progress: float) -> float:
        return (1 - progress) ** self.power


class Cosine(Schedule):
    """Half a cosine after the warm-up (Loshchilov and Hutter, "SGDR", ICLR 2017, no restart)."""

    def _fall(self, progress: float) -> float:
        return (1 + cos(pi * progress)) / 2


class Constant(Schedule):
    """1 after the warm-up."""

    def __init__(self, warmup_steps: int = 0, *, warmup_ratio: float = 0.01) -> None:
        super().__init__(warmup_steps, warmup_ratio=warmup_ratio, end=1.0)

    def _fall(self, progress: float) -> float:
        return 1.0


class Steps(Schedule):
    """1 after the warm-up, then a part of it from each drop on, as torch's ``MultiStepLR``.

    Args:
        drops: Where, as shares of the run after the warm-up, each in (0, 1).
        factor: Of each drop, in [0, 1].
        warmup_steps: See `Schedule`.
        warmup_ratio: See `Schedule`.

    Raises:
        ValueError: If a value is out of its range.
    """

    def __init__(
        self,
        drops: Sequence[float],
        factor: float = 0.1,
        *,
        warmup_steps: int = 0,
        warmup_ratio: float = 0.01,
    ) -> None:
        if not all(0 < drop < 1 for drop in drops) or not 0 <= factor <= 1:
            raise ValueError(
                f"drops {list(drops)} must be shares of the run in (0, 1), factor {factor} in "
                "[0, 1]"
            )
        super().__init__(warmup_steps, warmup_ratio=warmup_ratio, end=factor ** len(drops))
        self.drops = list(drops)
        self.factor = factor

    def __call__(self, step: int, max_steps: int) -> float:
        """Return the factor of a step."""
        if step < self.warmup_steps or step >= max_steps:
            return super().__call__(step, max_steps)
        return self._fall((step - self.warmup_steps) / (max_steps - self.warmup_steps))

    def _fall(self, progress: float) -> float:
        return self.factor ** sum(progress >= drop for drop in self.drops)
