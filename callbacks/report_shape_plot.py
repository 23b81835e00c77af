"""The picture of `callbacks.report_shapes`: mean F of groups of images with like shapes."""

from callbacks.report_plots import Theme, panel, png, subtitle
from callbacks.report_shapes import Group, Key, Relation


def shape_plot(relation: Relation, theme: Theme) -> bytes:
    """Return a PNG: per group a bar over its middle half, a line at its median, a dot at its mean.

    Whoever has no time looks whether the dots rise or fall.
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
    lows = [group.quartiles[0] for group in relation.groups] + means
    axes.set(ylim=(0 if min(lows) < 0.5 else 0.4, 1.02), xlim=(-0.5, len(means) - 0.5))
    axes.grid(visible=False, axis="x")
    axes.set_position((0.11, 0.215, 0.86, 0.595))  # two lines of tick labels
    subtitle(figure, theme, f"rank correlation {relation.rank_correlation:+.2f}")
    return png(figure)


def _range(group: Group, key: Key) -> str:
    low, high = _short(group.low, key), _short(group.high, key)
    return low if low == high else f"{low}\N{EN DASH}{high}"


def _short(value: float, key: Key) -> str:
    if key == "holes":
        return f"{value:.0f}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
