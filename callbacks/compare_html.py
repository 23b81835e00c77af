"""A comparison as one page that opens from disk: pictures inside, no script, nothing loaded."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from callbacks.compare_content import NOT_APART, TOO_SMALL, Comparison, verdict
from callbacks.compare_plots import Plots
from callbacks.compare_results import Against
from callbacks.compare_table import shown
from callbacks.page_template import page_template

HEADLINE = "max_f"
"""Key of the measure that the sentence at the top gives in numbers."""
NUM_CHANGED = 8
"""Images listed with the largest gain, and as many with the largest loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One image, and its scores with the baseline and with the method."""

    id: str
    before: float
    after: float


def page(comparison: Comparison, plots: Plots) -> str:
    """Return the HTML of a comparison."""
    return page_template("compare.html.jinja").render(
        comparison=comparison,
        precise=shown,
        verdict=verdict,
        summaries=[_summary(comparison, against) for against in comparison.others],
        plots=plots,
        headline=next((m for m in comparison.measures if m.key == HEADLINE), None),
        changes=[largest_changes(comparison, against) for against in comparison.others],
        seeds_differ=any(
            len(result.run_values) > 1
            for result in (comparison.baseline, *(a.result for a in comparison.others))
        ),
    )


def largest_changes(comparison: Comparison, against: Against) -> dict[str, list[Change]]:
    """Return the images that gained and lost most in mean F, the largest change first."""
    if not len(against.result.per_image):
        return {"gain": [], "loss": []}
    change = against.result.per_image - comparison.baseline.per_image
    order = [int(place) for place in np.argsort(change, kind="stable")]
    gains = [place for place in reversed(order) if change[place] > 0][:NUM_CHANGED]
    losses = [place for place in order if change[place] < 0][:NUM_CHANGED]

    def listed(places: list[int]) -> list[Change]:
        return [
            Change(
                id=comparison.ids[place],
                before=float(comparison.baseline.per_image[place]),
                after=float(against.result.per_image[place]),
            )
            for place in places
        ]

    return {"gain": listed(gains), "loss": listed(losses)}


def _summary(comparison: Comparison, against: Against) -> str:
    counts = Counter(verdict(m, against.intervals[m.key]) for m in comparison.measures)
    total = len(comparison.measures)
    if counts[NOT_APART] == total:
        return f"not told apart from it in any of {total} measures"
    words = {"better": "better", "worse": "worse", TOO_SMALL: f"{TOO_SMALL} away"}
    words[NOT_APART] = NOT_APART
    said = [f"{words[word]} in {counts[word]}" for word in words if counts[word]]
    return f"{', '.join(said)} of {total} measures"
