"""Photos with label maps on their way into batches."""

import shutil
from pathlib import Path

import albumentations
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from datamodules.label_views import resize_labels
from datamodules.labelled_photos import LabelledPhotos
from datamodules.problems import DatasetError
from datamodules.sample import MaskKind
from datamodules.voc import PascalVOC
from tests.datamodules.labelled_data import labels_of, write_voc

NAMES = [f"photo_{k}" for k in range(10)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    maps = {name: labels_of(0, k + 1, 255, size=(9, 12 + k)) for k, name in enumerate(NAMES)}
    write_voc(tmp_path, {name: maps[name] for name in NAMES[:8]}, split="train")
    return write_voc(tmp_path, {name: maps[name] for name in NAMES[8:]}, split="val")


def photos(root: Path, **arguments: object) -> LabelledPhotos:
    defaults: dict[str, object] = {
        "train": PascalVOC(root, "train"),
        "test": PascalVOC(root, "val"),
        "size": 6,
        "batch_size": 4,
        "num_workers": 0,
    }
    data = LabelledPhotos(**{**defaults, **arguments})  # type: ignore[arg-type]
    data.setup("test")
    return data


def test_scored_photos_keep_their_size_and_come_one_a_batch(root: Path) -> None:
    batches = list(photos(root).test_dataloader())
    assert [batch.id for batch in batches] == [["photo_8"], ["photo_9"]]
    assert [tuple(batch.image.shape) for batch in batches] == [(1, 3, 9, 20), (1, 3, 9, 21)]
    truth = batches[0].truth[0]
    assert truth is not None
    assert torch.equal(truth, torch.from_numpy(labels_of(0, 9, 255, size=(9, 20))))
    assert batches[0].mask_kind is MaskKind.LABELS
    assert batches[0].class_names[0][9] == "chair"


def test_training_photos_have_one_size_and_labels_are_never_mixed(root: Path) -> None:
    (first, _) = photos(root).train_dataloader()
    assert tuple(first.image.shape) == (4, 3, 6, 6)
    assert set(first.mask.unique().tolist()) <= {0, *range(1, 9), 255}
    assert torch.equal(first.to_float().mask, first.mask.long())


def test_training_is_a_function_of_seed_and_slot(root: Path) -> None:
    crop = [albumentations.RandomCrop(6, 6), albumentations.HorizontalFlip(p=0.5)]
    one, same, other = (
        next(iter(photos(root, transforms=crop, seed=seed).train_dataloader()))
        for seed in (0, 0, 1)
    )
    assert one.id == same.id
    assert torch.equal(one.image, same.image)
    assert torch.equal(one.mask, same.mask)
    assert one.id != other.id or not torch.equal(one.image, other.image)


def test_smaller_shares_lie_in_larger_ones(root: Path) -> None:
    shares = [
        {files.id for files in photos(root, train_share=share).training_files()}
        for share in (0.1, 0.5, 1.0)
    ]
    assert [len(share) for share in shares] == [1, 4, 8]
    assert shares[0] < shares[1] < shares[2]


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_an_impossible_share_is_an_error(share: float) -> None:
    with pytest.raises(ValueError, match="must be above 0 and at most 1"):
        LabelledPhotos(train_share=share)


def test_a_scored_photo_that_is_trained_on_is_an_error(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"photo_0\.jpg is trained on and in val"):
        photos(root, val=PascalVOC(root, "train"))


def test_a_photo_is_known_again_in_another_folder(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "VOC2010"
    write_voc(other, {"photo_20": labels_of(0, 3, size=(9, 14)), "x": labels_of(4, size=(5, 5))})
    shutil.copy(root / "JPEGImages" / "photo_2.jpg", other / "JPEGImages" / "x.jpg")
    with pytest.raises(DatasetError, match=r"x\.jpg is trained on as .*photo_2\.jpg and in test"):
        photos(root, test=PascalVOC(other, "val"))


def test_photos_of_one_name_and_different_bytes_are_two(root: Path, tmp_path: Path) -> None:
    other = write_voc(tmp_path / "own", {"photo_2": labels_of(7, size=(5, 6))})
    assert len(photos(root, test=PascalVOC(other, "val")).label_set("test").files) == 1


def test_a_set_that_was_not_given_is_one_clear_error(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"there is no test set: give a reader by data\.test"):
        photos(root, test=None).test_dataloader()


def test_thresholds_are_chosen_on_training_photos_alone(root: Path) -> None:
    loader: DataLoader[object] = photos(root).calibration_dataloader(3)  # type: ignore[assignment]
    ids = [batch.id[0] for batch in loader]
    assert len(ids) == 3
    assert {*ids} <= {*NAMES[:8]}


def test_names_are_those_of_the_scored_set(root: Path) -> None:
    assert photos(root).class_names[:2] == ("background", "aeroplane")


def test_a_resized_label_map_has_the_labels_of_the_original() -> None:
    labels = np.random.default_rng(0).choice(np.array([3, 9, 255], np.uint8), (7, 5))
    for size in [(1, 1), (3, 2), (14, 10), (7, 5)]:
        resized = resize_labels(labels, size)
        assert resized.shape == size
        assert {*np.unique(resized)} <= {3, 9, 255}
    assert np.array_equal(resize_labels(labels, (14, 10)), labels.repeat(2, 0).repeat(2, 1))
