"""Plots of a comparison, in the colours of the page around them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from callbacks.compare_content import Comparison, verdict
from callbacks.compare_results import Against
from callbacks.compare_statistics import Interval
from callbacks.compare_table import shown
from callbacks.report_plots import DARK, LIGHT, Theme
from metrics.measures import Measure

FAR_BEYOND = 5.0
"""An interval that reaches so many times as far as the usual one is not drawn to scale."""
_COLUMNS = 3
_NAME_LENGTH = 24
"""Longer names would leave no room for the panels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One plot in both themes, as PNG."""

    light: bytes
    dark: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plots:
    """All plots of a comparison."""

    forest: Picture
    scatters: Sequence[Picture]
    """One per method beside the baseline; none if the reports have no scores of single images."""


def draw_plots(comparison: Comparison) -> Plots:
    """Draw every plot once, for the page and for the files beside it."""
    return Plots(
        forest=Picture(light=forest_plot(comparison, LIGHT), dark=forest_plot(comparison, DARK)),
        scatters=[
            Picture(
                light=scatter_plot(comparison, against, LIGHT),
                dark=scatter_plot(comparison, against, DARK),
            )
            for against in comparison.others
            if len(against.result.per_image)
        ],
    )


def forest_plot(comparison: Comparison, theme: Theme) -> bytes:
    """Return a PNG with a panel per measure: each method's difference and interval.

    Better is right in every panel. The band around 0 is what the data cannot tell apart. A method
    whose difference is far beyond those of the others is an arrow with its number at the edge, or
    the intervals of the others would shrink to points.
    """
    lines = math.ceil(len(comparison.measures) / _COLUMNS)
    height = 0.85 + 0.34 * len(comparison.others)
    figure = _figure(theme, (10.2, lines * height))
    # room between the numbers below one panel and the title of the next, in inches
    figure.set_layout_engine("constrained", h_pad=0.1, w_pad=0.08)
    panels = figure.subplots(lines, _COLUMNS, squeeze=False, sharey=True)
    for axes in panels.flat:
        axes.set_visible(False)
    for axes, measure in zip(panels.flat, comparison.measures, strict=False):
        axes.set_visible(True)
        _style(axes, theme, measure.title)
        intervals = [against.intervals[measure.key] for against in comparison.others]
        low, high = span = panel_span(intervals)
        axes.set_xlim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        for place, found in enumerate(intervals):
            _draw_interval(axes, place, measure=measure, found=found, theme=theme)
            _draw_beyond(axes, place, measure=measure, found=found, span=span, theme=theme)
        axes.axvline(0, color=theme.muted, linewidth=1)
        names = [_short(against.result.method.name) for against in comparison.others]
        # a name is no formula
        axes.set_yticks(range(len(names)), names, fontsize=8, parse_math=False)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
        if not measure.higher_is_better:
            axes.invert_xaxis()
    return _png(figure)


def scatter_plot(comparison: Comparison, against: Against, theme: Theme) -> bytes:
    """Return a PNG with a point per image: mean F of the method over that of the baseline."""
    figure = _figure(theme, (5.2, 5.0))
    axes = figure.add_subplot()
    name, baseline = against.result.method.name, comparison.baseline.method.name
    _style(axes, theme, "Mean F of each image")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xlabel(baseline, color=theme.muted, parse_math=False)
    axes.set_ylabel(name, color=theme.muted, parse_math=False)
    axes.grid(color=theme.grid, linewidth=0.8)
    axes.plot([0, 1], [0, 1], color=theme.muted, linewidth=1)
    num = len(comparison.ids)
    axes.scatter(
        comparison.baseline.per_image,
        against.result.per_image,
        s=14 if num < 500 else 7,
        alpha=0.6 if num < 500 else 0.3,
        color=theme.accent,
        linewidths=0,
    )
    change = against.result.per_image - comparison.baseline.per_image
    for x, y, ha, text in (
        (0.03, 0.96, "left", f"better with {name}: {int((change > 0).sum()):,}"),
        (0.97, 0.03, "right", f"worse: {int((change < 0).sum()):,}"),
    ):
        axes.text(x, y, text, color=theme.text, fontsize=9, ha=ha, parse_math=False)
    return _png(figure)


def panel_span(intervals: Sequence[Interval]) -> tuple[float, float]:
    """Return the part of the axis that shows these intervals, but for those far beyond the others.

    Args:
        intervals: One per method, at least one.
    """
    extents = [max(abs(i.low), abs(i.high), i.detectable) for i in intervals]
    usual = sorted(extent for extent in extents if extent > 0)
    if not usual:
        return -1.0, 1.0
    limit = FAR_BEYOND * usual[(len(usual) - 1) // 2]
    near = [i for i, extent in zip(intervals, extents, strict=True) if extent <= limit]
    reach = [i.detectable for i in near]
    low = min([i.low for i in near] + [-d for d in reach])
    high = max([i.high for i in near] + reach)
    return low, high


def _draw_interval(
    axes: Axes, place: int, *, measure: Measure, found: Interval, theme: Theme
) -> None:
    colour = _colour(measure, found, theme)
    band = Rectangle(
        (-found.detectable, place - 0.32), 2 * found.detectable, 0.64, color=theme.grid, zorder=0
    )
    axes.add_patch(band)
    axes.plot([found.low, found.high], [place, place], color=colour, linewidth=2.2)
    axes.plot(found.difference, place, "o", color=colour, markersize=5)


def _draw_beyond(
    axes: Axes,
    place: int,
    *,
    measure: Measure,
    found: Interval,
    span: tuple[float, float],
    theme: Theme,
) -> None:
    """Draw an arrow and the number where the difference lies outside the panel."""
    low, high = span
    if low <= found.difference <= high:
        return
    at_right = (found.difference > high) == measure.higher_is_better
    edge, step = (0.98, -1) if at_right else (0.02, 1)
    colour, across = _colour(measure, found, theme), axes.get_yaxis_transform()
    marker = ">" if at_right else "<"
    axes.plot(edge, place, marker, color=colour, transform=across, clip_on=False, markersize=6)
    axes.text(
        edge + 0.04 * step,
        place,
        shown(measure, found.difference, signed=True),
        color=colour,
        transform=across,
        fontsize=8,
        va="center",
        ha="right" if at_right else "left",
        bbox={"facecolor": theme.background, "edgecolor": "none", "pad": 1},
    )


def _colour(measure: Measure, found: Interval, theme: Theme) -> str:
    colours = {"better": theme.accent, "worse": theme.others[0]}
    return colours.get(verdict(measure, found), theme.muted)


def _short(name: str) -> str:
    # what tells runs apart is at both ends: the network's name, and a date or a seed
    return name if len(name) <= _NAME_LENGTH else f"{name[:12]}...{name[-9:]}"


def _figure(theme: Theme, size: tuple[float, float]) -> Figure:
    figure = Figure(figsize=size, dpi=160, layout="constrained", facecolor=theme.background)
    FigureCanvasAgg(figure)
    return figure


def _style(axes: Axes, theme: Theme, title: str) -> None:
    axes.set_facecolor(theme.background)
    axes.set_title(title, loc="left", color=theme.text, fontsize=10, fontweight="bold")
    axes.tick_params(colors=theme.muted, length=0, labelsize=8)
    axes.spines[:].set_visible(False)


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", facecolor=figure.get_facecolor())
    return buffer.getvalue()
