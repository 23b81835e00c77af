"""Numbers that papers give for DIS5K, to be set beside those of a run.

They stand in ``published.json`` with the table or figure each was read from; nothing in it was
measured here. The subsets are those of Qin et al., ECCV 2022.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TE_SUBSETS = ("DIS-TE1", "DIS-TE2", "DIS-TE3", "DIS-TE4")
TE_UNION = "DIS-TE (1-4)"
"""What papers call the mean over all images of `TE_SUBSETS`."""

_PATH = Path(__file__).with_suffix(".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """What is known of one method on one subset."""

    name: str
    year: int
    values: Mapping[str, float]
    """By key of `metrics.measures.MEASURES`; a paper gives few of them."""
    notes: Sequence[str]
    """What makes the numbers differ from those of this protocol."""
    sources: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    """All methods on one subset, the oldest first."""

    subset: str
    rows: Sequence[PublishedRow]


def published_tables(num_images: Mapping[str, int]) -> list[PublishedTable]:
    """Return the tables of those subsets that were tested whole.

    Args:
        num_images: Images tested, by subset. A subset that bears a name of DIS5K but has another
            number of images is not that subset, and gets no table.
    """
    expected = _facts()["num_images"]
    return [
        PublishedTable(subset=subset, rows=_rows(subset))
        for subset, expected_images in expected.items()
        if num_images.get(subset) == expected_images
    ]


def differing_subsets(num_images: Mapping[str, int]) -> dict[str, int]:
    """Return the subsets that bear a name of DIS5K, but have another number of images than it.

    Returns:
        DIS5K's number by subset.
    """
    expected: dict[str, int] = _facts()["num_images"]
    return {
        subset: expected[subset]
        for subset, num in num_images.items()
        if subset in expected and num != expected[subset]
    }


def _rows(subset: str) -> list[PublishedRow]:
    facts = _facts()
    rows = []
    for method in facts["methods"]:
        numbers = method["values"].get(subset)
        if numbers is None:
            continue
        pairs = zip(facts["measures"], numbers, strict=True)
        values = {key: float(number) for key, number in pairs if number is not None}
        notes = [*method["notes"], *method.get("notes_of", {}).get(subset, [])]
        sources = [method["source"], *([method["source_of_hce"]] if "hce" in values else [])]
        rows.append(
            PublishedRow(
                name=method["name"],
                year=method["year"],
                values=values,
                notes=[facts["notes"][note] for note in notes],
                sources=[facts["sources"][source] for source in dict.fromkeys(sources)],
            )
        )
    return rows


@cache
def _facts() -> dict:  # type: ignore[type-arg]  # our own file, read by this module alone
    return json.loads(_PATH.read_text())
