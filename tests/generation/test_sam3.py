from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer
from transformers.models.sam3.image_processing_sam3 import Sam3ImageProcessor
from transformers.models.sam3.modeling_sam3 import Sam3Model

from generation.labelers.sam3 import Sam3Labeler
from tests.generation.test_grounding_dino import noise, same
from tests.generation.tiny_labelers import write_sam3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sam3(tmp_path_factory.mktemp("sam3") / "sam3")


def test_detections_and_masks_are_those_of_transformers_own_parts(folder: Path) -> None:
    (image,) = noise((24, 40))
    labeler = Sam3Labeler(str(folder), threshold=1e-6, doubt_threshold=1e-6, max_iou=1.0)
    (found,) = labeler.label([image], [["GardenChair"]])
    own = Sam3ImageProcessor.from_pretrained(folder)
    words = AutoTokenizer.from_pretrained(folder)(
        "garden chair", padding="max_length", max_length=32, return_tensors="pt"
    )
    with torch.no_grad():
        result = Sam3Model.from_pretrained(folder)(**own(image, return_tensors="pt"), **words)
    (wanted,) = own.post_process_instance_segmentation(
        result, threshold=0.0, target_sizes=[(24, 40)]
    )
    limit = torch.tensor([40, 24, 40, 24])
    boxes = wanted["boxes"].clamp(min=0).minimum(limit)
    kept = ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(1).nonzero().flatten()
    order = kept[wanted["scores"][kept].argsort(descending=True)]
    torch.testing.assert_close(found.detections.scores, wanted["scores"][order])
    torch.testing.assert_close(found.detections.boxes, boxes[order], rtol=1e-4, atol=1e-4)
    assert torch.equal(found.mask > 0, wanted["masks"][order].any(0))
    assert found.mask.any()


def test_batch_of_several_sizes_and_names_equals_one_by_one(folder: Path) -> None:
    labeler = Sam3Labeler(str(folder), threshold=0.1, doubt_threshold=0.05)
    images = noise((24, 40), (40, 31), (24, 40))
    names: list[Sequence[str]] = [["melon"], ["chair", "melon", "fan"], ["chair", "table"]]
    together = labeler.label(images, names)
    for found, image, own in zip(together, images, names, strict=True):
        (alone,) = labeler.label([image], [own])
        same(found.detections, alone.detections)
        assert torch.equal(found.mask, alone.mask)
        torch.testing.assert_close(found.weight.int(), alone.weight.int(), rtol=0, atol=1)
    for found, wanted in zip(labeler.detect(images, names), together, strict=True):
        same(found, wanted.detections)


@pytest.mark.slow
def test_what_is_not_found_leaves_background(folder: Path) -> None:
    labeler = Sam3Labeler(str(folder), threshold=1.0, doubt_threshold=1.0)
    (found,) = labeler.label(noise((24, 40)), [["melon", "chair"]])
    assert not found.mask.any()
    assert (found.weight == 255).all()
    assert found.detections.boxes.shape == (0, 4)
    assert found.detections.best.shape == (2,)


def test_names_and_thresholds_that_cannot_be_are_refused(folder: Path) -> None:
    labeler = Sam3Labeler(str(folder))
    with pytest.raises(ValueError, match="is 42 tokens long, SAM 3 reads 32"):
        labeler.check(["melon", "a" * 40])
    with pytest.raises(ValueError, match="both asked for as 'melon'"):
        labeler.label(noise((24, 40)), [["Melon", "melon"]])
    with pytest.raises(ValueError, match="image 0 of the batch has no class"):
        labeler.label(noise((24, 40)), [[]])
    with pytest.raises(ValueError, match=r"doubt_threshold 0.6 and threshold 0.5"):
        Sam3Labeler(str(folder), doubt_threshold=0.6)
