import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonargparse import ArgumentParser
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.batch import Batch, collate
from datamodules.sample import MaskKind, Provenance, Sample, View
from lightningmodules.losses import (
    BCE,
    SSIM,
    DeepSupervision,
    Dice,
    FeatureSupervision,
    IoU,
    Loss,
    MapLoss,
    Structure,
    Sum,
)
from lightningmodules.losses.maps import bce, dice, iou, ssim, structure
from networks.adapter import MaskInput
from networks.isnet import ISNetGTEncoder
from networks.outputs import Outputs

Function = Callable[[Tensor, Tensor, Tensor], Tensor]
FUNCTIONS: dict[str, Function] = {
    "bce": bce,
    "iou": iou,
    "dice": dice,
    "ssim": ssim,
    "structure": structure,
}
every_function = pytest.mark.parametrize("loss", FUNCTIONS.values(), ids=FUNCTIONS)


def randn(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def blobs(size: int = 64, seed: int = 2) -> Tensor:
    return (F.avg_pool2d(randn(2, 1, size, size, seed=seed), 9, 1, 4) > 0).float()


def ones(x: Tensor) -> Tensor:
    return torch.ones_like(x)


# the recorded inputs and values: official code on CPU, float32
LOGITS, MASK = randn(2, 1, 64, 64, seed=1), blobs()
SIDES = [LOGITS, *(randn(2, 1, 64 >> i, 64 >> i, seed=10 + i) for i in range(1, 6))]
FEATURES = [randn(2, 8, 16, 16, seed=20 + i) for i in range(6)]
MASK_FEATURES = [randn(2, 8, 16, 16, seed=30 + i) for i in range(6)]


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


def test_four_scales_weighted_as_birefnet_have_its_total() -> None:
    maps = [randn(2, 1, size, size, seed=41 + i) for i, size in enumerate((8, 16, 32))]
    # BiRefNet enlarges with aligned corners; enlarged here, DeepSupervision leaves them alone
    logits = [F.interpolate(x, size=(64, 64), mode="bilinear", align_corners=True) for x in maps]
    terms: dict[str, MapLoss] = {"bce": BCE(), "iou": IoU(smooth=0.0), "ssim": SSIM()}
    # 0.5 x the sum over a batch of 2 is 1 x its mean
    loss = DeepSupervision(terms, {"bce": 30.0, "iou": 0.5 * 2, "ssim": 10.0})
    found = loss(Outputs(logits=[*logits, LOGITS]), batch_of(MASK))
    assert sum(found.values()).item() == pytest.approx(113.51866912841797, rel=1e-5)
    expected = {"bce": 23.021533489227295, "iou": 0.6647999584674835, "ssim": 4.693332076072693}
    for name, value in expected.items():
        assert found[name].item() / 4 == pytest.approx(value, rel=1e-5)


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
    p_map, target, weight = (torch.full((1, 1, 3, 4), x).double() for x in (p, t, m))
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


def batch_of(mask: Tensor, weight: Tensor | None = None) -> Batch:
    """Return a batch of floats with this mask ``(B, 1, H, W)``."""
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
    batch.weight = ones(mask) if weight is None else weight
    return batch


def deep(**arguments: object) -> DeepSupervision:
    return DeepSupervision({"bce": BCE()}, **arguments)


def isnet_target_loss() -> Tensor:
    """Return muti_loss_fusion as recorded: each map at its own size, the mask resized to it."""
    parts: list[Tensor] = []
    for logits in SIDES:
        size = logits.shape[2:]
        mask = F.interpolate(MASK, size=size, mode="bilinear", align_corners=True)
        parts += deep()(Outputs(logits=[logits]), batch_of(mask)).values()
    return torch.stack(parts).sum()


def test_sum_over_maps_is_the_fusion_loss_of_isnet() -> None:
    assert isnet_target_loss().item() == pytest.approx(4.828188896179199, rel=1e-5)


class Constant(nn.Module):
    """An encoder that returns the features it was given."""

    def __init__(self, features: list[Tensor]) -> None:
        super().__init__()
        self.features = features

    def forward(self, batch: Batch) -> Outputs:
        return Outputs(logits=[], features=self.features)


def test_feature_supervision_adds_the_squared_errors_of_isnet() -> None:
    loss = FeatureSupervision(Constant(MASK_FEATURES))
    found = loss(Outputs(logits=[], features=FEATURES), batch_of(MASK))
    total = found["feature"] + isnet_target_loss()
    assert total.item() == pytest.approx(16.863258361816406, rel=1e-5)


def test_small_map_is_enlarged_to_the_mask() -> None:
    found = deep()(Outputs(logits=[SIDES[2]]), batch_of(MASK))["bce"]
    enlarged = F.interpolate(SIDES[2], size=(64, 64), mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, bce(enlarged, MASK, ones(MASK)))


def test_mask_is_reduced_to_the_map_where_asked() -> None:
    found = deep(at="map")(Outputs(logits=[SIDES[2]]), batch_of(MASK))["bce"]
    reduced = F.avg_pool2d(MASK, 4)
    torch.testing.assert_close(found, bce(SIDES[2], reduced, ones(reduced)))


@pytest.mark.parametrize("at", ["mask", "map"])
def test_pixels_of_weight_zero_have_no_influence_on_any_map(at: str) -> None:
    weight = blobs(seed=3)
    mask = torch.where(weight > 0, MASK, 1 - MASK)
    values = [deep(at=at)(Outputs(logits=SIDES), batch_of(x, weight))["bce"] for x in (MASK, mask)]
    assert torch.equal(*values)


def test_terms_and_maps_are_weighted() -> None:
    terms: dict[str, MapLoss] = {"bce": BCE(), "iou": IoU()}
    loss = DeepSupervision(terms, {"bce": 2.0, "iou": 0.5}, map_weights=[1.0, 0.25])
    found = loss(Outputs(logits=[LOGITS, -LOGITS]), batch_of(MASK))
    one = ones(MASK)
    torch.testing.assert_close(
        found["bce"], 2 * (bce(LOGITS, MASK, one) + 0.25 * bce(-LOGITS, MASK, one))
    )
    torch.testing.assert_close(
        found["iou"], 0.5 * (iou(LOGITS, MASK, one) + 0.25 * iou(-LOGITS, MASK, one))
    )


def test_wrong_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r"weights \['dice'\] must name the terms \['bce'\]"):
        deep(weights={"dice": 1.0})
    with pytest.raises(ValueError, match="at least one"):
        DeepSupervision({})
    with pytest.raises(ValueError, match="2 map_weights for a network of 1 maps"):
        deep(map_weights=[1.0, 1.0])(Outputs(logits=[LOGITS]), batch_of(MASK))


