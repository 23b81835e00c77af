import pytest
import torch
from torch.nn import functional as F

from datamodules.batch import Batch, collate
from datamodules.sample import MaskKind, Provenance, Sample, View
from lightningmodules import validation_scoring
from lightningmodules.validation_scoring import best_class, brought_to


def batch_of(*size: int) -> Batch:
    """One photo whose left half is label 1, with the weight 0 in its lower half."""
    mask, weight = (torch.zeros(size, dtype=torch.uint8) for _ in range(2))
    mask[:, : size[1] // 2] = 1
    weight[: size[0] // 2] = 255
    sample = Sample(
        id="a",
        image=mask.expand(3, -1, -1) * 200,
        mask=mask,
        mask_kind=MaskKind.LABELS,
        class_names=("background", "cat"),
        provenance=Provenance(source="test"),
        weight=weight,
    )
    return collate([View(sample=sample, size=(size[0], size[1]))]).to_float()


@pytest.mark.parametrize(
    ("size", "expected"),
    [((60, 80), (30, 40)), ((20, 28), (20, 28)), ((31, 30), (31, 30)), ((300, 40), (120, 16))],
)
def test_photos_are_brought_to_a_short_side(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    small = brought_to(batch_of(*size), 30)
    assert small.image.shape[2:] == small.mask.shape[1:] == small.weight.shape[2:] == expected


def test_image_mask_and_weight_stay_together() -> None:
    small = brought_to(batch_of(60, 80), 30)
    assert torch.equal(small.mask[0] == 1, small.image[0, 0] > 0.4)
    assert small.weight[0, 0, :15].eq(1).all()
    assert small.weight[0, 0, 15:].eq(0).all()


@pytest.mark.parametrize("at_once", [1, 3 * 35, 2**25])
def test_the_best_of_all_names_does_not_depend_on_how_many_are_enlarged_at_once(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation_scoring, "_VALUES_AT_ONCE", at_once)
    logits = torch.randn(11, 3, 4, generator=torch.Generator().manual_seed(0))
    best, label = best_class(logits, (5, 7))
    scores = F.interpolate(logits[None], (5, 7), mode="bilinear")[0].sigmoid()
    expected, place = scores.max(0)
    torch.testing.assert_close(best, expected)
    assert torch.equal(label, place)


def test_the_first_of_equal_names_wins() -> None:
    _, label = best_class(torch.zeros(4, 1, 1), (2, 2))
    assert label.tolist() == [[0, 0], [0, 0]]
