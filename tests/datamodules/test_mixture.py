"""The recipe alone: shares over training, weighted draws, folders of ready pairs."""

import json
from collections import Counter
from collections.abc import Callable
from math import pi
from pathlib import Path
from shutil import copy

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.folder import find_pairs
from datamodules.mixture import Mixture
from datamodules.mixture_ready import ReadyPairs, find_ready
from datamodules.mixture_share import Constant, Cosine, Linear, Share
from datamodules.mixture_weighting import (
    WeightedOrder,
    Weighting,
    outline_complexity,
    weighted_order,
)
from datamodules.pairs import Pairs
from datamodules.problems import DatasetError, ProblemKind

READY = [ReadyPairs(root=Path("pool"))]


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (Constant(0.3), [0.3, 0.3, 0.3]),
        (Linear(0.2, 0.8), [0.2, 0.35, 0.8]),
        (Cosine(1.0, 0.0), [1.0, (1 + np.cos(pi / 4)) / 2, 0.0]),
    ],
)
def test_share_runs_its_curve_from_start_to_end(share: Share, expected: list[float]) -> None:
    assert [share(progress) for progress in (0.0, 0.25, 1.0)] == pytest.approx(expected)


def test_last_part_is_real_only_and_the_curve_ends_before_it() -> None:
    mixture = Mixture(share=Linear(0.0, 0.8), ready=READY, real_only=0.2)
    shares = [mixture.share_at(progress) for progress in (0.0, 0.4, 0.7999999, 0.8, 1.0)]
    assert shares == pytest.approx([0.0, 0.4, 0.8, 0.0, 0.0], abs=1e-6)


