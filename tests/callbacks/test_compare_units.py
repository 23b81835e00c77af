from pathlib import Path

import numpy as np
import pytest

from callbacks.compare_runs import ComparisonError, RunReport
from callbacks.compare_units import units_of

IDS = ["a/1", "a/2", "b/1", "c"]


def report(subsets: str = "aabc", classes: str = "xyxx") -> RunReport:
    return RunReport(
        path=Path("run"),
        folder=Path("run/report"),
        row_of={id: place for place, id in enumerate(IDS)},
        subset_of=dict(zip(IDS, subsets, strict=True)),
        class_of=dict(zip(IDS, classes, strict=True)),
        size_of=dict.fromkeys(IDS, (1, 1)),
        area_of={},
        values={"mae": np.zeros(4)},
        curve_names=frozenset(),
        protocol=None,
    )


@pytest.mark.parametrize(
    ("groups", "index", "title"),
    [
        (None, [0, 1, 2, 3], "images"),
        ("subset", [0, 0, 1, 2], "subsets"),
        ("class", [0, 1, 0, 0], "classes"),
        (r"(\w)$", [0, 1, 0, 2], r"groups by (\w)$"),
    ],
)
def test_images_are_grouped_as_asked(groups: str | None, index: list[int], title: str) -> None:
    units = units_of(report(), IDS, groups)
    assert units.index.tolist() == index
    assert units.num == max(index) + 1
    assert units.title == title


def test_only_the_compared_images_are_grouped() -> None:
    assert units_of(report(), ["b/1", "a/1"], "subset").index.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("^(.*)/", r"does not match 1 of 4 ids \('c'; an id is"),
        ("(a)|b|c", r"does not match 2 of 4 ids \('b/1'; an id is"),
        ("a/", "has no group: put the part that names the unit in parentheses"),
        ("(", "neither subset nor class nor a regular expression"),
        ("()", "all 4 images are one unit"),
    ],
)
def test_unusable_pattern_is_refused(groups: str, message: str) -> None:
    with pytest.raises(ComparisonError, match=message):
        units_of(report(), IDS, groups)


@pytest.mark.parametrize("groups", ["subset", "class"])
def test_images_without_the_asked_group_are_refused(groups: str) -> None:
    bare = report()
    bare.subset_of["c"] = bare.class_of["c"] = ""
    with pytest.raises(ComparisonError, match=r"1 of 4 images have no .* \('c'\)"):
        units_of(bare, IDS, groups)
