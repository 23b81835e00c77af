import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from datamodules.photo_index import PhotoIndex
from generation.filters.near_duplicates import (
    Duplicate,
    DuplicateKind,
    Pair,
    find_duplicates,
    reject_list,
)
from tests.patchwork import patchwork


def mask(top: int = 40) -> NDArray[np.uint8]:
    plane = np.zeros((160, 160), np.uint8)
    plane[top : top + 80, 40:120] = 255
    return plane


def on_background(of: NDArray[np.uint8], object: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where(mask()[..., None] > 0, object, of)


HELD_OUT = PhotoIndex([("test/a", patchwork(50)), ("test/b", patchwork(51))])
PAIRS: list[Pair] = [
    ("p0", patchwork(0), mask()),
    ("p1", patchwork(1), mask()),
    ("p2", patchwork(0), mask()),  # repeats p0
    ("p3", patchwork(0), mask(top=60)),  # another mask
    ("p4", on_background(patchwork(51), patchwork(2)), mask()),
    ("p5", on_background(patchwork(51), patchwork(2)), mask()),
    ("p6", np.zeros((160, 160, 3), np.uint8), mask()),
    ("p7", np.zeros((160, 160, 3), np.uint8), mask()),  # blank, repeats p6
]


def test_repeats_and_leaks_are_named_with_what_they_show() -> None:
    found = {d.id: (d.kind, d.of) for d in find_duplicates(PAIRS, HELD_OUT)}
    assert found == {
        "p2": (DuplicateKind.REPEAT, "p0"),
        # both leak: what leaks is not kept in place of its repeats
        "p4": (DuplicateKind.HELD_OUT, "test/b"),
        "p5": (DuplicateKind.HELD_OUT, "test/b"),
        "p7": (DuplicateKind.REPEAT, "p6"),
    }


def test_without_held_out_photos_only_repeats_are_found() -> None:
    assert [(d.id, d.of) for d in find_duplicates(PAIRS)] == [
        ("p2", "p0"),
        ("p5", "p4"),
        ("p7", "p6"),
    ]


@settings(max_examples=3, deadline=None)
@given(st.permutations(PAIRS))
def test_order_of_the_pairs_changes_nothing(pairs: list[Pair]) -> None:
    assert find_duplicates(pairs, HELD_OUT) == find_duplicates(PAIRS, HELD_OUT)


def test_empty_set_has_no_duplicates() -> None:
    assert find_duplicates([], HELD_OUT) == []
    assert reject_list([]) == ""


def test_id_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="'p1' comes twice"):
        find_duplicates([PAIRS[1], PAIRS[0], PAIRS[1]])


def test_list_has_the_id_first_and_tabs_between() -> None:
    duplicates = [
        Duplicate("x y", DuplicateKind.HELD_OUT, "test/b", 31),
        Duplicate("z", DuplicateKind.REPEAT, "w", 0.9876),
    ]
    text = reject_list(duplicates)
    assert [line.split("\t")[0] for line in text.splitlines()] == ["x y", "z"]
    assert text.splitlines()[0] == "x y\tshows a held-out photo\ttest/b\t31"


@pytest.mark.parametrize("id", ["a\tb", "a\nb", "a\rb"])
def test_id_that_would_break_the_list_is_refused(id: str) -> None:
    with pytest.raises(ValueError, match="tab or a line break"):
        reject_list([Duplicate(id, DuplicateKind.REPEAT, "w", 1)])
