from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import SingleDeviceStrategy

from datamodules.dis5k import DIS5K, Splits, divide
from datamodules.folder import find_pairs
from datamodules.generation_plan import Plan, write_plan
from datamodules.generation_result import FinishedShard
from datamodules.mixture import Mixture
from datamodules.mixture_share import Constant
from datamodules.pairs import Pairs
from datamodules.problems import DatasetError
from datamodules.set_leaks import showing_held_out
from datamodules.set_thumbnails import set_thumbnails
from datamodules.shards import publish
from datamodules.synthetic import GeneratedPair, GeneratedPairs, GeneratedSet, find_generated
from tests.datamodules.generation_toys import toy_sample, toy_shard


def found(folder: Path) -> list[GeneratedPair]:
    pairs, problems = find_generated(folder, {}, void=None, memory=None, progress=False)
    assert not problems
    return pairs


def write(folder: Path, *ids: str, start: int = 0) -> Path:
    write_plan(folder, Plan(recipe={}, keys=("a~0",), shard_size=1, seed=0))
    for number, id in enumerate(ids, start):
        sample = toy_sample(id, number, size=(12, 8))
        finished = FinishedShard(shard=toy_shard(id, number=number), samples=(sample,), rejected=())
        publish(folder, finished, plan="p", image_format="png", facts={})
    return folder


def mixed(root: Path, made: Path, *, on_error: str = "raise") -> DIS5K:
    mixture = Mixture(share=Constant(1.0), sets=[GeneratedSet(root=made)])
    splits = Splits(test=("DIS-TE1",))
    data = DIS5K(
        root,
        size=16,
        batch_size=2,
        splits=splits,
        mixture=mixture,
        cache=None,
        num_workers=0,
        on_error=on_error,
    )  # type: ignore[arg-type]
    data.prepare_data()
    data.setup("fit")
    return data


def test_pairs_of_all_shards_are_read_without_the_rejected(tmp_path: Path) -> None:
    folder = write(tmp_path, "a~1", "b~2", "c~3")
    (tmp_path / "rejected.txt").write_text("b~2\n")
    pairs = GeneratedPairs(folder, found(folder), size=(16, 16))
    assert list(pairs.ids) == ["a~1", "c~3"]
    assert len(pairs) == 2
    assert torch.equal(pairs.sample(1).image, toy_sample("c~3", 2, size=(12, 8)).image)
    view = pairs.training_view(0, 0)
    assert view.sample.mask.shape == (16, 16)
    assert view.size == (12, 8)


def test_set_without_a_pair_left_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, "a~1")
    (tmp_path / "rejected_by_hand.txt").write_text("a~1")
    with pytest.raises(DatasetError, match="holds no published pair"):
        GeneratedPairs(folder, found(folder), size=(16, 16))


def test_other_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no plan\.json"):
        found(tmp_path)


def test_mixture_draws_from_a_set(tiny_set: Path, tmp_path: Path) -> None:
    data = mixed(tiny_set, write(tmp_path, "a~1", "b~2"))
    batch = next(iter(data.train_dataloader()))
    assert set(batch.id) == {"a~1", "b~2"}
    assert list(batch.is_synthetic) == [True, True]


def test_pair_made_of_a_validation_photo_is_refused_or_left_out(
    tiny_set: Path, tmp_path: Path
) -> None:
    held_out = next((tiny_set / "DIS-VD" / "im").iterdir()).stem
    made = write(tmp_path, f"{held_out}~1", "b~2")
    with pytest.raises(DatasetError, match="which is in DIS-VD"):
        mixed(tiny_set, made)
    data = mixed(tiny_set, made, on_error="skip")
    assert set(next(iter(data.train_dataloader())).id) == {"b~2"}


def test_pair_made_under_another_division_is_told_of_once_and_why_its_photo_is_held_out(
    tiny_set: Path, tmp_path: Path
) -> None:
    for part in ("im", "gt"):
        copytree(tiny_set / "DIS-TR" / part, tmp_path / "photos" / part)
    _, _, test = divide(find_pairs(tmp_path / "photos", "")[0], Splits().held_out)
    made = write(tmp_path / "made", f"{test[0].id}~1", "b~2")
    with pytest.raises(DatasetError) as refusal:
        mixed(tmp_path / "photos", made)
    lines = [line for line in str(refusal.value).splitlines() if f"{test[0].id}~1" in line]
    why = "which is in the test, held out by the hash of its name"
    assert [line.partition(": ")[2] for line in lines] == [
        f"{test[0].id}~1 was made from {test[0].id}, {why}"
    ]


def write_copies(folder: Path, tiny_set: Path, *names: str) -> Path:
    """Make a set of real photos, ``<subset>/<number>``, under other names."""
    write_plan(folder, Plan(recipe={}, keys=("a~0",), shard_size=1, seed=0))
    samples = []
    for place, name in enumerate(names):
        subset, number = name.split("/")
        (files,) = (f for f in find_pairs(tiny_set, subset)[0] if f.id.endswith(number))
        photo, _ = Pairs([files], size=(32, 32)).training_sample(0)
        samples.append(replace(photo, id=f"copy~{place}"))
    shard = toy_shard(*(sample.id for sample in samples))
    finished = FinishedShard(shard=shard, samples=tuple(samples), rejected=())
    publish(folder, finished, plan="p", image_format="jpg", facts={})
    return folder


