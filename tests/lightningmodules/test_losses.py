"""Losses of one map."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from lightningmodules.losses import (
    Dice,
    IoU,
)
from lightningmodules.losses.maps import bce, dice, iou, ssim, structure
from tests.lightningmodules.loss_inputs import LOGITS, MASK, blobs, ones, randn

Function = Callable[[Tensor, Tensor, Tensor], Tensor]
FUNCTIONS: dict[str, Function] = {
    "bce": bce,
    "iou": iou,
    "dice": dice,
    "ssim": ssim,
    "structure": structure,
}
every_function = pytest.mark.parametrize("loss", FUNCTIONS.values(), ids=FUNCTIONS)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (bce, 0.8013272285461426),  # IS-Net target loss, BiRefNet BCE
        (ssim, 0.4693487882614136),  # BiRefNet
        (structure, 1.4248683452606201),  # MVANet, PDFNet, BiRefNet
        (iou, 0.6566455364227295),  # UDUN
    ],
)
def test_values_are_those_of_the_official_codes(loss: Function, expected: float) -> None:
    assert loss(LOGITS, MASK, ones(MASK)).item() == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_and_iou_are_the_mask_loss_of_udun() -> None:
    value = bce(LOGITS, MASK, ones(MASK)) + iou(LOGITS, MASK, ones(MASK))
    assert value.item() == pytest.approx(1.457972764968872, rel=1e-5)


def test_unsmoothed_iou_times_the_batch_is_that_of_birefnet() -> None:
    value = 2 * iou(LOGITS, MASK, ones(MASK), smooth=0.0)
    assert value.item() == pytest.approx(1.3137145042419434, rel=1e-5)


@every_function
def test_gradient_is_right(loss: Function) -> None:
    logits = randn(2, 1, 5, 4, seed=0).double().requires_grad_()
    target = randn(2, 1, 5, 4, seed=1).double().sigmoid()
    weight = randn(2, 1, 5, 4, seed=2).double().clamp(0, 1)
    assert torch.autograd.gradcheck(loss, (logits, target, weight))


@every_function
@pytest.mark.parametrize("mask", [MASK, torch.zeros_like(MASK), torch.ones_like(MASK)])
def test_perfect_is_zero_and_worst_is_large(loss: Function, mask: Tensor) -> None:
    perfect = (2 * mask - 1) * 50
    assert loss(perfect, mask, ones(mask)).item() == pytest.approx(0, abs=1e-4)
    assert loss(-perfect, mask, ones(mask)).item() > 0.4


@every_function
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (31, 2)])
def test_any_size_is_finite(loss: Function, size: tuple[int, int]) -> None:
    logits = randn(3, 1, *size, seed=0).requires_grad_()
    value = loss(logits, randn(3, 1, *size, seed=1).sigmoid(), torch.ones(3, 1, *size))
    value.backward()
    assert value.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@every_function
def test_pixels_of_weight_zero_have_no_influence(loss: Function) -> None:
    weight = blobs(seed=3)
    logits, other = LOGITS.clone().requires_grad_(), randn(2, 1, 64, 64, seed=4)
    changed = torch.where(weight > 0, LOGITS, 30 * other)
    mask = torch.where(weight > 0, MASK, other.sigmoid())
    value = loss(logits, MASK, weight)
    assert torch.equal(loss(changed, mask, weight), value)
    value.backward()
    assert logits.grad is not None
    assert (logits.grad[weight == 0] == 0).all()
    assert (logits.grad[weight > 0] != 0).any()


@pytest.mark.parametrize(
    "loss",
    [*FUNCTIONS.values(), IoU(smooth=0.0), Dice(smooth=0.0)],
    ids=[*FUNCTIONS, "iou unsmoothed", "dice unsmoothed"],
)
def test_image_of_no_weight_is_zero_without_gradient(loss: Function) -> None:
    logits = LOGITS.clone().requires_grad_()
    value = loss(logits, MASK, torch.zeros_like(MASK))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("loss", [bce, IoU(smooth=0.0), Dice(smooth=0.0), ssim])
def test_common_factor_of_all_weights_cancels(loss: Function) -> None:
    half = loss(LOGITS, MASK, torch.full_like(MASK, 0.5))
    torch.testing.assert_close(half, loss(LOGITS, MASK, ones(MASK)))


@every_function
def test_batch_is_the_mean_of_its_images(loss: Function) -> None:
    weight = randn(2, 1, 64, 64, seed=5).sigmoid() * blobs(seed=3)
    whole = loss(LOGITS, MASK, weight)
    one, two = (loss(LOGITS[i : i + 1], MASK[i : i + 1], weight[i : i + 1]) for i in (0, 1))
    torch.testing.assert_close(whole, (one + two) / 2)


@every_function
def test_half_precision_under_autocast_is_computed_in_full(loss: Function) -> None:
    logits = LOGITS.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(logits, MASK, ones(MASK))
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(logits.float(), MASK, ones(MASK)), rtol=0, atol=0)


@every_function
def test_labels_and_several_classes_are_refused(loss: Function) -> None:
    with pytest.raises(ValueError, match="must have one shape"):
        loss(LOGITS.expand(2, 3, 64, 64), MASK, ones(MASK))
    with pytest.raises(ValueError, match="not labels"):
        loss(LOGITS, MASK[:, 0].long(), ones(MASK))


@given(p=st.floats(0.01, 0.99), t=st.floats(0, 1), m=st.floats(0.01, 1))
@settings(max_examples=50, deadline=None)
def test_constant_maps_have_closed_forms(p: float, t: float, m: float) -> None:
    area = 12
    p_map, target, weight = (torch.full((1, 1, 3, 4), x, dtype=torch.float64) for x in (p, t, m))
    logits = torch.logit(p_map)
    both, union = p * t, p + t - p * t
    entropy = -(target * p_map.log() + (1 - target) * (1 - p_map).log()).mean().item()
    assert bce(logits, target, weight).item() == pytest.approx(entropy)
    assert iou(logits, target, weight).item() == pytest.approx(
        1 - (m * area * both + 1) / (m * area * union + 1)
    )
    assert dice(logits, target, weight).item() == pytest.approx(
        1 - (2 * m * area * both + 1) / (m * area * (p + t) + 1)
    )


def test_ssim_of_constant_maps_has_its_closed_form_inside() -> None:
    # away from the border both variances are 0; the border counts nothing
    p, t = 0.3, 0.8
    weight = torch.ones(1, 1, 31, 31).double()
    logits = torch.logit(torch.full_like(weight, p))
    inside = (2 * p * t + 1e-4) / (p * p + t * t + 1e-4)
    gradient_free = ssim(logits, torch.full_like(weight, t), weight)
    assert gradient_free.item() > (1 - inside) / 2  # zeros outside give variance at the border
    middle = F.pad(torch.ones(1, 1, 1, 1).double(), (15, 15, 15, 15))
    counted = torch.where(middle > 0, 1.0, 1e-9).double()  # counts as seen, weighs next to nothing
    value = ssim(logits, torch.full_like(weight, t), counted).item()
    assert value == pytest.approx((1 - inside) / 2, rel=1e-5)
