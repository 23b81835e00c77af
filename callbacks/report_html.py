"""The report as one page that opens from disk: pictures inside, no script, nothing loaded."""

from base64 import b64encode
from collections import Counter
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from callbacks.beside import ALL
from callbacks.report_content import Content
from callbacks.report_plots import DARK, LIGHT, f_plot, precision_recall_plot
from metrics.measures import MEASURES, Measure

READING_ORDER = ("max_f", "mean_f", "adaptive_f", "mae")
"""Keys of the figures at the top and of the tables' columns; the first is shown in large type."""
MAX_PROBLEMS = 50
"""Findings listed one by one; all of them are counted."""


def page(content: Content) -> str:
    """Return the HTML of a report."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["png"] = _png_uri
    environment.filters["jpeg"] = _jpeg_uri
    problems = content.problems or ()
    return environment.get_template("report.html.jinja").render(
        content=content,
        all=ALL,
        own_values=content.contenders[0].values,
        measures=in_order_of_reading(),
        best=_best(content),
        plots=[
            (plot(content, LIGHT), plot(content, DARK), text)
            for plot, text in (
                (f_plot, "F over the threshold"),
                (precision_recall_plot, "PR curve"),
            )
        ],
        problem_counts=Counter(str(problem.kind) for problem in problems).most_common(),
        problems=list(problems)[:MAX_PROBLEMS],
        num_problems=len(problems),
    )


def in_order_of_reading() -> list[Measure]:
    """Return the measures as people read them; files keep the order of `MEASURES`."""
    by_key = {measure.key: measure for measure in MEASURES}
    return [by_key[key] for key in READING_ORDER]


def _best(content: Content) -> dict[str, float]:
    """Return the best value of each measure among the contenders, over the whole set."""
    return {
        m.key: (max if m.higher_is_better else min)(
            c.values[ALL][m.key] for c in content.contenders if m.key in c.values[ALL]
        )
        for m in in_order_of_reading()
    }


def _png_uri(data: bytes) -> str:
    return f"data:image/png;base64,{b64encode(data).decode()}"


def _jpeg_uri(data: bytes) -> str:
    return f"data:image/jpeg;base64,{b64encode(data).decode()}"
