"""Folders of pairs as a set."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from datamodules.pair_source import ALL, FolderPairs
from datamodules.problems import DatasetError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("im", "gt"):
        (tmp_path / name).mkdir()
    for place, stem in enumerate(("shape-1", "view-1", "1#Art#2#Vase#view-2")):
        image = np.full((4 + place, 5, 3), (0, 0, 200), np.uint8)  # red: OpenCV has blue first
        cv2.imwrite(str(tmp_path / "im" / f"{stem}.png"), image)
        mask = np.zeros((4 + place, 5), np.uint8)
        mask[0] = 255
        cv2.imwrite(str(tmp_path / "gt" / f"{stem}.png"), mask)
    return tmp_path


def test_pairs_are_in_the_order_of_their_names_with_classes(folder: Path) -> None:
    entries = FolderPairs(folder).entries
    assert [entry.id for entry in entries] == ["1#Art#2#Vase#view-2", "shape-1", "view-1"]
    assert [entry.class_name for entry in entries] == ["Vase", "object", "object"]
    assert {entry.group for entry in entries} == {ALL}


def test_pattern_finds_the_kind_of_edit(folder: Path) -> None:
    source = FolderPairs(folder, groups=r"(\w+)-\d$")
    assert [entry.group for entry in source.entries] == ["view", "shape", "view"]


def test_image_and_mask_are_read(folder: Path) -> None:
    image, mask = FolderPairs(folder).read(0)
    assert image.shape == (6, 5, 3)
    assert image[0, 0].tolist() == [200, 0, 0]
    assert mask[:, 0].tolist() == [255, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("(", "is no pattern"),
        ("view", "has no bracket"),
        ("^(view)", r"finds no group in the name '1#Art#2#Vase#view-2'"),
    ],
)
def test_wrong_patterns_are_refused(folder: Path, groups: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        FolderPairs(folder, groups=groups)


def test_a_photo_without_mask_is_refused(folder: Path) -> None:
    (folder / "gt" / "view-1.png").unlink()
    with pytest.raises(DatasetError, match="missing partner: 1"):
        FolderPairs(folder)
