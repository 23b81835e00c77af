from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from datamodules.photo_index import PhotoIndex
from datamodules.shard_pairs import image_and_coverage
from generation.filters.near_duplicates import (
    Duplicate,
    DuplicateKind,
    Pair,
    find_duplicates,
    reject_list,
)
from generation.procedural import ProceduralScenes
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


def test_rejected_pair_repeats_nothing_and_leaks_all_the_same() -> None:
    found = find_duplicates(PAIRS, HELD_OUT, gone={"p0", "p4"})
    assert [d.id for d in found] == ["p4", "p5", "p7"]  # p2 stays, for p0 is gone


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


def view(degrees: float) -> Pair:
    """One scene from a viewpoint so far beside its own: a stand-in for frames of one film."""
    scenes = ProceduralScenes(size=192)
    spec = scenes.spec("train", 3)
    camera = replace(spec.camera, azimuth=spec.camera.azimuth + degrees)
    return f"{degrees:g}", *image_and_coverage(scenes.sample(replace(spec, camera=camera)))


def encoded_again(pair: Pair) -> Pair:
    id, image, plane = pair
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return f"{id} again", np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8), plane


def test_neighbouring_frame_and_copy_of_a_held_out_photo_are_found() -> None:
    frame = view(0)
    index = PhotoIndex([("test/frame", frame[1])])
    found = find_duplicates([view(1), encoded_again(frame)], index)
    assert [(d.id, d.kind) for d in found] == [
        ("0 again", DuplicateKind.HELD_OUT),
        ("1", DuplicateKind.HELD_OUT),
    ]


def test_same_scene_from_a_far_viewpoint_is_not_found() -> None:
    # nearly all corners are others: frames of one film are to be divided by film, not by content
    assert find_duplicates([view(25)], PhotoIndex([("test/frame", view(0)[1])])) == []


def test_of_a_set_the_copy_repeats_a_pair_and_the_neighbouring_frame_does_not() -> None:
    # one degree moves thin struts by their width, which is something new to learn from
    frame = view(0)
    found = find_duplicates([frame, view(1), encoded_again(frame)])
    assert [(d.id, d.kind, d.of) for d in found] == [("0 again", DuplicateKind.REPEAT, "0")]
