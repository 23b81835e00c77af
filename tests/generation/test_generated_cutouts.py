"""Labelled images of a generated set as photos with masks."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datamodules.folder import find_pairs
from datamodules.sample import MaskKind, Provenance, Sample
from generation.generated_cutouts import GeneratedCutouts, cutout
from tests.datamodules.generated_sets import toy_set

LABELS = torch.tensor([[0, 1, 2, 255]], dtype=torch.uint8)


def scene(sample: Sample, *, weight: int = 255) -> Sample:
    height = sample.mask.shape[0]
    mask = LABELS.repeat_interleave(2, 1).expand(height, 8).contiguous()
    return replace(
        sample,
        mask=mask,
        mask_kind=MaskKind.LABELS,
        class_names=("background", "CD/DVD", "hat"),
        weight=torch.full_like(mask, weight),
    )


def names(root: Path) -> dict[str, list[str]]:
    return {
        subset: sorted(path.stem for path in (root / subset / "gt").iterdir())
        for subset in ("DIS-TR", "DIS-VD", "DIS-TE1")
    }


def test_all_labels_of_an_image_are_its_object(tmp_path: Path) -> None:
    toy_set(tmp_path / "set", 12, made=scene)
    GeneratedCutouts([tmp_path / "set"]).write(tmp_path / "cutouts")
    path = next((tmp_path / "cutouts" / "DIS-TR" / "gt").iterdir())
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert mask is not None
    assert np.array_equal(mask[0], [0, 0, 255, 255, 255, 255, 0, 0])
    assert path.stem.startswith("0#Generated#0#CD_DVD and hat#toy.")


def test_every_pair_is_in_one_subset_and_files_say_their_classes(tmp_path: Path) -> None:
    ids = toy_set(tmp_path / "set", 12, made=scene)
    (tmp_path / "set" / "rejected_by_hand.txt").write_text(f"{ids[3]}\n")
    GeneratedCutouts([tmp_path / "set"], val_share=0.2).write(tmp_path / "cutouts")
    found = names(tmp_path / "cutouts")
    num = len(ids) - 1
    assert (len(found["DIS-VD"]), len(found["DIS-TE1"])) == (round(0.2 * num), 1)
    together = [name.rpartition("#")[2] for of in found.values() for name in of]
    assert sorted(together) == sorted(set(ids) - {ids[3]})
    pairs, problems = find_pairs(tmp_path / "cutouts", "DIS-TR")
    assert not problems
    assert {pair.class_names for pair in pairs} == {("CD_DVD and hat",)}


def test_what_stands_is_kept_and_another_set_is_refused(tmp_path: Path) -> None:
    toy_set(tmp_path / "set", 12, made=scene)
    source = GeneratedCutouts([tmp_path / "set"])
    source.write(tmp_path / "cutouts")
    path = next((tmp_path / "cutouts" / "DIS-TR" / "gt").iterdir())
    before = path.stat().st_mtime_ns
    source.write(tmp_path / "cutouts")
    assert path.stat().st_mtime_ns == before
    toy_set(tmp_path / "other", 8, made=scene)
    with pytest.raises(ValueError, match="was written with another sets"):
        GeneratedCutouts([tmp_path / "other"]).write(tmp_path / "cutouts")


def test_doubtful_and_empty_pairs_are_left_out(tmp_path: Path) -> None:
    def doubtful(sample: Sample) -> Sample:
        return scene(sample, weight=200)  # a doubt of .22

    toy_set(tmp_path / "set", 12, made=doubtful)
    with pytest.raises(ValueError, match=r"0 pairs with an object in .*: three are needed"):
        GeneratedCutouts([tmp_path / "set"]).write(tmp_path / "cutouts")
    assert not list((tmp_path).glob("cutouts/DIS-*"))
    GeneratedCutouts([tmp_path / "set"], most_doubt=0.3).write(tmp_path / "cutouts")
    with pytest.raises(ValueError, match="0 pairs with an object"):
        GeneratedCutouts([tmp_path / "set"], most_doubt=0.3, least_share=0.6).write(tmp_path / "x")


def test_a_soft_mask_stays_as_it_is() -> None:
    mask = torch.tensor([[0, 77, 255]], dtype=torch.uint8)
    image = torch.zeros(3, 1, 3, dtype=torch.uint8)
    pair = Sample(
        id="1#a#2#Fan#x",
        image=image,
        mask=mask,
        mask_kind=MaskKind.ALPHA,
        class_names=("fan",),
        provenance=Provenance(source="toy"),
    )
    made = cutout(pair)
    assert torch.equal(made.mask, mask)
    assert made.id == "0#Generated#0#fan#1_a_2_Fan_x"


@pytest.mark.parametrize("wrong", [{"sets": []}, {"val_share": 1.0}, {"most_doubt": -0.1}])
def test_values_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    arguments: dict[str, object] = {"sets": [Path("set")], **wrong}
    with pytest.raises(ValueError, match=r"must be in|give one set or more"):
        GeneratedCutouts(**arguments)  # type: ignore[arg-type]