def supervision() -> FeatureSupervision:
    return FeatureSupervision(MaskInput(ISNetGTEncoder(width=1 / 16)), weight=2.0)


def features_of(encoder: nn.Module, batch: Batch) -> list[Tensor]:
    with torch.no_grad():
        return encoder(batch).features


def test_feature_supervision_is_zero_for_equal_features_and_trains_only_the_network() -> None:
    loss, batch = supervision(), batch_of(MASK)
    equal = [x.clone().requires_grad_() for x in features_of(loss.encoder, batch)]
    assert loss(Outputs(logits=[], features=equal), batch)["feature"].item() == 0
    other = [(x + 0.5).detach().requires_grad_() for x in equal]
    value = loss(Outputs(logits=[], features=other), batch)["feature"]
    assert value.item() == pytest.approx(2.0 * 6 * 0.25, rel=1e-5)
    value.backward()
    assert all(x.grad is not None for x in other)
    assert all(x.grad is None for x in loss.encoder.parameters())


def test_frozen_encoder_is_neither_trained_nor_saved_nor_put_into_training() -> None:
    loss = supervision()
    parent = nn.ModuleDict({"loss": loss}).train()
    assert list(parent.parameters()) == []
    assert parent.state_dict() == {}
    assert not any(module.training for module in loss.encoder.modules())
    before = copy.deepcopy(loss.encoder.state_dict())
    batch = batch_of(MASK)
    loss(Outputs(logits=[], features=features_of(loss.encoder, batch)), batch)
    for name, x in loss.encoder.state_dict().items():
        assert torch.equal(x, before[name])


