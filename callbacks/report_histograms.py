"""How the scores of single images spread: a mean hides whether all are fair or a few are lost."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from callbacks.report_content import Content
from callbacks.report_measures import number
from callbacks.report_plots import Theme, panel, png, subtitle
from metrics.measures import MEASURES, Measure

Values = NDArray[np.float64]

MIN_IMAGES = 8
"""Fewer are read one by one in the grids."""
SPREAD = ("mean_f", "weighted_f", "mae", "s", "mean_e", "hce")
"""Measures that have a histogram: those of the literature, max F by mean F, since no single image
has the former."""
_MOST_BINS = 32


def spread_measures(content: Content) -> list[Measure]:
    """Return the measures that have a histogram; none for fewer than `MIN_IMAGES`."""
    if len(content.rows) < MIN_IMAGES:
        return []
    by_key = {measure.key: measure for measure in MEASURES}
    return [by_key[key] for key in SPREAD if key in content.rows[0].scores.values]


def histogram(content: Content, measure: Measure, theme: Theme) -> bytes:
    """Return a PNG of the number of images over one measure, the median marked."""
    values = np.array([row.scores.values[measure.key] for row in content.rows])
    counted = measure.key == "hce"
    figure, axes = panel(theme, measure.title, "clicks, log scale" if counted else "", "images")
    edges = click_edges(values) if counted else score_edges(values)
    axes.hist(values, bins=edges.tolist(), color=theme.accent, rwidth=0.92)
    if counted:
        _scale_clicks(axes, edges)
        axes.set_xlim(edges[0], edges[-1])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        # the perfect value is in sight: 1, or 0 of an error
        best = 1.0 if measure.higher_is_better else 0.0
        axes.set_xlim(min(edges[0], best), max(edges[-1], best))
    median, mean = float(np.median(values)), float(values.mean())
    axes.axvline(median, color=theme.others[0], linewidth=1.6)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(visible=False, axis="x")
    subtitle(
        figure, theme, f"median {number(measure, median)} (line), mean {number(measure, mean)}"
    )
    return png(figure)


def score_edges(values: Values) -> Values:
    """Return even edges around all values, from and to a multiple of .05."""
    low, high = np.floor(values.min() * 20) / 20, np.ceil(values.max() * 20) / 20
    return np.linspace(low, max(high, low + 0.05), _num_bins(values) + 1)


def click_edges(values: Values) -> Values:
    """Return edges of one ratio around all counts, rounded so that each bin holds at least one.

    Where an image needs no click, its bin ends at 1.
    """
    lowest, top = float(values.min()), max(10.0, float(values.max()) + 1)
    start = 10 ** np.floor(np.log10(max(1.0, lowest)))
    ratios = np.unique(np.floor(np.geomspace(start, np.ceil(top), _num_bins(values) + 1)))
    return ratios if lowest >= 1 else np.concatenate([[0.0], ratios])


def _num_bins(values: Values) -> int:
    """Return fewer bins where there are few images, so that chance does not look like a comb."""
    return int(np.clip(1.5 * np.sqrt(len(values)), 10, _MOST_BINS))


def _scale_clicks(axes: Axes, edges: Values) -> None:
    axes.set_xscale("symlog", linthresh=1, linscale=0.3)
    decades = 10.0 ** np.arange(np.ceil(np.log10(edges[-1])) + 1)
    short = edges[-1] < 300 * max(1.0, edges[0])  # whole decades alone would be one or two ticks
    axes.set_xticks([0, *np.outer(decades, (1, 3) if short else (1,)).flat])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda clicks, _: f"{clicks:,.0f}"))
