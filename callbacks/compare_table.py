"""A comparison in the terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from callbacks.compare_content import Comparison, verdict
from callbacks.compare_results import Against
from metrics.measures import Measure

_STYLES = {"better": "green", "worse": "red"}


def decimals(measure: Measure) -> int:
    """Return how many decimals tell two methods apart: HCE counts clicks, all else is 0 to 1."""
    return 1 if measure.key == "hce" else 4


def tables(comparison: Comparison) -> RenderableType:
    """Return a table per method beside the baseline, and the notes below them."""
    notes = [Text(f"note: {note}", style="yellow") for note in comparison.notes]
    return Group(*(_table(comparison, against) for against in comparison.others), *notes)


def _table(comparison: Comparison, against: Against) -> Table:
    name, baseline = against.result.method.name, comparison.baseline.method.name
    drawn = f"{comparison.num_units:,} {comparison.unit_title}"
    of = "" if comparison.unit_title == "images" else f"{len(comparison.ids):,} images, "
    table = Table(
        title=Text(f"{name} against {baseline}: {of}{drawn}"),
        title_justify="left",
        # narrow enough for a terminal of 80 columns
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    table.add_column("", no_wrap=True)
    for heading in ("baseline", "method", "difference", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("detectable", justify="right", no_wrap=True)
    for measure in comparison.measures:
        found = against.intervals[measure.key]
        places = decimals(measure)
        said = verdict(measure, found)
        table.add_row(
            measure.title,
            f"{comparison.baseline.values[measure.key]:.{places}f}",
            f"{against.result.values[measure.key]:.{places}f}",
            f"{found.difference:+.{places}f}",
            f"{found.low:+.{places}f} {found.high:+.{places}f}",
            Text(said if found.excludes_zero else "-", style=_STYLES.get(said, "dim")),
            f"{found.detectable:.{places}f}",
        )
    return table
