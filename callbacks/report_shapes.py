"""Scores by the shape of the truth: a folder of one's own has no DIS-TE1 to DIS-TE4.

DIS5K sorts its test set by the complexity of the objects. The same question is put to any set
here: do the scores fall where outlines are complex, holes many, struts thin, or objects small?
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from callbacks.report_content import Row
from metrics.shape import Shape

Values = NDArray[np.float64]
Key = Literal["isoperimetric", "holes", "strut_width", "area_share"]

MIN_IMAGES = 8
"""Two a quarter; of fewer, nothing can be said."""
_CHANCE = 3.0
"""Rank correlations of unrelated values stay below ``3 / sqrt(n - 1)`` in 99.7 of 100 cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspect:
    """A field of `metrics.shape.Shape`, as readers know it."""

    key: Key
    title: str
    axis: str
    lowest: str
    highest: str


ASPECTS = (
    Aspect(
        key="isoperimetric",
        title="complexity of the outline",
        axis="squared length of the outline over area (a disc: 1)",
        lowest="the simplest quarter",
        highest="the most complex",
    ),
    Aspect(
        key="holes",
        title="number of holes",
        axis="holes",
        lowest="the quarter with the fewest",
        highest="that with the most",
    ),
    Aspect(
        key="strut_width",
        title="strut width",
        axis="median width in pixels",
        lowest="the quarter with the thinnest",
        highest="that with the thickest",
    ),
    Aspect(
        key="area_share",
        title="size of the object",
        axis="share of the image in %",
        lowest="the quarter with the smallest objects",
        highest="that with the largest",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Images with like shapes."""

    low: float
    """Smallest value of the property in the group."""
    high: float
    num_images: int
    mean: float
    quartiles: tuple[float, float, float]
    """Of mean F: a quarter, half and three quarters of the images are below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """How mean F goes with one property."""

    aspect: Aspect
    groups: Sequence[Group]
    """At least two, about a quarter of the images each, by rising value; fewer where many tie."""
    rank_correlation: float
    """Spearman's, in [-1, 1]."""
    num_images: int

    @property
    def beyond_chance(self) -> bool:
        """Whether unrelated values would hardly correlate as much."""
        return abs(self.rank_correlation) * math.sqrt(self.num_images - 1) > _CHANCE


def relations(rows: Sequence[Row]) -> list[Relation]:
    """Return how mean F goes with each of `ASPECTS`; none for fewer than `MIN_IMAGES`.

    A property that is the same for all images is left out, and so are images without it (an empty
    truth has no struts).
    """
    found = [_relation(aspect, rows) for aspect in ASPECTS]
    return [relation for relation in found if relation is not None]


def summary(found: Sequence[Relation]) -> str:
    """Say in a sentence what at least one relation shows."""
    strongest = max(found, key=lambda relation: abs(relation.rank_correlation))
    if not strongest.beyond_chance:
        return (
            f"Over these {strongest.num_images:,} images mean F goes with none of these "
            "more closely than chance would have it."
        )
    aspect, first, last = strongest.aspect, strongest.groups[0], strongest.groups[-1]
    return (
        f"Mean F goes most with the {aspect.title}: {first.mean:.3f} in {aspect.lowest}, "
        f"{last.mean:.3f} in {aspect.highest} (rank correlation "
        f"{strongest.rank_correlation:+.2f} over {strongest.num_images:,} images)."
    )


def _relation(aspect: Aspect, rows: Sequence[Row]) -> Relation | None:
    pairs = [
        (_value(aspect.key, row.scores.shape), row.scores.values["mean_f"])
        for row in rows
        if row.scores.shape is not None
    ]
    table = np.array(pairs, np.float64).reshape(-1, 2)
    values, scores = table[np.isfinite(table).all(1)].T
    if len(values) < MIN_IMAGES or values.min() == values.max():
        return None
    place = np.searchsorted(_cuts(values), values, side="right")
    return Relation(
        aspect=aspect,
        groups=[_group(values[place == i], scores[place == i]) for i in range(place.max() + 1)],
        rank_correlation=_rank_correlation(values, scores),
        num_images=len(values),
    )


def _value(key: Key, shape: Shape) -> float:
    values = {
        "isoperimetric": shape.isoperimetric,
        "holes": float(shape.holes),
        "strut_width": shape.strut_width,
        "area_share": 100 * shape.area_share,
    }
    return values[key]


def _cuts(values: Values) -> Values:
    """Return where the quarters meet, without those that would leave the first group empty."""
    # "higher": values that occur, so that no group between two cuts is empty
    quarters = np.unique(np.quantile(values, (0.25, 0.5, 0.75), method="higher"))
    cuts = quarters[quarters > values.min()]
    # three quarters of the images tie: they against the rest
    return cuts if len(cuts) else values[values > values.min()].min(keepdims=True)


def _group(values: Values, scores: Values) -> Group:
    low, middle, high = (float(q) for q in np.quantile(scores, (0.25, 0.5, 0.75)))
    return Group(
        low=float(values.min()),
        high=float(values.max()),
        num_images=len(values),
        mean=float(scores.mean()),
        quartiles=(low, middle, high),
    )


def _rank_correlation(x: Values, y: Values) -> float:
    """Return Spearman's correlation, ties at their mean rank; 0 where all of y tie."""
    if y.min() == y.max():
        return 0.0
    return float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])


def _ranks(values: Values) -> Values:
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[group]
