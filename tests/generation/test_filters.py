import pytest
import torch
from torch import Tensor, nn

from datamodules.sample import MaskKind, Provenance, Sample
from generation.filters.mask_agreement import MaskAgreement
from networks.adapter import ImageAndMask, ImageInput
from networks.outputs import Outputs


class Red(nn.Module):
    """Finds an object wherever the picture is red."""

    def forward(self, image: Tensor) -> Tensor:
        return 100 * (image[:, :1] - 0.5)


class Bare(nn.Module):
    def forward(self, batch: ImageAndMask) -> Tensor:
        return batch.image[:, :1]


def judge(**limits: float) -> MaskAgreement:
    net = ImageInput(Red(), (0.0, 0.0, 0.0))
    return MaskAgreement(net, size=64, **limits)  # type: ignore[arg-type]


def square(hole: bool = False, shift: int = 0) -> Tensor:
    mask = torch.zeros(64, 64, dtype=torch.uint8)
    mask[10 + shift : 40 + shift, 10:40] = 255
    if hole:
        mask[20:30, 20:30] = 0
    return mask


def pair(painted: Tensor, mask: Tensor, kind: MaskKind = MaskKind.ALPHA) -> Sample:
    return Sample(
        id="a",
        image=torch.stack([painted, 0 * painted, 0 * painted]),
        mask=mask,
        mask_kind=kind,
        class_names=("square",),
        provenance=Provenance(source="test"),
    )


def test_pair_is_kept_where_the_judge_finds_its_mask() -> None:
    assert judge(min_iou=1.0)(pair(square(), square())) is None
    nothing = torch.zeros(64, 64, dtype=torch.uint8)
    assert judge(min_iou=1.0)(pair(nothing, nothing)) is None


def test_reason_names_the_overlap_and_its_limit() -> None:
    # 30 x 30 against the same 15 lower: 15 / 45
    rejection = judge(min_iou=0.5)(pair(square(shift=15), square()))
    assert rejection is not None
    assert rejection.filter == "MaskAgreement"
    assert rejection.reason == "IoU 0.333 is below 0.5"
    assert judge(min_iou=0.33)(pair(square(shift=15), square())) is None


def test_lost_hole_is_a_reason_unless_any_number_is_allowed() -> None:
    filled = pair(square(), square(hole=True))
    rejection = judge(max_holes_off=0)(filled)
    assert rejection is not None
    assert rejection.reason == "0 holes found for 1, which is off by more than 0"
    assert judge(max_holes_off=1)(filled) is None
    assert MaskAgreement(judge().net, size=64, max_holes_off=None)(filled) is None


def test_part_too_many_is_a_reason() -> None:
    painted = square()
    painted[50:60, 50:60] = 255
    rejection = judge(max_components_off=0)(pair(painted, square()))
    assert rejection is not None
    assert rejection.reason == "2 parts found for 1, which is off by more than 0"


def test_pair_of_another_size_is_judged_at_the_judges() -> None:
    big = square().repeat_interleave(3, 0).repeat_interleave(2, 1)
    assert judge(min_iou=0.95)(pair(big, big)) is None


def test_labels_limits_and_bare_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="labels"):
        judge()(pair(square(), square(), MaskKind.LABELS))
    with pytest.raises(ValueError, match="min_iou 2"):
        judge(min_iou=2)
    with pytest.raises(ValueError, match="max_holes_off is -1"):
        judge(max_holes_off=-1)
    with pytest.raises(ValueError, match="ImageInput"):
        MaskAgreement(Bare(), size=8)(pair(square(), square()))


def test_network_is_put_in_evaluation_mode() -> None:
    net = ImageInput(nn.Sequential(nn.Conv2d(3, 1, 1), nn.Dropout(0.9)))
    judge = MaskAgreement(net, size=16)
    assert not judge.net.training
    assert isinstance(net(type("B", (), {"image": torch.zeros(1, 3, 8, 8)})()), Outputs)
