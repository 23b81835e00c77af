"""Plots of the report, drawn with matplotlib's objects alone (pyplot keeps global state)."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from callbacks.beside import ALL
from callbacks.report_content import THIS_RUN, Content, Example
from callbacks.thumbnails import decode
from metrics.set_scores import SetScores

Values = NDArray[np.float64]

THRESHOLDS: Values = np.arange(256) / 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours of a plot; those of the page around it."""

    background: str
    text: str
    muted: str
    grid: str
    accent: str
    others: tuple[str, ...]


LIGHT = Theme(
    background="#ffffff",
    text="#1c2024",
    muted="#646b73",
    grid="#e4e7ea",
    accent="#0b62c4",
    others=("#c2590c", "#8a8f98"),
)
DARK = Theme(
    background="#181b20",
    text="#e8eaed",
    muted="#9aa1aa",
    grid="#2c3138",
    accent="#6db1ff",
    others=("#f5a25d", "#7d848e"),
)


def precision_recall_plot(content: Content, theme: Theme) -> bytes:
    """Return a PNG of mean precision over mean recall, one point per threshold."""
    figure, axes = panel(theme, "Precision and recall", "recall", "precision")
    for name, scores, style in _lines(content, theme):
        axes.add_line(
            style.line(scores.curves["recall"].numpy(), scores.curves["precision"].numpy(), name)
        )
    _finish_curves(axes, theme)
    return png(figure)


def f_plot(content: Content, theme: Theme) -> bytes:
    """Return a PNG of the mean F curve over the threshold, with its maximum marked."""
    return _threshold_plot(content, theme, "f", "F")


def e_plot(content: Content, theme: Theme) -> bytes:
    """Return a PNG of the mean E curve over the threshold, with its maximum marked."""
    return _threshold_plot(content, theme, "e", "E")


def grid_picture(examples: Sequence[Example]) -> bytes:
    """Return a PNG with a line per example (at least one): photo, truth, prediction, error."""
    # inches: four columns, and room for two lines of title; very tall pictures are drawn smaller
    heights = [min(4.0, 2.2 * row.size[0] / row.size[1]) + 0.4 for row in (e.row for e in examples)]
    figure = Figure(figsize=(9, sum(heights)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    lines = figure.add_gridspec(len(examples), 4, height_ratios=heights)
    for line, example in enumerate(examples):
        pictures, row = example.pictures, example.row
        mean_f, mae = row.scores.values["mean_f"], row.scores.values["mae"]
        columns = {
            "photo": pictures.photo,
            "truth": pictures.truth,
            "prediction": pictures.prediction,
            "error (blue missed, orange extra)": pictures.error,
        }
        shown = [(title, data) for title, data in columns.items() if data is not None]
        for column, (title, encoded) in enumerate(shown):
            axes = figure.add_subplot(lines[line, column])
            axes.imshow(decode(encoded))
            if column == 0:
                title = f"{row.id}\nmean F {mean_f:.3f}, MAE {mae:.3f}"
            # an id is no formula
            axes.set_title(title, fontsize=7, loc="left", parse_math=False)
            axes.set_axis_off()
    return png(figure)


def panel(theme: Theme, title: str, x: str, y: str, *, width: float = 4.0) -> tuple[Figure, Axes]:
    """Return an empty plot in the page's style.

    Args:
        theme: Colours.
        title: Above the plot.
        x: Name of the axis.
        y: Name of the axis.
        width: In inches; at 4 three plots stand side by side in the page, at 5.2 two.
    """
    figure = Figure(figsize=(width, 3.6), dpi=170, facecolor=theme.background)
    FigureCanvasAgg(figure)
    # fixed margins: a layout engine would take ten times as long as the plot
    left = 0.58 / width
    bottom = 0.13 if x else 0.075  # room for the tick labels, and for the name if there is one
    axes = figure.add_axes((left, bottom, 0.97 - left, 0.81 - bottom))
    axes.set_facecolor(theme.background)
    figure.text(0.02, 0.94, title, color=theme.text, fontsize=11, fontweight="bold", va="center")
    axes.set_xlabel(x, color=theme.muted, fontsize=9)
    axes.set_ylabel(y, color=theme.muted, fontsize=9)
    axes.tick_params(colors=theme.muted, length=0, labelsize=8.5)
    axes.grid(color=theme.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    return figure, axes


def subtitle(figure: Figure, theme: Theme, text: str) -> None:
    """Write a line below the title."""
    figure.text(0.02, 0.865, text, color=theme.muted, fontsize=9, va="center")


def png(figure: Figure) -> bytes:
    """Return a figure as a file."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", facecolor=figure.get_facecolor())
    return buffer.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    colour: str
    width: float
    dashes: Literal["-", "--"]

    def line(self, x: Values, y: Values, name: str) -> Line2D:
        return Line2D(
            x, y, color=self.colour, linewidth=self.width, linestyle=self.dashes, label=name
        )


def _lines(content: Content, theme: Theme) -> list[tuple[str, SetScores, _Style]]:
    others = [
        (name, scores, _Style(colour=colour, width=1.4, dashes="--"))
        for (name, scores), colour in zip(content.priors.items(), theme.others, strict=False)
    ]
    own = _Style(colour=theme.accent, width=2.4, dashes="-")
    return [(THIS_RUN, content.scores[ALL], own), *others]


def _threshold_plot(content: Content, theme: Theme, curve: str, letter: str) -> bytes:
    values = content.scores[ALL].curves[curve]
    best = int(values.argmax())
    title = f"{letter} over the threshold, max {float(values[best]):.3f}"
    figure, axes = panel(theme, title, "threshold", f"mean {letter} of the images")
    for name, scores, style in _lines(content, theme):
        axes.add_line(style.line(THRESHOLDS, scores.curves[curve].numpy(), name))
    axes.plot(THRESHOLDS[best], values[best], "o", color=theme.accent, markersize=6)
    _finish_curves(axes, theme)
    return png(figure)


def _finish_curves(axes: Axes, theme: Theme) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    # above the plot, where no curve can run through it
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.16, 1.01),
        ncols=3,
        frameon=False,
        labelcolor=theme.text,
        fontsize=8,
        borderpad=0,
        borderaxespad=0.3,
        columnspacing=1.0,
        handlelength=1.5,
        handletextpad=0.5,
    )
