"""The picture of `callbacks.report_shapes`: mean F of groups of images with like shapes."""

from collections.abc import Sequence

from callbacks.report_plots import Theme, panel, png, subtitle
from callbacks.report_shapes import Group, Key, Relation

LEAST_SPAN = 0.2
"""Of the axis of mean F."""


def shape_plot(relation: Relation, theme: Theme, span: tuple[float, float]) -> bytes:
    """Return a PNG: per group a bar over its middle half, a line at its median, a dot at its mean.

    Whoever has no time looks whether the dots rise or fall.

    Args:
        relation: What is drawn.
        theme: Colours.
        span: Of mean F, see `common_span`.
    """
    title = relation.aspect.title
    figure, axes = panel(
        theme, title[0].upper() + title[1:], relation.aspect.axis, "mean F", width=5.2
    )
    for place, group in enumerate(relation.groups):
        low, middle, high = group.quartiles
        axes.bar(place, high - low, bottom=low, width=0.5, color=theme.accent, alpha=0.28)
        axes.hlines(middle, place - 0.25, place + 0.25, color=theme.accent, linewidth=2)
    means = [group.mean for group in relation.groups]
    axes.plot(range(len(means)), means, "o-", color=theme.others[0], linewidth=1.2, markersize=5)
    axes.set_xticks(
        range(len(means)),
        [f"{_range(g, relation.aspect.key)}\nn = {g.num_images:,}" for g in relation.groups],
    )
    axes.set(ylim=span, xlim=(-0.5, len(means) - 0.5))
    axes.grid(visible=False, axis="x")
    axes.set_position((0.11, 0.19, 0.86, 0.62))  # two lines of tick labels
    subtitle(figure, theme, f"rank correlation {relation.rank_correlation:+.2f}")
    return png(figure)


def common_span(relations: Sequence[Relation]) -> tuple[float, float]:
    """Return the part of the axis of mean F that holds all groups of at least one relation.

    The same for all plots, so that they compare, and at least `LEAST_SPAN`, so that differences
    that mean nothing look like nothing.
    """
    groups = [group for relation in relations for group in relation.groups]
    low = min(min(group.quartiles[0], group.mean) for group in groups)
    high = max(max(group.quartiles[2], group.mean) for group in groups)
    missing = max(0.0, LEAST_SPAN - (high - low)) / 2
    margin = missing + 0.06 * (high - low)
    # what would reach beyond 0 or 1 is added at the other end
    above, below = max(0.0, high + margin - 1), max(0.0, margin - low)
    bottom, top = low - margin - above, high + margin + below
    return max(0.0, bottom), min(1.0, top) + 0.01


def _range(group: Group, key: Key) -> str:
    low, high = _short(group.low, key), _short(group.high, key)
    return low if low == high else f"{low}\N{EN DASH}{high}"


def _short(value: float, key: Key) -> str:
    if key == "holes":
        return f"{value:.0f}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
