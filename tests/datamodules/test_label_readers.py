"""Readers of label maps, on tiny sets in the official layouts."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.coco import COCOObject, COCOStuff
from datamodules.context import PascalContext
from datamodules.label_folder import LabelFolder
from datamodules.label_set import LabelSet
from datamodules.problems import DatasetError
from datamodules.voc import PascalVOC, VOCFolder
from tests.datamodules.labelled_data import (
    labels_of,
    write_coco,
    write_labels,
    write_photo,
    write_voc,
)


def values(labels: LabelSet, place: int = 0) -> list[int]:
    """Return the labels of a map of stripes, left to right."""
    row = labels.read(labels.files[place])[1][0].tolist()
    return [value for k, value in enumerate(row) if k == 0 or value != row[k - 1]]


def test_voc_has_21_labels_with_background_and_void(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"2007_000033": labels_of(0, 1, 20, 255)})
    found = PascalVOC(root).find()
    assert found.name == "PASCAL VOC 2012 (21)"
    assert (len(found.class_names), found.class_names[0]) == (21, "background")
    assert (found.class_names[1], found.class_names[20]) == ("aeroplane", "tvmonitor")
    assert values(found) == [0, 1, 20, 255]


def test_voc_without_background_makes_it_void_and_keeps_the_labels(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"a": labels_of(0, 1, 20, 255, size=(4, 12))})
    found = PascalVOC(root, background=False).find()
    assert (found.name, found.has_background) == ("PASCAL VOC 2012 (20)", False)
    assert values(found) == [255, 1, 20, 255]


def test_photos_come_in_the_order_of_their_list(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {name: labels_of(1) for name in "bca"})
    assert [files.id for files in PascalVOC(root).find().files] == ["b", "c", "a"]


def test_mark_that_an_editor_puts_before_a_list_is_no_part_of_a_photo(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {name: labels_of(1) for name in "ba"})
    path = root / "ImageSets" / "Segmentation" / "val.txt"
    path.write_text("b\na\n", encoding="utf-8-sig")
    assert [files.id for files in PascalVOC(root).find().files] == ["b", "a"]


def test_a_list_in_another_encoding_is_one_clear_error(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"a": labels_of(1)})
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("a\n", encoding="utf-16")
    with pytest.raises(DatasetError, match=r"val\.txt is no text in UTF-8"):
        PascalVOC(root).find()


def test_context_has_its_own_folders(tmp_path: Path) -> None:
    folders = {"labels": "SegmentationClassContext", "lists": "ImageSets/SegmentationContext"}
    root = write_voc(tmp_path, {"2008_000002": labels_of(0, 59)}, **folders)
    assert values(PascalContext(root).find()) == [0, 59]
    found = PascalContext(root, background=False).find()
    assert (found.class_names[59], values(found)) == ("wood", [255, 59])


def test_coco_stuff_counts_the_ids_that_are_used(tmp_path: Path) -> None:
    # stored value is id - 1: person, stop sign (after the unused street sign), toothbrush, banner
    stored = labels_of(0, 12, 89, 91, 181, 255, size=(4, 12))
    found = COCOStuff(write_coco(tmp_path, {"000000000139": stored})).find()
    names = [found.class_names[k] if k != 255 else "void" for k in values(found)]
    assert names == ["person", "stop sign", "toothbrush", "banner", "wood", "void"]
    assert (len(found.class_names), found.has_background) == (172, False)


def test_coco_object_takes_stuff_and_unlabelled_pixels_as_background(tmp_path: Path) -> None:
    stored = labels_of(0, 12, 89, 91, 181, 255, size=(4, 12))
    found = COCOObject(write_coco(tmp_path, {"000000000139": stored})).find()
    assert values(found) == [1, 12, 80, 0]
    assert (found.class_names[12], found.class_names[80]) == ("stop sign", "toothbrush")


def test_an_id_that_coco_never_used_has_no_name(tmp_path: Path) -> None:
    found = COCOStuff(write_coco(tmp_path, {"1": labels_of(11)})).find()
    with pytest.raises(DatasetError, match=r"label 11 has no name among the 172 of COCO-Stuff"):
        found.read(found.files[0])


def test_a_folder_with_names_of_its_own_is_read(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"ccp_0003": labels_of(0, 2)}, split="test")
    (root / "classes.txt").write_text("background\nskin\nhair\n")
    found = VOCFolder(root, "test").find()
    assert found.class_names == ("background", "skin", "hair")
    assert values(found) == [0, 2]


def test_two_plain_folders_are_read(tmp_path: Path) -> None:
    write_photo(tmp_path / "train" / "im" / "a.webp", labels_of(1, 2))
    write_labels(tmp_path / "train" / "labels" / "a.png", labels_of(1, 2))
    (tmp_path / "classes.txt").write_text("background\nskin\nhair\n")
    found = LabelFolder(tmp_path, "train").find()
    assert [files.id for files in found.files] == ["a"]
    assert values(found) == [1, 2]


def test_a_label_without_a_name_is_one_clear_error(tmp_path: Path) -> None:
    found = PascalVOC(write_voc(tmp_path, {"a": labels_of(1, 21, 40)})).find()
    with pytest.raises(DatasetError, match=r"a\.png: label 21, 40 has no name among the 21"):
        found.read(found.files[0])


def test_a_photo_without_a_label_map_is_one_clear_error(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {name: labels_of(1) for name in "abc"})
    (root / "SegmentationClass" / "b.png").unlink()
    with pytest.raises(DatasetError, match=r"1 of 3 photos have no label map in .*, b for one"):
        PascalVOC(root).find()


def test_a_listed_name_without_a_photo_is_one_clear_error(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {name: labels_of(1) for name in "ab"})
    (root / "JPEGImages" / "a.jpg").unlink()
    with pytest.raises(DatasetError, match="1 of 2 photos have no image, a for one"):
        PascalVOC(root).find()


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("JPEGImages", "no folder .*JPEGImages: give the root of the data set"),
        ("SegmentationClass", "no folder .*SegmentationClass"),
        ("ImageSets", r"no list .*val\.txt: it names the photos"),
    ],
)
def test_a_missing_folder_is_one_clear_error(missing: str, message: str, tmp_path: Path) -> None:
    root = write_voc(tmp_path / "VOC2012", {"a": labels_of(1)})
    (root / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match=message):
        PascalVOC(root).find()


@pytest.mark.parametrize(("text", "message"), [("", "is empty"), ("a\na\n", "names a twice")])
def test_a_list_that_cannot_be_meant_is_an_error(text: str, message: str, tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"a": labels_of(1)})
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text(text)
    with pytest.raises(DatasetError, match=message):
        PascalVOC(root).find()


def test_a_list_without_background_is_an_error(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"a": labels_of(1)})
    (root / "classes.txt").write_text("skin\nhair\n")
    with pytest.raises(ValueError, match="its first line is 'skin': line k names index k"):
        VOCFolder(root, "val").find()


def test_colours_are_no_labels(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"a": labels_of(1)})
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(root / "SegmentationClass" / "a.png")
    found = PascalVOC(root).find()
    with pytest.raises(DatasetError, match="holds one index a pixel in 8 bits, this file is RGB"):
        found.read(found.files[0])


def test_a_map_of_another_size_is_an_error(tmp_path: Path) -> None:
    root = write_voc(tmp_path, {"a": labels_of(1)})
    write_labels(root / "SegmentationClass" / "a.png", labels_of(1, size=(5, 8)))
    found = PascalVOC(root).find()
    with pytest.raises(DatasetError, match=r"size \(5, 8\) is not that of .*, \(6, 8\)"):
        found.read(found.files[0])
