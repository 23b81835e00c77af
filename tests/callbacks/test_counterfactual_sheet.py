import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from callbacks.class_sheets import ClassSheets, file_name
from callbacks.counterfactual_sheet import SHEET, CounterfactualSheet, outside_difference
from callbacks.label_overlay import label_colour, label_overlay
from callbacks.set_records import read_set
from datamodules.json_value import Json
from datamodules.sample import MaskKind, Sample
from tests.datamodules.generated_sets import toy_set
from tests.datamodules.generation_toys import toy_sample

NAME, HEAD, CELL, TILE = 220, 24, 164, 160


def scene(sample: Sample, *, shift: int = 3) -> Sample:
    """Grey of 100, its left half a chair; without it the scene is lighter by `shift`."""
    image = torch.full((3, 8, 8), 100, dtype=torch.uint8)
    mask = torch.zeros(8, 8, dtype=torch.uint8)
    mask[:, :4] = 1
    other = image + shift
    other[:, :, :4] = 200
    return replace(
        sample,
        image=image,
        mask=mask,
        mask_kind=MaskKind.LABELS,
        class_names=("background", "chair (arm)"),
        counterfactual=other,
    )


def test_row_shows_image_labels_counterfactual_and_difference(tmp_path: Path) -> None:
    toy_set(tmp_path, 3, made=scene)
    CounterfactualSheet().write(read_set(tmp_path))
    picture = cv2.imread(str(tmp_path / SHEET))
    assert picture is not None
    assert picture.shape == (HEAD + 2 * CELL, NAME + 4 * CELL, 3)
    row = picture[HEAD + CELL // 2, NAME:]
    left, right = ([int(row[k * CELL + x][2]) for k in range(4)] for x in (40, 120))
    assert left[0] == right[0] == 100
    assert left[1] != 100
    assert (left[2], right[2]) == (200, 103)
    assert (left[3], right[3]) == (100, 3)


def test_rows_are_of_many_classes_where_classes_take_turns(tmp_path: Path) -> None:
    def in_turn(sample: Sample) -> Sample:
        shade = 10 * (int(sample.id.split(".")[1].partition("~")[0]) // 2 % 4)
        return replace(scene(sample), image=torch.full((3, 8, 8), shade, dtype=torch.uint8))

    toy_set(tmp_path, 40, made=in_turn)
    picture = CounterfactualSheet(5).picture(read_set(tmp_path))
    assert picture is not None
    shades = {int(picture[HEAD + CELL * row + CELL // 2, NAME + 40, 0]) for row in range(5)}
    assert len(shades) > 1  # every eighth pair would be of one


def test_difference_is_that_outside_the_objects() -> None:
    assert outside_difference(scene(toy_sample(), shift=7)) == pytest.approx(7)


def test_pair_without_a_counterfactual_says_so_and_has_no_difference(tmp_path: Path) -> None:
    alone = replace(scene(toy_sample()), counterfactual=None)
    assert np.isnan(outside_difference(alone))
    toy_set(tmp_path, 3, made=lambda sample: replace(scene(sample), counterfactual=None))
    picture = CounterfactualSheet().picture(read_set(tmp_path))
    assert picture is not None
    assert np.all(picture[HEAD:, NAME + 2 * CELL :] == 24)


def test_labels_have_colours_of_their_own_and_void_is_dark() -> None:
    mask = torch.tensor([[0, 1, 2, 255]], dtype=torch.uint8)
    image = torch.full((3, 1, 4), 80, dtype=torch.uint8)
    names = ("background", "bed", "fan")
    sample = replace(
        toy_sample(size=(1, 4)),
        image=image,
        mask=mask,
        class_names=names,
        mask_kind=MaskKind.LABELS,
    )
    shown = label_overlay(sample)[0]
    assert shown[0].tolist() == [80, 80, 80]
    assert len({tuple(pixel) for pixel in shown.tolist()}) == 4
    assert shown[3].max() < 80
    assert len({label_colour(label) for label in range(1, 255)}) > 200


def table(folder: Path) -> dict[str, dict[str, Json]]:
    found: dict[str, dict[str, Json]] = json.loads((folder / "classes/classes.json").read_bytes())
    return found


def test_each_class_has_a_picture_and_the_same_scene_again_is_no_variety(tmp_path: Path) -> None:
    toy_set(tmp_path, 5, made=scene)
    ClassSheets().write(read_set(tmp_path))
    assert (tmp_path / "classes" / "chair_(arm).jpg").is_file()
    assert table(tmp_path) == {
        "chair (arm)": {"num_pairs": 4, "image_distance": 0.0, "shape_distance": 0.0}
    }


def test_distance_of_two_flat_images_is_their_difference(tmp_path: Path) -> None:
    def flat(sample: Sample) -> Sample:
        level = 51 if sample.id.startswith("toy.0") else 153
        return replace(scene(sample), image=torch.full((3, 8, 8), level, dtype=torch.uint8))

    toy_set(tmp_path, 3, made=flat)
    ClassSheets().write(read_set(tmp_path))
    assert table(tmp_path)["chair (arm)"]["image_distance"] == pytest.approx(102 / 255, abs=1e-3)


def test_single_pair_has_no_distance(tmp_path: Path) -> None:
    toy_set(tmp_path, 3, made=scene, last=1)
    ClassSheets().write(read_set(tmp_path))
    assert table(tmp_path)["chair (arm)"]["image_distance"] is None


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="give 1 or more"):
        CounterfactualSheet(0)
    with pytest.raises(ValueError, match="give 2 or more"):
        ClassSheets(1)


def test_names_of_classes_fit_every_file_system() -> None:
    assert file_name("../a b:c") == "_a_b_c"
    assert file_name("...") == "_"