def test_frozen_encoder_moves_with_its_parent() -> None:
    loss = supervision()
    nn.ModuleDict({"loss": loss}).to(torch.float64)
    assert {x.dtype for x in loss.encoder.parameters()} == {torch.float64}
    nn.ModuleDict({"loss": loss}).to("meta")
    assert {x.device.type for x in loss.encoder.state_dict().values()} == {"meta"}


def test_copied_loss_has_its_own_encoder() -> None:
    loss = supervision()
    other = copy.deepcopy(loss)
    assert other.encoder is not loss.encoder


def test_feature_supervision_counts_images_by_their_weight() -> None:
    weight = torch.ones_like(MASK)
    weight[1] = 0
    loss, outputs = (
        FeatureSupervision(Constant(MASK_FEATURES)),
        Outputs(logits=[], features=FEATURES),
    )
    found = loss(outputs, batch_of(MASK, weight))["feature"]
    first = [F.mse_loss(x[:1], y[:1]) for x, y in zip(FEATURES, MASK_FEATURES, strict=True)]
    torch.testing.assert_close(found, torch.stack(first).sum() / 2)


@pytest.mark.parametrize("features", [[], FEATURES[:3], [x[:, :4] for x in FEATURES]])
def test_features_that_do_not_fit_are_refused(features: list[Tensor]) -> None:
    loss = FeatureSupervision(Constant(MASK_FEATURES))
    with pytest.raises(ValueError, match="must have equal shapes"):
        loss(Outputs(logits=[], features=features), batch_of(MASK))


def test_sum_puts_the_terms_together() -> None:
    loss = Sum([deep(), FeatureSupervision(Constant(MASK_FEATURES))])
    found = loss(Outputs(logits=[LOGITS], features=FEATURES), batch_of(MASK))
    assert list(found) == ["bce", "feature"]


def test_sum_refuses_two_terms_of_one_name() -> None:
    with pytest.raises(ValueError, match=r"terms \['bce'\] come from two losses"):
        Sum([deep(), deep()])(Outputs(logits=[LOGITS]), batch_of(MASK))


PAPER = """
loss:
  class_path: lightningmodules.losses.Sum
  init_args:
    losses:
      - class_path: lightningmodules.losses.DeepSupervision
        init_args:
          terms:
            bce: lightningmodules.losses.BCE
            iou: {class_path: lightningmodules.losses.IoU, init_args: {smooth: 0.5}}
            structure: {class_path: lightningmodules.losses.Structure}
          weights: {bce: 1.0, iou: 0.5, structure: 2}
          map_weights: [1, 0.5]
          at: map
      - class_path: lightningmodules.losses.FeatureSupervision
        init_args:
          weight: 0.1
          encoder:
            class_path: networks.adapter.MaskInput
            init_args:
              net: {class_path: networks.isnet.ISNetGTEncoder, init_args: {width: 0.0625}}
"""


@pytest.mark.parametrize("annotation", [nn.Module, Loss])
def test_losses_are_built_from_yaml(annotation: type) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--loss", type=annotation)
    loss = parser.instantiate(parser.parse_string(PAPER)).loss
    maps, features = loss.losses
    assert isinstance(maps.terms["structure"], Structure)
    assert maps.terms["iou"].smooth == 0.5
    assert maps.weights == {"bce": 1.0, "iou": 0.5, "structure": 2.0}
    assert isinstance(features.encoder, MaskInput)
    batch = batch_of(MASK)
    outputs = Outputs(logits=[LOGITS, SIDES[1]], features=features_of(features.encoder, batch))
    assert list(loss(outputs, batch)) == ["bce", "iou", "structure", "feature"]
