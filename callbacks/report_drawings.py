"""All plots of a report, drawn once: the page and the files beside it show the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from callbacks.report_content import Content
from callbacks.report_histograms import histogram, spread_measures
from callbacks.report_plots import DARK, LIGHT, e_plot, f_plot, precision_recall_plot
from callbacks.report_shape_plot import common_span, shape_plot
from callbacks.report_shapes import relations, summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One plot in both themes, as PNG."""

    name: str
    """Of its file, without suffix."""
    text: str
    """For those who cannot see it."""
    light: bytes
    dark: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plots:
    """The plots of a report in groups."""

    curves: Sequence[Plot]
    histograms: Sequence[Plot]
    shapes: Sequence[Plot]
    shape_summary: str
    """What `shapes` say in a sentence; empty without any."""

    def all(self) -> list[Plot]:
        """Return every plot in the order of the page."""
        return [*self.curves, *self.histograms, *self.shapes]


def draw_plots(content: Content) -> Plots:
    """Draw what the report shows; histograms and shapes need a handful of images."""
    curves = (
        ("f_curve", "F over the threshold", f_plot),
        ("precision_recall", "precision over recall", precision_recall_plot),
        ("e_curve", "E over the threshold", e_plot),
    )
    found = relations(content.rows)
    span = common_span(found) if found else (0.0, 1.0)
    return Plots(
        curves=[
            Plot(name=name, text=text, light=draw(content, LIGHT), dark=draw(content, DARK))
            for name, text, draw in curves
        ],
        histograms=[
            Plot(
                name=f"histogram_{measure.key}",
                text=f"number of images over {measure.title}",
                light=histogram(content, measure, LIGHT),
                dark=histogram(content, measure, DARK),
            )
            for measure in spread_measures(content)
        ],
        shapes=[
            Plot(
                name=f"mean_f_by_{relation.aspect.key}",
                text=f"mean F over {relation.aspect.title}",
                light=shape_plot(relation, LIGHT, span),
                dark=shape_plot(relation, DARK, span),
            )
            for relation in found
        ],
        shape_summary=summary(found) if found else "",
    )