@pytest.mark.parametrize("remembers", [False, True])
def test_renamed_copy_of_a_held_out_photo_in_a_set_is_found_by_its_pixels(
    tiny_set: Path, tmp_path: Path, remembers: bool
) -> None:
    made = write_copies(tmp_path / "made", tiny_set, "DIS-TR/000", "DIS-VD/010", "DIS-TE1/013")
    held_out = {name: find_pairs(tiny_set, name)[0] for name in ("DIS-VD", "DIS-TE1")}
    memory = tmp_path / "cache" / "checked.json" if remembers else None
    for _ in range(2):  # the second time from memory
        found = showing_held_out(made, held_out, void=None, memory=memory, progress=False)
        assert set(found) == {"copy~1", "copy~2"}
        assert "#010.jpg in DIS-VD" in found["copy~1"].message
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == remembers


def test_remembered_set_is_not_decoded_again(tiny_set: Path, tmp_path: Path) -> None:
    made = write_copies(tmp_path / "made", tiny_set, "DIS-TR/000")
    first = set_thumbnails(made, memory=tmp_path / "cache", progress=False)
    (tar,) = made.rglob("*.tar")
    tar.unlink()
    again = set_thumbnails(made, memory=tmp_path / "cache", progress=False)
    assert [pair[:2] for pair in first] == [pair[:2] for pair in again]
    assert np.array_equal(first[0][2], again[0][2])


def test_set_with_a_copy_of_a_validation_photo_is_refused_or_the_copy_left_out(
    tiny_set: Path, tmp_path: Path
) -> None:
    made = write_copies(tmp_path / "made", tiny_set, "DIS-TR/000", "DIS-VD/010", "DIS-TR/001")
    with pytest.raises(DatasetError, match="copy~1 shows the same as"):
        mixed(tiny_set, made)
    data = mixed(tiny_set, made, on_error="skip")
    assert set(next(iter(data.train_dataloader())).id) == {"copy~0", "copy~2"}


def test_pair_that_was_rejected_for_what_it_shows_is_no_defect(
    tiny_set: Path, tmp_path: Path
) -> None:
    held_out = next((tiny_set / "DIS-VD" / "im").iterdir()).stem
    made = write(tmp_path, f"{held_out}~1", "b~2")
    (made / "rejected_by_hand.txt").write_text(f"{held_out}~1\n")
    assert set(next(iter(mixed(tiny_set, made).train_dataloader())).id) == {"b~2"}


def test_pairs_are_those_that_were_checked_however_the_set_grows(
    tiny_set: Path, tmp_path: Path
) -> None:
    made = write(tmp_path, "a~1")
    data = mixed(tiny_set, made)
    held_out = next((tiny_set / "DIS-VD" / "im").iterdir()).stem
    write(made, f"{held_out}~1", start=1)
    (made / "rejected.txt").write_text("a~1\n")
    loader = data.train_dataloader()
    assert {id for batch in loader for id in batch.id} == {"a~1"}


@pytest.mark.parametrize("change", ["rejected", "published"])
def test_walk_does_not_go_on_over_a_set_with_other_pairs(
    tiny_set: Path, tmp_path: Path, change: str
) -> None:
    made = write(tmp_path, "a~1", "b~2")
    state = mixed(tiny_set, made).train_dataloader().state_dict()
    mixed(tiny_set, made).train_dataloader().load_state_dict(state)
    if change == "rejected":
        (made / "rejected.txt").write_text("b~2\n")
    else:
        write(made, "c~3", start=2)
    with pytest.raises(ValueError, match=f"{made} holds other pairs than when the checkpoint"):
        mixed(tiny_set, made).train_dataloader().load_state_dict(state)


class LateRank(SingleDeviceStrategy):
    """A rank that sees a growing set later than rank 0, which has sent what it saw."""

    def __init__(self, sent: list[GeneratedPair]) -> None:
        super().__init__(torch.device("cpu"))
        self.sent = sent

    def broadcast(self, obj: list[GeneratedPair], src: int = 0) -> list[GeneratedPair]:
        return self.sent


def test_all_ranks_draw_from_the_pairs_of_rank_zero(tiny_set: Path, tmp_path: Path) -> None:
    made = write(tmp_path / "made", "a~1", "b~2")
    data = mixed(tiny_set, made)
    data.trainer = Trainer(  # what a run does
        accelerator="cpu",
        strategy=LateRank(found(made)[:1]),
        max_steps=1,
        logger=False,
        default_root_dir=tmp_path,
    )
    assert set(next(iter(data.train_dataloader())).id) == {"a~1"}


def test_weight_must_be_above_zero(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="weight 0"):
        GeneratedSet(root=tmp_path, weight=0)
