"""The page about sets: pictures inside, no script, nothing loaded."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from callbacks.compare_plots import Picture
from callbacks.page_template import page_template
from callbacks.sets_examples import Examples
from callbacks.sets_measures import MEASURES, Cell, SetMeasure, cell
from callbacks.sets_plots import TRAITS
from metrics.diversity import Diversity
from metrics.set_comparison import SetComparison
from metrics.synthetic import CLASS, DescribedSet, Scores, SetQuality

CONTENTS = ("images", "masks")
MOST_CLASSES = 40
"""Rows of the table of classes; more are in sets.json alone."""
_DRIFT = SetMeasure(key="drift", title="", higher_is_closer=False, meaning="", decimals=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetsContent:
    """All that the page and the files beside it show."""

    described: Mapping[str, DescribedSet]
    """The real set first."""
    qualities: Mapping[str, SetQuality]
    """Of all others."""
    extractor: str
    extractor_hash: str
    origins: Mapping[str, str]
    facts: Mapping[str, str]

    @property
    def real(self) -> str:
        """Name of the real set."""
        return next(iter(self.described))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetsPictures:
    """Everything drawn."""

    planes: Mapping[str, Sequence[Picture]]
    """By content, one for each set that is compared; none without a plane."""
    drift: Sequence[Picture]
    examples: Mapping[str, Sequence[Examples]]
    """By set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a table: its name and a cell for each column, None where there is no number."""

    title: str
    cells: Sequence[Cell | None]


def page(content: SetsContent, pictures: SetsPictures) -> str:
    """Return the HTML."""
    wholes = {name: quality.whole for name, quality in content.qualities.items()}
    return page_template("sets.html.jinja").render(
        content=content,
        pictures=pictures,
        measures=MEASURES,
        sizes={name: len(of_set) for name, of_set in content.described.items()},
        matched={name: _size(scores) for name, scores in wholes.items()},
        tables={kind: feature_rows(list(wholes.values()), kind) for kind in CONTENTS},
        groups=_group_tables(content),
        drift=drift_rows(list(wholes.values())),
        diversity=diversity_rows(content),
    )


def feature_rows(columns: Sequence[Scores], kind: str) -> list[Row]:
    """Return a row for each measure that a column has.

    Args:
        columns: Sets, or the groups of one set.
        kind: One of `CONTENTS`.
    """
    rows = []
    for measure in MEASURES:
        cells = [
            _cell(measure, scores.features[kind].get(measure.key), scores.features[kind])
            for scores in columns
        ]
        if any(found is not None for found in cells):
            rows.append(Row(title=measure.title, cells=cells))
    return rows


def drift_rows(columns: Sequence[Scores]) -> list[Row]:
    """Return a row for the class and for each trait that a column has."""
    titles = {CLASS: "Class"} | {trait.key: trait.title for trait in TRAITS}
    rows = []
    for key, title in titles.items():
        cells = [_cell(_DRIFT, scores.drift.get(key), {}) for scores in columns]
        if any(found is not None for found in cells):
            rows.append(Row(title=title, cells=cells))
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class DiversityRow:
    """One class: pairs in the real set, and per set the pairs and the ratios by content."""

    name: str
    num_real: int
    cells: Sequence[tuple[int, Sequence[str]]]


def diversity_rows(content: SetsContent) -> list[DiversityRow]:
    """Return a row for each class that some compared set and the real set hold twice or more."""
    found = [quality.diversity for quality in content.qualities.values()]
    names = list(dict.fromkeys(name for of_set in found for name in of_set[CONTENTS[0]]))
    rows = []
    for name in names:
        per_set = [[of_set[kind].get(name) for kind in CONTENTS] for of_set in found]
        cells = [
            (0 if of_class[0] is None else of_class[0].num_generated, [_times(d) for d in of_class])
            for of_class in per_set
        ]
        if any(text for _, texts in cells for text in texts):
            num = next(d.num_real for of_class in per_set for d in of_class if d is not None)
            rows.append(DiversityRow(name=name, num_real=num, cells=cells))
    return rows[:MOST_CLASSES]


def _group_tables(content: SetsContent) -> list[tuple[str, list[str], dict[str, list[Row]]]]:
    """Return (set, columns, tables by content) of each set that has groups."""
    tables = []
    for name, quality in content.qualities.items():
        if not quality.groups:
            continue
        columns = [f"{group} ({scores.num_images:,})" for group, scores in quality.groups.items()]
        scored = list(quality.groups.values())
        rows = {kind: feature_rows(scored, kind) for kind in CONTENTS}
        tables.append((name, columns, rows | {"drift": drift_rows(scored)}))
    return tables


def _cell(
    measure: SetMeasure, found: SetComparison | None, others: Mapping[str, SetComparison]
) -> Cell | None:
    return None if found is None else cell(measure, found, others.get(measure.ratio_key))


def _size(scores: Scores) -> int:
    return next(iter(scores.features[CONTENTS[0]].values())).size


def _times(found: Diversity | None) -> str:
    return "" if found is None or math.isnan(found.ratio) else f"{found.ratio:.2f}"
