from dataclasses import replace
from pathlib import Path

import pytest
import torch

from datamodules.generation_result import Rejected
from datamodules.sample import MaskKind, Sample
from generation.labelers.grounded import GroundedSegmenter
from generation.labelers.grounding_dino import GroundingDino
from generation.labelers.labeler import shown_classes, with_labels
from generation.labelers.sam import SegmentAnything
from tests.datamodules.generation_toys import toy_sample
from tests.generation.test_grounding_dino import noise
from tests.generation.tiny_labelers import write_grounding_dino, write_sam
from tests.generation.toy_labelers import BrightBoxes, WholeBoxes


def labeler() -> GroundedSegmenter:
    return GroundedSegmenter(BrightBoxes(), WholeBoxes())


def scene() -> torch.Tensor:
    """A box of the first class, score .8, and across it one of the second, score .6."""
    image = torch.zeros(3, 8, 10, dtype=torch.uint8)
    image[0, 1:5, 1:6] = 18
    image[0, 3:7, 5:9] = 26
    return image


def test_boxes_become_a_label_map_with_doubt_where_classes_meet() -> None:
    (found,) = labeler().label([scene()], [["chair", "table"]])
    wanted = torch.zeros(8, 10, dtype=torch.uint8)
    wanted[3:7, 5:9] = 2
    # its box reaches one column into the other's, of which the corner is the other's
    wanted[1:5, 1:6] = 1
    weight = torch.full((8, 10), 255, dtype=torch.uint8)
    weight[3:5, 5] = round(255 * 0.25)
    assert torch.equal(found.mask, wanted)
    assert torch.equal(found.weight, weight)


def test_models_and_licences_of_both_are_kept() -> None:
    both = labeler()
    assert both.models == ("bright@1", "box@1")
    assert both.licence == "Apache-2.0 AND CC0-1.0"


def test_choice_of_licences_keeps_its_parentheses() -> None:
    segmenter = WholeBoxes()
    segmenter.licence = "MIT OR GPL-2.0-only"
    joint = GroundedSegmenter(BrightBoxes(), segmenter).licence
    assert joint == "(MIT OR GPL-2.0-only) AND CC0-1.0"


def test_more_classes_than_a_label_map_holds_are_refused() -> None:
    with pytest.raises(ValueError, match="255 classes for one image"):
        labeler().label([scene()], [["chair"] * 255])


def pair(*names: str) -> Sample:
    image = scene()
    alpha = toy_sample(size=(8, 10))
    return replace(alpha, image=image, class_names=names)


def test_pair_takes_the_labels_for_its_mask_and_names_the_models() -> None:
    source = pair("chair", "table")
    (found,) = labeler().label([source.image], [shown_classes(source)])
    made = with_labels(source, found, labeler=labeler())
    assert isinstance(made, Sample)
    assert made.mask_kind is MaskKind.LABELS
    assert made.class_names == ("background", "chair", "table")
    assert torch.equal(made.mask, found.mask)
    assert made.weight is not None
    assert torch.equal(made.weight, found.weight)
    assert made.provenance.models == ("bright@1", "box@1")
    assert made.provenance.licence == "Apache-2.0 AND CC0-1.0"
    assert shown_classes(made) == ("chair", "table")


def test_pair_without_one_of_its_classes_is_rejected_with_the_best_score() -> None:
    source = pair("chair", "table", "fan")
    (found,) = labeler().label([source.image], [shown_classes(source)])
    assert with_labels(source, found, labeler=labeler()) == Rejected(
        source.id, "GroundedSegmenter", "no pixel of fan (best score 0.00)"
    )


def test_licence_that_is_not_known_leaves_the_pairs_unknown() -> None:
    source = pair("chair")
    source = replace(source, provenance=replace(source.provenance, licence=""))
    (found,) = labeler().label([source.image], [["chair"]])
    made = with_labels(source, found, labeler=labeler())
    assert isinstance(made, Sample)
    assert made.provenance.licence == ""


@pytest.mark.slow
def test_tiny_models_label_a_batch_as_they_label_one_by_one(tmp_path: Path) -> None:
    both = GroundedSegmenter(
        GroundingDino(
            str(write_grounding_dino(tmp_path / "dino")), box_threshold=0.5, text_threshold=0.4
        ),
        SegmentAnything(str(write_sam(tmp_path / "sam"))),
    )
    both.check(["melon"])
    images = noise((24, 40), (24, 40), (31, 20))
    names = [["melon"], ["zucchini", "melon"], ["chair"]]
    together = both.label(images, names)
    assert any(found.mask.any() for found in together)
    for found, image, own in zip(together, images, names, strict=True):
        (alone,) = both.label([image], [own])
        assert torch.equal(found.mask, alone.mask)
        torch.testing.assert_close(found.weight.int(), alone.weight.int(), rtol=0, atol=1)
    assert sum(1 for _ in both.parameters()) > 100  # both move with what holds them
