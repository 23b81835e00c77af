import pytest
import torch
from torchvision.ops import nms

from generation.labelers.detector import MAX_DETECTIONS, best_boxes, require_names


def random_boxes(number: int) -> torch.Tensor:
    corner = torch.rand(number, 2) * 35
    return torch.cat([corner, corner + 1 + torch.rand(number, 2) * 30], 1)


def test_overlaps_are_dropped_within_a_class_alone_as_torchvision_drops_them() -> None:
    torch.manual_seed(0)
    boxes, scores, classes = random_boxes(60), torch.rand(60), torch.randint(3, (60,))
    inside, kept = best_boxes(boxes, scores, classes, size=(40, 50), max_iou=0.4)
    wanted = []
    for kind in range(3):
        own = (classes == kind).nonzero().flatten()
        wanted += own[nms(inside[own], scores[own], 0.4)].tolist()
    assert sorted(kept.tolist()) == sorted(wanted)
    assert torch.equal(scores[kept], scores[kept].sort(descending=True).values)


def test_boxes_end_at_the_border_and_have_a_pixel_at_least() -> None:
    boxes = torch.tensor([[-5.0, -5, 60, 60], [3, 3, 3.5, 20], [45, 2, 70, 30]])
    inside, kept = best_boxes(
        boxes, torch.tensor([0.5, 0.9, 0.4]), torch.zeros(3).long(), size=(40, 50), max_iou=0.9
    )
    assert kept.tolist() == [0, 2]
    assert inside[kept].tolist() == [[0, 0, 50, 40], [45, 2, 50, 30]]


def test_only_the_best_boxes_are_kept() -> None:
    number = MAX_DETECTIONS + 5
    corner = 4.0 * torch.arange(number)[:, None].expand(-1, 2)
    boxes = torch.cat([corner, corner + 2], 1)
    scores = torch.linspace(0, 1, number)
    _, kept = best_boxes(boxes, scores, torch.zeros(number).long(), size=(900, 900), max_iou=0.5)
    assert kept.tolist() == list(range(number))[::-1][:MAX_DETECTIONS]


def test_nothing_found_is_nothing_kept() -> None:
    _, kept = best_boxes(
        torch.zeros(0, 4), torch.zeros(0), torch.zeros(0).long(), size=(4, 4), max_iou=0.5
    )
    assert kept.numel() == 0


def test_every_image_needs_names() -> None:
    with pytest.raises(ValueError, match="image 1 of the batch has no class"):
        require_names([["chair"], []], 2)
    with pytest.raises(ValueError, match="2 images and 1 lists of names"):
        require_names([["chair"]], 2)
