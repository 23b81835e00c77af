"""A comparison in the terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from callbacks.compare_content import CLICKS, NOT_APART, TOO_SMALL, Comparison, verdict
from callbacks.compare_results import Against
from metrics.measures import Measure

_STYLES = {"better": "green", "worse": "red"}
_SHORT = {NOT_APART: "-", TOO_SMALL: "< .0005"}


def decimals(measure: Measure) -> int:
    """Return how many decimals tell two methods apart: HCE counts clicks, all else is 0 to 1."""
    return 1 if measure.key == CLICKS else 4


def shown(measure: Measure, value: float, *, signed: bool = False) -> str:
    """Return a number with the decimals of its measure, or two digits where these would vanish."""
    sign = "+" if signed else ""
    fixed = f"{value:{sign}.{decimals(measure)}f}"
    return f"{value:{sign}.2g}" if value and not float(fixed) else fixed


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
    for heading in ("baseline", "method", "change", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("detectable", justify="right", no_wrap=True)
    for measure in comparison.measures:
        found = against.intervals[measure.key]
        said = verdict(measure, found)
        table.add_row(
            measure.title,
            shown(measure, comparison.baseline.values[measure.key]),
            shown(measure, against.result.values[measure.key]),
            shown(measure, found.difference, signed=True),
            f"{shown(measure, found.low, signed=True)} {shown(measure, found.high, signed=True)}",
            Text(_SHORT.get(said, said), style=_STYLES.get(said, "dim")),
            shown(measure, found.detectable),
        )
    return table
