"""A generated set is read as pairs with a class and a kind of edit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.pair_sets import PairSets
from datamodules.problems import DatasetError
from datamodules.sample import MaskKind, Sample
from datamodules.shard_pairs import ShardPairs, image_and_coverage
from tests.datamodules.generated_sets import toy_set
from tests.datamodules.generation_toys import toy_sample


def edited(sample: Sample) -> Sample:
    edits = ("view(azimuth=3)", "diffeomorphism(strength=0.1)", "warp")
    return replace(sample, provenance=replace(sample.provenance, edits=edits))


def labelled(sample: Sample) -> Sample:
    return replace(sample, mask_kind=MaskKind.LABELS, class_names=("background", "chair", "cup"))


def test_entries_are_the_pairs_that_nobody_rejected(tmp_path: Path) -> None:
    ids = toy_set(tmp_path)
    (tmp_path / "rejected_by_hand.txt").write_text(f"{ids[1]}\n")
    entries = ShardPairs(tmp_path).entries
    assert [entry.id for entry in entries] == [ids[0], *ids[2:]]


def test_group_is_the_kind_of_edit_without_its_numbers(tmp_path: Path) -> None:
    toy_set(tmp_path, made=edited)
    assert {entry.group for entry in ShardPairs(tmp_path).entries} == {"view+diffeomorphism+warp"}


def test_group_of_what_was_not_edited_is_its_generator(tmp_path: Path) -> None:
    toy_set(tmp_path)
    assert {entry.group for entry in ShardPairs(tmp_path).entries} == {"toy"}


@pytest.mark.parametrize(("made", "name"), [(edited, "toy"), (labelled, "chair")])
def test_class_is_the_first_one_that_is_no_background(
    tmp_path: Path, made: Callable[[Sample], Sample], name: str
) -> None:
    toy_set(tmp_path, made=made)
    assert {entry.class_name for entry in ShardPairs(tmp_path).entries} == {name}


def test_pixels_are_those_that_were_published(tmp_path: Path) -> None:
    ids = toy_set(tmp_path)
    (tmp_path / "rejected_by_hand.txt").write_text(f"{ids[0]}\n")  # places move up
    for place, id in enumerate(ids[1:]):
        image, mask = ShardPairs(tmp_path).read(place)
        sample = toy_sample(id, size=(6 + len(id) % 3, 8))
        assert np.array_equal(image.transpose(2, 0, 1), sample.image.numpy())
        assert np.array_equal(mask, sample.mask.numpy())


def test_label_map_becomes_the_coverage_of_all_objects() -> None:
    mask = torch.tensor([[0, 1, 2, 255]], dtype=torch.uint8)
    sample = replace(labelled(toy_sample(size=(1, 4))), mask=mask)
    assert image_and_coverage(sample)[1].tolist() == [[0, 255, 255, 0]]


def test_folder_of_shards_is_a_set_of_the_report_by_its_path(tmp_path: Path) -> None:
    ids = toy_set(tmp_path)
    data = PairSets({"real": str(tmp_path), "made": ShardPairs(tmp_path)})
    assert data.origins == {"real": str(tmp_path), "made": str(tmp_path)}
    assert [entry.id for entry in data.sources["real"].entries] == ids


def test_set_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    ids = toy_set(tmp_path)
    (tmp_path / "rejected_all.txt").write_text("\n".join(ids))
    with pytest.raises(DatasetError, match="no published pair that was not rejected"):
        ShardPairs(tmp_path)


def test_folder_that_is_no_generated_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=str(tmp_path)):
        ShardPairs(tmp_path)
