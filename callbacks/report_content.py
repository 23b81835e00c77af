"""What a report says, before it is written in any form.

Every form (page, JSON, CSV, plots) is a function of `Content`, so they cannot disagree. A further
section is a field here, filled in `build_content`, and a block of ``report.html.jinja``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from callbacks.beside import ALL, Values
from callbacks.priors import CENTRE, CENTRE_SIGMA, MEAN_MASK
from callbacks.published import TE_SUBSETS, TE_UNION, PublishedTable, published_tables
from callbacks.reports_data import Problem
from callbacks.thumbnails import Thumbnails
from callbacks.training_facts import TrainingFacts
from metrics.scores import ImageScores
from metrics.set_scores import SetScores, set_scores

THIS_RUN = "this run"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One tested image."""

    id: str
    subset: str
    """Folder part of the id; empty where it has none."""
    class_name: str
    size: tuple[int, int]
    """(height, width) of the truth."""
    scores: ImageScores
    priors: dict[str, ImageScores]
    """Scores of the priors on this image by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One line of the comparison."""

    name: str
    note: str
    values: Values
    """Of a run or prior scored here, those of `Content.unions` too."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """One image to look at."""

    row: Row
    pictures: Thumbnails


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Content:
    """A whole report."""

    title: str
    rows: Sequence[Row]
    """Sorted by id."""
    scores: Mapping[str, SetScores]
    """This run's, by subset in order; `ALL` first."""
    unions: Mapping[str, SetScores]
    """This run's over all images of several subsets, as papers report them: `TE_UNION`."""
    priors: Mapping[str, SetScores]
    """Scores of the priors on the whole test set by name."""
    contenders: Sequence[Contender]
    """This run first, then the runs beside it, then the priors."""
    published: Sequence[PublishedTable]
    """What papers give for those subsets and unions that are DIS5K's."""
    variants: Mapping[str, Mapping[str, float]] | None
    """`metrics.measures.VARIANTS` of this run by subset. None: not asked for."""
    examples: Mapping[str, Sequence[Example]]
    """By the name of the grid: worst, median, best."""
    problems: Sequence[Problem] | None
    """Findings of the data set check. None: the data module has no such check."""
    left_out: Sequence[Problem]
    """Why images that belong to the test set are not among `rows`, one an image."""
    facts: Mapping[str, str]
    """What a reader needs to run it again, by name."""
    training: TrainingFacts | None
    """What the fit in the same folder has left. None: nothing is known of one."""


def build_content(
    rows: Sequence[Row],
    *,
    title: str,
    beside: Mapping[str, tuple[str, Values]],
    pictures: Mapping[str, Thumbnails],
    num_examples: int,
    problems: Sequence[Problem] | None,
    facts: Mapping[str, str],
    left_out: Sequence[Problem] = (),
    variants: bool = False,
    training: TrainingFacts | None = None,
    is_prompted: bool = False,
) -> Content:
    """Average the scores and choose what is shown.

    Args:
        rows: At least one, sorted by id.
        title: Of the page.
        beside: Origin and numbers of other runs by name.
        pictures: By id, at least of the ids of `choose_examples`.
        num_examples: Per grid.
        problems: Findings of the data set check.
        facts: What a reader needs to run it again, by name.
        left_out: Why images that belong to the test set are not among the rows, one an image.
        variants: Whether the other definitions of the literature are shown.
        training: What the fit in the same folder has left.
        is_prompted: Whether the network was told where the objects are: papers' numbers, which are
            of networks that see the image alone, are then left out.
    """
    subsets = group_by_subset(rows)
    unions = _unions(subsets)
    groups = subsets | unions
    scores = {name: set_scores([row.scores for row in group]) for name, group in groups.items()}
    priors = _prior_scores(groups, list(rows[0].priors))
    sizes = {} if is_prompted else {name: len(group) for name, group in groups.items()}
    return Content(
        title=title,
        rows=rows,
        scores={name: scores[name] for name in subsets},
        unions={name: scores[name] for name in unions},
        priors={prior: by_subset[ALL] for prior, by_subset in priors.items()},
        published=published_tables(sizes),
        variants={n: of_set.variants() for n, of_set in scores.items()} if variants else None,
        contenders=[
            Contender(name=THIS_RUN, note="", values=values_by_subset(scores)),
            *(Contender(name=n, note=origin, values=v) for n, (origin, v) in beside.items()),
            *(
                Contender(name=prior, note=_PRIOR_NOTES[prior], values=values_by_subset(by_subset))
                for prior, by_subset in priors.items()
            ),
        ],
        examples={
            grid: [Example(row=row, pictures=pictures[row.id]) for row in chosen]
            for grid, chosen in choose_examples(rows, num_examples).items()
        },
        problems=problems,
        left_out=left_out,
        facts=facts,
        training=training,
    )


def subset_of(id: str) -> str:
    """Return the folder part of an id, empty where it has none.

    Raises:
        ValueError: If the folder is called as the whole set is in every file.
    """
    subset = id.rpartition("/")[0]
    if subset == ALL:
        raise ValueError(f"sample {id!r}: a subset cannot be called {ALL!r}: rename its folder")
    return subset


def group_by_subset(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return all rows under `ALL`, and those with a subset under its name, in order of name."""
    groups: dict[str, list[Row]] = {ALL: list(rows)}
    for name in sorted({row.subset for row in rows} - {""}):
        groups[name] = [row for row in rows if row.subset == name]
    return groups


def values_by_subset(scores: Mapping[str, SetScores]) -> dict[str, dict[str, float]]:
    """Return the numbers of every measure by subset."""
    return {name: of_set.values() for name, of_set in scores.items()}


def choose_examples(rows: Sequence[Row], num: int) -> dict[str, list[Row]]:
    """Return the images with the lowest, middle and highest mean F, without repeating one.

    Args:
        rows: Any number.
        num: At most so many per grid; a third of the images where there are few.
    """
    ranked = sorted(rows, key=lambda row: (row.scores.values["mean_f"], row.id))
    num = min(num, -(-len(ranked) // 3))
    middle = max(0, (len(ranked) - num) // 2)
    worst = ranked[:num]
    best = [row for row in reversed(ranked[-num:]) if num and row not in worst]
    median = [r for r in ranked[middle : middle + num] if r not in worst and r not in best]
    return {"worst": worst, "median": median, "best": best}


def _unions(groups: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    if not all(name in groups for name in TE_SUBSETS):
        return {}
    return {TE_UNION: [row for name in TE_SUBSETS for row in groups[name]]}


def _prior_scores(
    groups: Mapping[str, Sequence[Row]], priors: Sequence[str]
) -> dict[str, dict[str, SetScores]]:
    """Return the scores of each prior in each group."""
    return {
        prior: {
            name: set_scores([row.priors[prior] for row in group]) for name, group in groups.items()
        }
        for prior in priors
    }


_PRIOR_NOTES = {
    MEAN_MASK: "the mean of the training masks, the same for every image",
    CENTRE: f"a Gaussian in the middle, sigma {CENTRE_SIGMA:g} of each side",
}