def test_only_a_changing_share_needs_the_length_of_the_run() -> None:
    assert not Mixture(share=Constant(0.5), ready=READY).needs_length
    assert Mixture(share=Constant(0.5), ready=READY, real_only=0.1).needs_length
    assert Mixture(share=Linear(0.5, 0.4), ready=READY).needs_length


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(1.2), r"start 1.2 .* in \[0, 1\]"),
        (lambda: Mixture(share=Constant(0.5)), "give synthesis"),
        (lambda: Mixture(share=Constant(0.5), ready=READY, real_only=1.0), "real_only 1.0"),
        (lambda: ReadyPairs(root=Path("pool"), weight=0.0), "weight 0.0 must be above 0"),
        (lambda: Weighting(classes={"Fan": -1.0}), "0 or more"),
    ],
)
def test_value_out_of_range_is_an_error_that_names_it(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make()


WEIGHTS = st.lists(st.floats(0, 100), min_size=1, max_size=60).filter(lambda w: sum(w) > 1e-3)


@given(WEIGHTS, st.integers(0, 2**40))
def test_pair_is_drawn_as_often_as_its_weight_says_up_to_one(
    weights: list[float], seed: int
) -> None:
    drawn = Counter(weighted_order(np.array(weights), seed).tolist())
    expected = np.array(weights) * len(weights) / sum(weights)
    counts = np.array([drawn[index] for index in range(len(weights))])
    assert counts.sum() == len(weights)
    assert np.all(np.abs(counts - expected) < 1 + 1e-6)


@given(st.integers(1, 60), st.floats(0.1, 7), st.integers(0, 2**40))
def test_equal_weights_draw_each_pair_once(size: int, weight: float, seed: int) -> None:
    assert sorted(weighted_order(np.full(size, weight), seed)) == list(range(size))


def test_draws_follow_the_weights_over_many_cycles() -> None:
    order = WeightedOrder(np.array([0.0, 1.0, 2.5]), seed=3)
    drawn = Counter(order.index_at(slot) for slot in range(3 * 2000))
    assert drawn[0] == 0
    assert drawn[2] / drawn[1] == pytest.approx(2.5, rel=0.03)


def test_weighted_order_does_not_depend_on_which_slots_were_asked_before() -> None:
    weights = np.arange(1.0, 8.0)
    forwards, backwards = WeightedOrder(weights, 5), WeightedOrder(weights, 5)
    there = [forwards.index_at(slot) for slot in range(30)]
    back = [backwards.index_at(slot) for slot in reversed(range(30))]
    assert there == back[::-1]


def test_complexity_of_a_square_is_four_over_pi_and_a_ring_adds_its_inner_outline() -> None:
    square = np.zeros((220, 220), np.uint8)
    square[10:211, 10:211] = 255  # 201 pixels, 200 between their centres
    assert outline_complexity(square) == pytest.approx(800**2 / (4 * pi * 201**2))
    ring = square.copy()
    ring[60:161, 60:161] = 0
    expected = (800 + cv2_length_of_hole(101)) ** 2 / (4 * pi * (201**2 - 101**2))
    assert outline_complexity(ring) == pytest.approx(expected)


def cv2_length_of_hole(side: int) -> float:
    """A hole is followed on the pixels around it, corners cut: 4 (side - 1) + 4 sqrt(2)."""
    return 4 * (side - 1) + 4 * 2**0.5


@pytest.mark.parametrize("mask", [np.zeros((5, 7), np.uint8), np.full((1, 1), 255, np.uint8)])
def test_complexity_of_an_empty_mask_and_of_one_pixel_is_one(mask: np.ndarray) -> None:  # type: ignore[type-arg]
    assert outline_complexity(mask) == 1.0


def test_complexity_of_a_disc_is_about_one_and_of_a_comb_is_large() -> None:
    disc, comb = np.zeros((2, 101, 101), np.uint8)
    cv2.circle(disc, (50, 50), 40, 255, -1)
    comb[10:90, 10:90:4] = 255
    assert outline_complexity(disc) == pytest.approx(1.0, abs=0.12)  # a digital circle is longer
    assert outline_complexity(comb) > 20


@pytest.fixture
def pairs(tiny_set: Path) -> Pairs:
    return Pairs(find_pairs(tiny_set, "DIS-TR")[0], size=(32, 32))


def test_class_and_complexity_multiply_into_the_weight(pairs: Pairs) -> None:
    complexity = [
        outline_complexity(pairs.training_sample(k)[0].mask.numpy()) for k in range(len(pairs))
    ]
    weights = Weighting(classes={"Ball": 3.0}, complexity_power=0.5).weights(pairs)
    names = [files.class_names[0] for files in pairs.files]
    expected = [
        c**0.5 * (3 if name == "Ball" else 1) for c, name in zip(complexity, names, strict=True)
    ]
    assert weights == pytest.approx(expected)


def test_unknown_class_is_an_error_that_lists_the_known_ones(pairs: Pairs) -> None:
    with pytest.raises(ValueError, match=r"class Bal; there are Ball, Disc"):
        Weighting(classes={"Bal": 2.0}).weights(pairs)
    with pytest.raises(ValueError, match="every training pair has weight 0"):
        Weighting(classes={"Ball": 0.0, "Disc": 0.0}).weights(pairs)


def pool(tiny_set: Path, folder: Path, names: dict[str, str]) -> ReadyPairs:
    """Copy training pairs (subset/number: new stem) into a folder of ready pairs."""
    for source, name in names.items():
        subset, number = source.split("/")
        for part in ("im", "gt"):
            (folder / part).mkdir(parents=True, exist_ok=True)
            (found,) = (tiny_set / subset / part).glob(f"*#{number}.*")
            copy(found, folder / part / f"{name}{found.suffix}")
    return ReadyPairs(root=folder)


def test_ready_pairs_are_named_by_their_folder(tiny_set: Path, tmp_path: Path) -> None:
    ready = pool(tiny_set, tmp_path / "pool", {"DIS-TR/000": "a", "DIS-TR/001": "b~view-1"})
    held_out = {"DIS-VD": find_pairs(tiny_set, "DIS-VD")[0]}
    found, problems = find_ready(ready, held_out, memory=None, progress=False)
    assert [pair.id for pair in found] == ["pool/a", "pool/b~view-1"]
    assert problems == []


def test_ready_pair_that_shows_a_held_out_photo_is_at_fault_whatever_its_name(
    tiny_set: Path, tmp_path: Path
) -> None:
    held_out = {"DIS-VD": find_pairs(tiny_set, "DIS-VD")[0]}
    stem = held_out["DIS-VD"][0].image.stem
    names = {"DIS-TR/000": "good", "DIS-VD/010": "shown", "DIS-TR/001": f"{stem}~diffeo-12"}
    ready = pool(tiny_set, tmp_path / "pool", names)
    found, problems = find_ready(ready, held_out, memory=None, progress=False)
    assert [pair.id for pair in found] == ["pool/good"]
    assert {problem.id for problem in problems} == {"pool/shown", f"pool/{stem}~diffeo-12"}
    assert {problem.kind for problem in problems} == {ProblemKind.SAME_PHOTO}


def test_other_photo_of_a_held_out_ones_name_is_no_fault(tiny_set: Path, tmp_path: Path) -> None:
    held_out = {"DIS-VD": find_pairs(tiny_set, "DIS-VD")[0]}
    stem = held_out["DIS-VD"][0].image.stem
    ready = pool(tiny_set, tmp_path / "pool", {"DIS-TR/000": stem})
    found, problems = find_ready(ready, held_out, memory=None, progress=False)
    assert [pair.id for pair in found] == [f"pool/{stem}"]
    assert problems == []


def test_ready_pair_of_an_export_is_judged_by_its_parents(tiny_set: Path, tmp_path: Path) -> None:
    held_out = {"DIS-VD": find_pairs(tiny_set, "DIS-VD")[0]}
    photo = held_out["DIS-VD"][0]
    stem = photo.image.stem
    ready = pool(tiny_set, tmp_path / "pool", {"DIS-TR/000": f"{stem}~1", "DIS-TR/001": "b~2"})
    parents = {f"{stem}~1": f"elsewhere/{stem}", "b~2": photo.id}
    told = [{"id": id, "provenance": {"parents": [source]}} for id, source in parents.items()]
    lines = "".join(f"{json.dumps(pair)}\n" for pair in told)
    (ready.root / "pairs.jsonl").write_text(lines)
    found, problems = find_ready(ready, held_out, memory=None, progress=False)
    assert [pair.id for pair in found] == [f"pool/{stem}~1"]
    assert [problem.id for problem in problems] == ["pool/b~2"]
    assert problems[0].message == f"it was made from {photo.id}, which is in DIS-VD"


@pytest.mark.parametrize("text", ["{", '{"id": "a"}', '{"id": "a", "provenance": "b"}', "[]"])
def test_listing_that_no_export_has_left_is_an_error(
    tiny_set: Path, tmp_path: Path, text: str
) -> None:
    ready = pool(tiny_set, tmp_path / "pool", {"DIS-TR/000": "a"})
    (ready.root / "pairs.jsonl").write_text(text)
    with pytest.raises(DatasetError, match=r"pairs\.jsonl is not what an export leaves"):
        find_ready(ready, {}, memory=None, progress=False)


def test_ready_pairs_that_an_audit_has_rejected_are_left_out(
    tiny_set: Path, tmp_path: Path
) -> None:
    ready = pool(tiny_set, tmp_path / "pool", {"DIS-TR/000": "a", "DIS-TR/001": "b"})
    (ready.root / "rejected_duplicates.txt").write_text("b\tshows a held-out photo\n")
    found, problems = find_ready(ready, {}, memory=None, progress=False)
    assert [pair.id for pair in found] == ["pool/a"]
    assert problems == []
