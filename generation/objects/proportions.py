"""Proportions: numbers that make one chair differ from the next, and how they are drawn."""

from dataclasses import dataclass, field, fields, replace
from typing import Literal, Self

import numpy as np

from generation.objects.parts import Part

Split = Literal["train", "val", "test"]

# Where in its range (0..1) a length may lie. The test split has the outer tenths, which neither
# other split ever sees: narrower and wider, thinner and thicker than anything trained on.
_INNER = (0.12, 0.88)
_OUTER = 0.10


@dataclass(frozen=True, kw_only=True)
class Proportions:
    """Base of every object class: a frozen record of numbers that assembles itself.

    Subclasses declare their numbers by `span`, `count` and `style`.
    """

    @classmethod
    def draw(cls, rng: np.random.Generator, split: Split) -> Self:
        """Return a random object of this class from the ranges of a split."""
        values: dict[str, float | int] = {}
        for item in fields(cls):
            low, high = item.metadata["range"]
            if item.type is float:
                values[item.name] = low + _place(rng, split) * (high - low)
            else:
                values[item.name] = int(rng.integers(low, high + 1))
        return cls(**values)

    def reshaped(self, rng: np.random.Generator, split: Split) -> Self:
        """Return the same kind of object with other lengths; numbers of things and styles stay."""
        other = self.draw(rng, split)
        kept = {item.name: getattr(self, item.name) for item in fields(self) if item.type is int}
        return replace(other, **kept)

    def parts(self) -> list[Part]:
        """Return the pieces of the object, standing on y = 0."""
        raise NotImplementedError


def span(low: float, high: float) -> float:
    """Declare a length in metres, an angle in degrees or a ratio, drawn between two bounds."""
    return field(default=(low + high) / 2, metadata={"range": (low, high)})


def count(low: int, high: int) -> int:
    """Declare a number of things, both bounds included; every split has all of them."""
    return field(default=(low + high) // 2, metadata={"range": (low, high)})


def style(num: int) -> int:
    """Declare a choice between `num` styles, 0 the plainest; every split has all of them."""
    return field(default=0, metadata={"range": (0, num - 1)})


def place_of(value: float, low: float, high: float) -> float:
    """Return where in its range (0..1) a drawn value lies."""
    return (value - low) / (high - low)


def is_held_out(place: float) -> bool:
    """Return whether a place in a range (0..1) belongs to the test split."""
    return place <= _OUTER or place >= 1 - _OUTER


def _place(rng: np.random.Generator, split: Split) -> float:
    place, side = rng.uniform(size=2)
    if split != "test":
        return float(_INNER[0] + place * (_INNER[1] - _INNER[0]))
    return float(place * _OUTER if side < 0.5 else 1 - place * _OUTER)
