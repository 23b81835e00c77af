"""Which measures are shown where, and how their numbers are written."""

import math
from collections.abc import Container

from metrics.measures import MEASURES, Measure

LITERATURE = ("max_f", "weighted_f", "mae", "s", "mean_e", "hce")
"""What a paper on dichotomous segmentation reports, in its order; the first is shown large."""


def literature(measured: Container[str]) -> list[Measure]:
    """Return those measures of `LITERATURE` whose keys are in `measured`."""
    by_key = {measure.key: measure for measure in MEASURES}
    return [by_key[key] for key in LITERATURE if key in measured]


def further(measured: Container[str]) -> list[Measure]:
    """Return all other measures whose keys are in `measured`, in the order of `MEASURES`."""
    return [m for m in MEASURES if m.key in measured and m.key not in LITERATURE]


def number(measure: Measure, value: float | None) -> str:
    """Return a number as tables show it: clicks in tens and thousands, shares to the third digit.

    Example:
        >>> by_key = {measure.key: measure for measure in MEASURES}
        >>> number(by_key["hce"], 1016.25), number(by_key["s"], 0.8191)
        ('1,016', '0.819')
    """
    if value is None or math.isnan(value):
        return "\N{EN DASH}"
    if measure.key == "hce":
        return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"
    return f"{value:.3f}"
