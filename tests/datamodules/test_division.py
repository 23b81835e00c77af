"""One folder divided into the splits of a run."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from datamodules.dis5k import divide
from datamodules.folder import PairFiles
from datamodules.problems import DatasetError
from datamodules.seeds import seed_for
from tests.datamodules.dis5k_data import ids, ready, small

MakeSet = Callable[..., Path]


def divided(root: Path, **arguments: object) -> dict[str, set[str]]:
    data = ready(root, batch_size=1, **arguments)
    return {
        "train": set(ids(data.train_dataloader())),
        "val": set(ids(data.val_dataloader())),
        "test": set(ids(data.test_dataloader())),
    }


def test_single_folder_is_divided_without_overlap_or_loss(
    make_set: MakeSet, tmp_path: Path
) -> None:
    root = make_set(tmp_path, train=20) / "DIS-TR"
    parts = divided(root)
    assert all(parts.values())
    assert sum(map(len, parts.values())) == 20
    assert set.union(*parts.values()) == {path.stem for path in (root / "im").iterdir()}


def test_division_depends_on_names_alone(make_set: MakeSet, tmp_path: Path) -> None:
    root = make_set(tmp_path / "a") / "DIS-TR"
    elsewhere = copytree(root, tmp_path / "b" / "set")
    assert divided(root, seed=1) == divided(elsewhere, seed=2)


def test_three_pairs_are_enough_for_three_splits(make_set: MakeSet, tmp_path: Path) -> None:
    root = make_set(tmp_path, train=3) / "DIS-TR"
    assert [len(part) for part in divided(root).values()] == [1, 1, 1]


def test_two_pairs_are_too_few(make_set: MakeSet, tmp_path: Path) -> None:
    root = make_set(tmp_path, train=2) / "DIS-TR"
    with pytest.raises(DatasetError, match=r"2 good pairs, too few.*data\.splits\.held_out"):
        small(root).prepare_data()


def pair_named(id: str) -> PairFiles:
    path = Path(id)
    return PairFiles(id=id, image=path, mask=path, weight=None, class_names=("object",))


NAMES = st.sets(st.text("abcdef0123456789", min_size=1), min_size=3, max_size=200)


@given(
    salt=st.integers(),
    num_before=st.integers(50, 200),
    num_added=st.integers(1, 200),
    held_out=st.floats(0.1, 0.45),
)
def test_added_photos_move_no_other_between_splits(
    salt: int, num_before: int, num_added: int, held_out: float
) -> None:
    pairs = [pair_named(f"{salt}-{number}") for number in range(num_before + num_added)]
    first, second = divide(pairs[:num_before], held_out), divide(pairs, held_out)
    for part in first[1:]:  # each has a pair of its own, none lent from training
        assume(any(seed_for(0, "split", pair.id) / 2**63 < 2 * held_out for pair in part))
    for one, two in zip(first, second, strict=True):
        assert set(one) <= set(two)


@given(names=NAMES, held_out=st.floats(0.0, 0.6))
def test_division_takes_each_pair_once_in_any_order(names: set[str], held_out: float) -> None:
    pairs = [pair_named(id) for id in names]
    parts = divide(pairs, held_out)
    assert sorted(pair.id for part in parts for pair in part) == sorted(names)
    assert divide(pairs[::-1], held_out) == parts


def test_shares_are_those_asked_for() -> None:
    parts = divide([pair_named(str(number)) for number in range(5000)], 0.1)
    assert [len(part) / 5000 for part in parts] == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


def test_held_out_split_that_no_hash_falls_into_gets_a_training_pair() -> None:
    pairs = [pair_named(str(number)) for number in range(3)]
    lowest = sorted(pairs, key=lambda pair: seed_for(0, "split", pair.id))
    assert divide(pairs, 0.0) == ([lowest[2]], [lowest[0]], [lowest[1]])
