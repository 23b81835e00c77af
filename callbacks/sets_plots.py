"""Plots of the page about sets: the plane, and histograms of what may have drifted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from callbacks.compare_plots import Picture
from callbacks.report_plots import DARK, LIGHT, Theme, panel, png, subtitle
from metrics.feature_scores import Plane
from metrics.synthetic import DescribedSet, finite

Values = NDArray[np.float64]

MOST_CLASSES = 12
"""Drawn; the others are one bar."""
_NUM_BINS = 24
_MOST_COUNTED = 10
"""Components and holes beyond share the last bin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """A trait of `metrics.mask_traits`, as readers know it."""

    key: str
    title: str
    axis: str
    scale: str = "linear"
    """Or "log" or "count"."""


TRAITS = (
    Trait(key="area_share", title="Area", axis="share of the image"),
    Trait(key="centre_x", title="Place, left to right", axis="centre of mass by the width"),
    Trait(key="centre_y", title="Place, top to bottom", axis="centre of mass by the height"),
    Trait(
        key="isoperimetric",
        title="Complexity of the outline",
        axis="squared length over area (a disc: 1)",
        scale="log",
    ),
    Trait(key="dominant_points", title="Vertices of the outline", axis="vertices", scale="log"),
    Trait(key="components", title="Parts", axis="connected parts", scale="count"),
    Trait(key="holes", title="Holes", axis="holes", scale="count"),
    Trait(key="strut_share", title="Strut width", axis="by the longer side", scale="log"),
)


def colours(theme: Theme, num: int) -> list[str]:
    """Return a colour for each set that is compared."""
    extra = ("#2f9e6e", "#a05fc4", "#c2436b", "#8c7a1d")
    palette = [theme.accent, theme.others[0], *extra]
    return [palette[place % len(palette)] for place in range(num)]


def plane_picture(plane: Plane, name: str, number: int) -> Picture:
    """Draw the features of the real set and of one other in their plane.

    Args:
        plane: The places.
        name: Of the other set.
        number: Of the other set, which decides its colour.
    """

    def drawn(theme: Theme) -> bytes:
        figure, axes = panel(theme, _short(name), "", "")
        colour = colours(theme, number + 1)[number]
        num = len(plane.real) + len(plane.generated)
        size = 14 if num < 600 else 6
        for places, of_set in ((plane.real, theme.others[1]), (plane.generated, colour)):
            axes.scatter(
                places[:, 0].numpy(),
                places[:, 1].numpy(),
                s=size,
                alpha=0.6,
                color=of_set,
                linewidths=0,
            )
        axes.set_xticks([])
        axes.set_yticks([])
        text = f"{len(plane.generated):,} coloured, {len(plane.real):,} real ones grey"
        subtitle(figure, theme, text)
        return png(figure)

    return Picture(light=drawn(LIGHT), dark=drawn(DARK))


def trait_picture(trait: Trait, values: Mapping[str, Values]) -> Picture:
    """Draw the share of the images over one trait; the first set, the real one, is filled.

    Args:
        trait: What is drawn.
        values: Finite, by set; the real set has at least one.
    """
    edges = _edges(np.concatenate(list(values.values())), trait.scale)

    def drawn(theme: Theme) -> bytes:
        figure, axes = panel(theme, trait.title, trait.axis, "")
        real, *others = values.values()
        heights = _shares(real, edges)
        axes.stairs(heights, edges, fill=True, color=theme.others[1], alpha=0.45)
        for of_set, colour in zip(others, colours(theme, len(others)), strict=True):
            axes.stairs(_shares(of_set, edges), edges, color=colour, linewidth=1.8)
        if trait.scale == "log":
            axes.set_xscale("log")
        if trait.scale == "count":
            last = int(edges[-1] - 0.5)
            step = max(1, last // 5)
            ticks = list(range(0, last + 1, step))
            labels = [f"{t}+" if t == _MOST_COUNTED else str(t) for t in ticks]
            axes.set_xticks(ticks, labels)
        _finish(axes)
        return png(figure)

    return Picture(light=drawn(LIGHT), dark=drawn(DARK))


def class_picture(names: Mapping[str, Sequence[str]]) -> Picture:
    """Draw the share of each class in each set, the most frequent of the first set on top.

    Args:
        names: Class of each pair, by set.
    """
    counts = {name: Counter(of_set) for name, of_set in names.items()}
    real, *others = counts.values()
    ranked = sorted(set().union(*counts.values()), key=lambda name: (-real[name], name))
    kept, rest = ranked[:MOST_CLASSES], ranked[MOST_CLASSES:]

    def shares(of_set: Counter[str]) -> list[float]:
        listed = [of_set[name] for name in kept] + ([sum(of_set[n] for n in rest)] if rest else [])
        return [number / of_set.total() for number in listed]

    labels = [_short(name, 14) for name in kept] + (["others"] if rest else [])

    def drawn(theme: Theme) -> bytes:
        figure, axes = panel(theme, "Class", "", "")
        axes.set_position((0.31, 0.075, 0.66, 0.77))
        axes.barh(range(len(labels)), shares(real), color=theme.others[1], alpha=0.45)
        for of_set, colour in zip(others, colours(theme, len(others)), strict=True):
            axes.plot(shares(of_set), range(len(labels)), "o", color=colour, markersize=5)
        axes.set_yticks(range(len(labels)), labels, parse_math=False)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        axes.grid(visible=False, axis="y")
        return png(figure)

    return Picture(light=drawn(LIGHT), dark=drawn(DARK))


def drift_pictures(sets: Mapping[str, DescribedSet]) -> list[Picture]:
    """Draw all traits, and the classes where there are several; the real set is the first."""
    pictures = []
    if len({name for of_set in sets.values() for name in of_set.class_names}) > 1:
        pictures.append(class_picture({name: s.class_names for name, s in sets.items()}))
    for place, trait in enumerate(TRAITS):
        values = {name: finite(s.traits[:, place]).numpy() for name, s in sets.items()}
        if len(next(iter(values.values()))):
            pictures.append(trait_picture(trait, values))
    return pictures


def _edges(values: Values, scale: str) -> Values:
    if scale == "count":
        return np.arange(min(_MOST_COUNTED, int(values.max())) + 2, dtype=np.float64) - 0.5
    low, high = float(values.min()), float(values.max())
    if scale == "log":
        low = float(values[values > 0].min(initial=max(high, 1e-3)))  # an empty mask has 0
        return np.asarray(np.geomspace(low, max(high, low * 1.1), _NUM_BINS + 1), np.float64)
    return np.asarray(np.linspace(low, max(high, low + 0.05), _NUM_BINS + 1), np.float64)


def _shares(values: Values, edges: Values) -> Values:
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    return np.asarray(counts / max(1, len(values)))


def _finish(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    axes.grid(visible=False, axis="x")


def _short(name: str, length: int = 28) -> str:
    return name if len(name) <= length else f"{name[: length - 3]}..."
