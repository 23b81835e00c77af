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
    figure, axes = _axes(theme, "Precision and recall", "recall", "precision")
    for name, scores, style in _lines(content, theme):
        axes.add_line(
            style.line(scores.curves["recall"].numpy(), scores.curves["precision"].numpy(), name)
        )
    _legend(axes, theme)
    return _png(figure)


def f_plot(content: Content, theme: Theme) -> bytes:
    """Return a PNG of the mean F curve over the threshold, with its maximum marked."""
    figure, axes = _axes(theme, "F over the threshold", "threshold", "mean F of the images")
    for name, scores, style in _lines(content, theme):
        axes.add_line(style.line(THRESHOLDS, scores.curves["f"].numpy(), name))
    f = content.scores[ALL].curves["f"]
    best = int(f.argmax())
    axes.plot(THRESHOLDS[best], f[best], "o", color=theme.accent, markersize=6)
    axes.annotate(
        f"max F {float(f[best]):.3f}",
        (THRESHOLDS[best], float(f[best])),
        xytext=(0, 8),
        textcoords="offset points",
        ha="left" if best < 128 else "right",
        color=theme.text,
        fontsize=9,
    )
    _legend(axes, theme)
    return _png(figure)


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
            f"{row.id}\nmean F {mean_f:.3f}, MAE {mae:.3f}": pictures.photo,
            "truth": pictures.truth,
            "prediction": pictures.prediction,
            "error (blue missed, orange extra)": pictures.error,
        }
        for column, (title, encoded) in enumerate(columns.items()):
            axes = figure.add_subplot(lines[line, column])
            axes.imshow(decode(encoded))
            # an id is no formula
            axes.set_title(title, fontsize=7, loc="left", parse_math=False)
            axes.set_axis_off()
    return _png(figure)


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


def _axes(theme: Theme, title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, 4.2), dpi=160, layout="constrained", facecolor=theme.background)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_facecolor(theme.background)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(title, loc="left", color=theme.text, fontsize=11, fontweight="bold", pad=28)
    axes.set_xlabel(x, color=theme.muted)
    axes.set_ylabel(y, color=theme.muted)
    axes.tick_params(colors=theme.muted, length=0)
    axes.grid(color=theme.grid, linewidth=0.8)
    axes.spines[:].set_visible(False)
    return figure, axes


def _legend(axes: Axes, theme: Theme) -> None:
    # above the plot, where no curve can run through it
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=3,
        frameon=False,
        labelcolor=theme.text,
        fontsize=9,
        borderpad=0,
        borderaxespad=0.3,
        columnspacing=1.4,
        handlelength=1.6,
    )


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", facecolor=figure.get_facecolor())
    return buffer.getvalue()
