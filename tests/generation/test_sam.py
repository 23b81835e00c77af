from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import (
    Sam2Model,
    Sam2Processor,
    SamHQModel,
    SamHQProcessor,
    SamImageProcessor,
    SamModel,
    SamProcessor,
)
from transformers.models.sam2.image_processing_sam2 import Sam2ImageProcessor

from generation.labelers.sam import SegmentAnything
from networks.sam_hq_decoder import as_published
from tests.generation.test_grounding_dino import noise
from tests.generation.tiny_labelers import (
    write_grounding_dino,
    write_sam,
    write_sam2,
    write_sam_hq,
)

WRITERS: dict[str, Callable[[Path], Path]] = {
    "sam": write_sam,
    "sam_hq": write_sam_hq,
    "sam2": write_sam2,
}
BOXES = [
    torch.tensor([[2.0, 3, 20, 17], [10, 1, 39, 23]]),
    torch.zeros(0, 4),
    torch.tensor([[1.5, 2, 17.5, 20]]),
]


@pytest.fixture(scope="module", params=WRITERS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name: str = request.param
    return WRITERS[name](tmp_path_factory.mktemp(name) / name)


def by_transformers(folder: Path, image: Tensor, boxes: Tensor) -> Tensor:
    """Masks by the processor that comes with a model, from boxes to the image's own size."""
    if folder.name == "sam2":
        own: object = Sam2Processor(Sam2ImageProcessor.from_pretrained(folder))
        net: torch.nn.Module = Sam2Model.from_pretrained(folder)
    else:
        images = SamImageProcessor.from_pretrained(folder)
        own = SamProcessor(images) if folder.name == "sam" else SamHQProcessor(images)
        net = (SamModel if folder.name == "sam" else SamHQModel).from_pretrained(folder)
        if folder.name == "sam_hq":
            as_published(net)
    inputs = own(images=image, input_boxes=[boxes.tolist()], return_tensors="pt")
    shapes = [inputs[name] for name in ("original_sizes", "reshaped_input_sizes") if name in inputs]
    inputs["input_boxes"] = inputs["input_boxes"].float()
    with torch.no_grad():
        found = net(
            **{k: v for k, v in inputs.items() if k in ("pixel_values", "input_boxes")},
            multimask_output=False,
        )
    logits = own.post_process_masks(found.pred_masks, *shapes, binarize=False)
    return logits[0][:, 0].sigmoid()


def test_masks_are_those_of_transformers_own_processor(folder: Path) -> None:
    images = noise((24, 40), (24, 40), (30, 21))
    found = SegmentAnything(str(folder)).masks(images, BOXES)
    for image, boxes, masks in zip(images, BOXES, found, strict=True):
        assert masks.shape == (len(boxes), *image.shape[1:])
        if len(boxes):
            wanted = by_transformers(folder, image, boxes)
            assert wanted.std() > 1e-3
            torch.testing.assert_close(masks, wanted, rtol=1e-4, atol=1e-5)


def test_boxes_together_equal_one_by_one(folder: Path) -> None:
    segmenter = SegmentAnything(str(folder))
    (image,) = noise((24, 40))
    (together,) = segmenter.masks([image], BOXES[:1])
    alone = [segmenter.masks([image], [box[None]])[0][0] for box in BOXES[0]]
    torch.testing.assert_close(together, torch.stack(alone), rtol=1e-4, atol=1e-5)


def test_batch_equals_one_by_one(folder: Path) -> None:
    segmenter = SegmentAnything(str(folder))
    images = noise((24, 40), (24, 40), (30, 21))
    for place, together in enumerate(segmenter.masks(images, BOXES)):
        (alone,) = segmenter.masks([images[place]], [BOXES[place]])
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_many_boxes_are_decoded_in_parts_alike(folder: Path) -> None:
    segmenter = SegmentAnything(str(folder))
    corner = torch.rand(35, 2) * 10
    boxes = torch.cat([corner, corner + 5 + torch.rand(35, 2) * 8], 1)
    image = noise((24, 40))
    (found,) = segmenter.masks(image, [boxes])
    (last,) = segmenter.masks(image, [boxes[-1:]])
    assert len(found) == 35
    torch.testing.assert_close(found[-1:], last, rtol=1e-5, atol=1e-5)


def test_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="GroundingDinoConfig"):
        SegmentAnything(str(write_grounding_dino(tmp_path / "dino")))


def test_weights_stored_in_half_precision_are_computed_with_in_full(tmp_path: Path) -> None:
    folder = write_sam(tmp_path / "sam")
    SamModel.from_pretrained(folder).half().save_pretrained(folder)
    assert {weight.dtype for weight in SegmentAnything(str(folder)).parameters()} == {torch.float32}
