"""Numbers that papers give for open-vocabulary segmentation, each with its protocol.

They stand in ``published_open_vocabulary.json`` with where each was read; nothing in it was
measured here. Rows of different protocols must not be ranked against each other: names and
background words alone move PASCAL VOC (21) by twenty points.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PATH = Path(__file__).with_suffix(".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedResult:
    """What is known of one method on one set."""

    name: str
    year: int
    mean_iou: float
    """In percent."""
    backbone: str
    supervision: str
    """What it learned from, or uses at test time, beside CLIP."""
    protocol: str
    source: str


def published_results(set_name: str, num_images: int) -> list[PublishedResult]:
    """Return the rows of a set that was tested whole, the oldest first.

    Args:
        set_name: `datamodules.label_set.LabelSet.name`.
        num_images: Images tested. With another number than the set has, it is not that set, and
            there are no rows.
    """
    facts = _facts()
    if set_name not in facts["sets"]:
        return []
    column = facts["sets"].index(set_name)
    if num_images != facts["num_images"][column]:
        return []
    return [
        PublishedResult(
            name=method["name"],
            year=method["year"],
            mean_iou=method["mean_iou"][column],
            backbone=method["backbone"],
            supervision=facts["supervision"][method["supervision"]],
            protocol=facts["protocols"][method["protocol"]],
            source=facts["sources"][method["source"]],
        )
        for method in facts["methods"]
        if method["mean_iou"][column] is not None
    ]


@cache
def _facts() -> dict:  # type: ignore[type-arg]  # our own file, read by this module alone
    return json.loads(_PATH.read_text())
