"""The report as one page that opens from disk: pictures inside, no script, nothing loaded."""

from collections import Counter
from collections.abc import Mapping, Sequence

from callbacks.beside import ALL
from callbacks.compare_units import FEW_UNITS
from callbacks.gallery import FOLDER, INDEX, PICTURES
from callbacks.gallery_pictures import NUM_POINTS
from callbacks.page_template import page_template
from callbacks.published import TE_SUBSETS, TE_UNION, PublishedTable, differing_subsets
from callbacks.report_content import Content
from callbacks.report_definitions import DEFINITIONS, USERS_OF_VARIANTS
from callbacks.report_drawings import Plots
from callbacks.report_intervals import headline_intervals
from callbacks.report_measures import further, literature, number
from datamodules.problems import ProblemKind
from metrics.measures import MEASURES, VARIANTS, Measure

MAX_PROBLEMS = 50
"""Findings listed one by one; all of them are counted."""
MAX_FAILURES = 20
"""Of training pairs that nothing could be made of, listed; all of them are counted."""
MUCH_STALL = 0.05
"""Share of the time that training may wait for its batches before the page says what to do."""

_REASONS: dict[str, str] = {
    ProblemKind.MISSING_PARTNER: "missing",
    ProblemKind.UNREADABLE: "unreadable",
}
_OPEN_TABLES = ("DIS-VD", TE_UNION)
"""What papers compare by; the parts of the union fold out."""


def page(content: Content, plots: Plots) -> str:
    """Return the HTML of a report."""
    problems = content.problems or ()
    own = content.contenders[0].values
    by_key = {measure.key: measure for measure in MEASURES}
    return page_template("report.html.jinja").render(
        content=content,
        all=ALL,
        own_values=own,
        measures=literature(own[ALL]),
        further=further(own[ALL]),
        unscored=_unscored(content),
        by_key=by_key,
        number=number,
        intervals=headline_intervals(content.rows),
        ends=_ends,
        few_images=len(content.rows) < FEW_UNITS,
        best=_best([contender.values[ALL] for contender in content.contenders]),
        beaten_by=_beaten_by(content),
        footnotes=_footnotes(content.published),
        sources=_sources(content.published),
        open_tables=_OPEN_TABLES,
        last_of_union=TE_SUBSETS[-1],
        published_best={
            table.subset: _best([own[table.subset], *(row.values for row in table.rows)])
            for table in content.published
        },
        differing=differing_subsets({n: len_of.num_images for n, len_of in content.scores.items()}),
        definitions=[(by_key[key], DEFINITIONS[key]) for key in DEFINITIONS if key in own[ALL]],
        variants=[(variant, USERS_OF_VARIANTS[variant.key]) for variant in VARIANTS],
        plots=plots,
        left_out=left_out_summary(content),
        training=content.training,
        failures=[] if content.training is None else content.training.failures[:MAX_FAILURES],
        failures_shown=MAX_FAILURES,
        much_stall=MUCH_STALL,
        gallery_file=f"{FOLDER}/{INDEX}",
        picture_kinds=PICTURES,
        num_points=NUM_POINTS,
        problem_counts=Counter(str(problem.kind) for problem in problems).most_common(),
        problems=list(problems)[:MAX_PROBLEMS],
        num_problems=len(problems),
    )


def left_out_summary(content: Content) -> str:
    """Return how many images are missing from the numbers and why; empty where none is."""
    if not content.left_out:
        return ""
    counts = Counter(_REASONS.get(p.kind, p.kind) for p in content.left_out)
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
    num_all = len(content.rows) + len(content.left_out)
    return f"{len(content.left_out):,} of {num_all:,} left out: {reasons}"


def _best(lines: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the best value of each column that more than one line of a table has."""
    columns = {m: [values[m.key] for values in lines if m.key in values] for m in MEASURES}
    return {
        measure.key: max(values) if measure.higher_is_better else min(values)
        for measure, values in columns.items()
        if len(values) > 1
    }


def _ends(measure: Measure, interval: tuple[float, float]) -> str:
    """Return an interval in as few letters as a headline figure has room for."""
    return "\N{EN DASH}".join(number(measure, end).removeprefix("0") or "0" for end in interval)


def _unscored(content: Content) -> list[str]:
    """Return the titles of the literature's measures that the run alone has a number of."""
    own, *others = (contender.values[ALL] for contender in content.contenders)
    return [m.title for m in literature(own) if not any(m.key in values for values in others)]


def _beaten_by(content: Content) -> list[str]:
    """Return the priors that reach the run's max F or exceed it."""
    own = content.contenders[0].values[ALL]["max_f"]
    return [name for name, scores in content.priors.items() if scores.values()["max_f"] >= own]


def _footnotes(tables: Sequence[PublishedTable]) -> dict[str, int]:
    """Return the notes on published rows, numbered as they are met."""
    notes = [note for table in tables for row in table.rows for note in row.notes]
    return {note: place + 1 for place, note in enumerate(dict.fromkeys(notes))}


def _sources(tables: Sequence[PublishedTable]) -> list[str]:
    sources = [source for table in tables for row in table.rows for source in row.sources]
    return list(dict.fromkeys(sources))
