import pytest
import torch
from torch import Tensor

from datamodules.batch import Batch, collate
from datamodules.sample import MaskKind, Provenance, Sample, View
from lightningmodules.losses.udun import UDUNSupervision, trunk_of
from networks.outputs import Outputs
from tests.lightningmodules.loss_inputs import LOGITS, MASK


def batch_of(mask: Tensor) -> Batch:
    black = torch.zeros((3, *mask.shape[2:]), dtype=torch.uint8)
    sample = Sample(
        id="a",
        image=black,
        mask=black[0],
        mask_kind=MaskKind.ALPHA,
        class_names=("thing",),
        provenance=Provenance(source="test"),
    )
    batch = collate([View(sample=sample, size=(1, 1))] * len(mask)).to_float()
    batch.mask = mask
    return batch


def disc(radius: int, size: int = 41) -> Tensor:
    y, x = torch.meshgrid(*[torch.arange(size) - size // 2] * 2, indexing="ij")
    return (x * x + y * y <= radius * radius).float()[None, None]


def test_terms_are_half_of_the_recorded_ones() -> None:
    # facts of the official code: iou_loss, and with the cross-entropy
    terms = UDUNSupervision()(Outputs(logits=[LOGITS] * 3), batch_of(MASK))
    assert 2 * terms["iou"].item() == pytest.approx(0.6566455364227295)
    assert 2 * (terms["bce"] + terms["iou"]).item() == pytest.approx(1.457972764968872)


def test_trunk_of_a_disc_is_the_root_of_the_depth() -> None:
    trunk = trunk_of(disc(12))[0, 0]
    assert trunk[20, 20] == 1
    assert trunk[0].sum() == 0
    # two pixels are added around by the blur: a pixel at 8 of the middle is 15 - 8 deep, of 15
    assert trunk[20, 28].item() == pytest.approx((7 / 15) ** 0.5, abs=0.02)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 1, 7, 5)])
def test_trunk_of_nothing_is_nothing(shape: tuple[int, ...]) -> None:
    assert trunk_of(torch.zeros(shape)).equal(torch.zeros(shape))


def test_true_maps_have_a_small_loss() -> None:
    mask = disc(12)
    depth = trunk_of(mask)
    perfect = [torch.logit(x.clamp(1e-4, 1 - 1e-4)) for x in (mask, depth, (mask - depth).clamp(0))]
    right = UDUNSupervision()(Outputs(logits=perfect), batch_of(mask))
    wrong = UDUNSupervision()(Outputs(logits=[-x for x in perfect]), batch_of(mask))
    for name, term in right.items():
        assert term < wrong[name]


def test_another_number_of_maps_is_refused() -> None:
    mask = disc(3, 9)
    with pytest.raises(ValueError, match="mask, trunk and structure"):
        UDUNSupervision()(Outputs(logits=[mask]), batch_of(mask))
