"""Losses of several maps and of features, and how they are put together."""

import copy

import pytest
import torch
from jsonargparse import ArgumentParser
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.batch import Batch, collate
from datamodules.sample import MaskKind, Provenance, Sample, View
from lightningmodules.losses import (
    BCE,
    SSIM,
    DeepSupervision,
    FeatureSupervision,
    IoU,
    Loss,
    MapLoss,
    Structure,
    Sum,
)
from lightningmodules.losses.maps import bce, iou
from networks.adapter import MaskInput
from networks.isnet import ISNetGTEncoder
from networks.outputs import Outputs
from tests.lightningmodules.loss_inputs import (
    FEATURES,
    LOGITS,
    MASK,
    MASK_FEATURES,
    SIDES,
    blobs,
    ones,
    randn,
)


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
