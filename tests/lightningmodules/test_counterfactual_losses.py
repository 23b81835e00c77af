import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lightningmodules.losses.counterfactual import (
    CosineContrast,
    CounterfactualLoss,
    CounterfactualPairs,
    EmptyScene,
    NameContrast,
    PatchContrast,
    coverage_of,
)
from lightningmodules.losses.open_vocabulary import ClassMasks, MaskMatching, classes_there
from networks.clip_prompts import ImageFeatures

DIM = 6


def unit(*shape: int, seed: int, dim: int = -1) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(shape, generator=random), dim=dim)


def features(seed: int, number: int = 3) -> ImageFeatures:
    return ImageFeatures(
        unit(number, DIM, 2, 2, seed=seed, dim=1), unit(number, DIM, seed=seed + 1)
    )


def pairs(number: int = 3, has: list[bool] | None = None) -> CounterfactualPairs:
    """Of two classes each; image k holds its first class in the upper left patch."""
    coverage = torch.zeros(number, 2, 2, 2)
    coverage[:, 0, 0, 0] = 1
    return CounterfactualPairs(
        image=features(0, number),
        counterfactual=features(10, number),
        logits=torch.randn(number, 2, 2, 2, generator=torch.Generator().manual_seed(5)),
        has_counterfactual=torch.tensor([True] * number if has is None else has),
        coverage=coverage,
        text=unit(number, 2, DIM, seed=20),
        classes=torch.stack((torch.arange(number), torch.arange(number) + 50), 1),
        is_there=coverage.sum((2, 3)) > 0,
    )


LOSSES = [CosineContrast(), PatchContrast(), NameContrast(), EmptyScene()]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_sample_without_counterfactual_does_not_count(loss: CounterfactualLoss) -> None:
    some = pairs(has=[True, False, True])
    changed = some._replace(
        counterfactual=ImageFeatures(
            some.counterfactual.patches * torch.tensor([1, -1, 1]).view(3, 1, 1, 1),
            some.counterfactual.image * torch.tensor([[1], [-1], [1]]),
        ),
        logits=some.logits * torch.tensor([1, -1, 1]).view(3, 1, 1, 1),
    )
    torch.testing.assert_close(loss(changed), loss(some))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_without_counterfactuals_costs_nothing(loss: CounterfactualLoss) -> None:
    assert loss(pairs(has=[False] * 3)).item() == 0


def test_cosine_contrast_is_the_mean_of_positive_cosines() -> None:
    some = pairs()
    cosines = F.cosine_similarity(some.image.image, some.counterfactual.image).tolist()
    assert min(cosines) < 0 < max(cosines)
    expected = 2 * sum(max(0, x) for x in cosines) / 3
    assert CosineContrast(2)(some).item() == pytest.approx(expected)


def test_patch_contrast_parts_the_object_and_joins_the_rest() -> None:
    some = pairs()
    cosines = F.cosine_similarity(some.image.patches, some.counterfactual.patches)
    apart = cosines[:, 0, 0].clamp_min(0)
    alike = 1 - (cosines.sum((1, 2)) - cosines[:, 0, 0]) / 3
    assert PatchContrast()(some).item() == pytest.approx((apart + alike).mean().item(), rel=1e-5)
    assert PatchContrast(outside=0)(some).item() == pytest.approx(apart.mean().item(), rel=1e-5)


def test_patch_contrast_wants_the_background_untouched_and_the_object_gone() -> None:
    some = pairs()
    patches = some.image.patches.clone()
    patches[..., 0, 0] *= -1
    ideal = some._replace(counterfactual=ImageFeatures(patches, some.counterfactual.image))
    assert PatchContrast()(ideal).item() == pytest.approx(0, abs=1e-6)


def test_name_contrast_is_the_cross_entropy_of_cosines() -> None:
    some, temperature = pairs(), 0.5
    names = some.text[:, 0]
    objects, places = (x.patches[..., 0, 0] for x in (some.image, some.counterfactual))
    expected = 0.0
    for k in range(3):
        scores = [math.exp(float(names[k] @ x) / temperature) for x in (*objects, *places)]
        expected -= math.log(scores[k] / sum(scores)) / 3
    assert NameContrast(temperature=temperature)(some).item() == pytest.approx(expected, rel=1e-5)


def test_name_contrast_takes_no_object_of_the_same_class_as_negative() -> None:
    some = pairs(2)
    alone = NameContrast()(some._replace(classes=torch.tensor([[4, 50], [4, 51]])))
    names = some.text[:, 0]
    own = (names * some.image.patches[..., 0, 0]).sum(1, keepdim=True)
    scores = torch.cat((own, names @ some.counterfactual.patches[..., 0, 0].T), 1) / 0.07
    expected = -scores.log_softmax(1)[:, 0].mean()
    torch.testing.assert_close(alone, expected)


def test_empty_scene_is_the_focal_loss_of_nothing() -> None:
    some = pairs()._replace(logits=torch.zeros(3, 2, 2, 2))
    # two maps an image, and as many images as masks
    assert EmptyScene(1)(some).item() == pytest.approx(2 * 0.75 * 0.25 * math.log(2))


def test_empty_scene_is_divided_by_the_masks_that_mask_matching_counts() -> None:
    labels = torch.tensor([[[0, 1]], [[0, 1]], [[1, 1]]])
    weight = torch.ones(3, 1, 1, 2)
    weight[:2, ..., 1] = 0  # class 1 is not known in the first two images: three masks are left
    some = pairs()._replace(is_there=classes_there(labels, weight, 2))
    ones = torch.ones(3, 2)
    assert some.is_there.tolist() == [[True, False], [True, False], [False, True]]
    expected = (EmptyScene()(some._replace(is_there=ones > 0)) * 6 / 3).item()
    assert EmptyScene()(some).item() == pytest.approx(expected)
    masks = ClassMasks(labels=labels, weight=weight, is_void=labels < 0)
    terms = MaskMatching(1, 1)(torch.full((3, 2, 1, 2), -50.0), masks)
    # what is missed costs 1 - 1 / (pixels + 1) each, divided by the same three
    assert terms["dice"].item() == pytest.approx((0.5 + 0.5 + 2 / 3) / 3)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_moves_the_counterfactual(loss: CounterfactualLoss) -> None:
    some = pairs()
    patches = some.counterfactual.patches.clone().requires_grad_()
    image = some.counterfactual.image.clone().requires_grad_()
    logits = some.logits.clone().requires_grad_()
    moved = some._replace(counterfactual=ImageFeatures(patches, image), logits=logits)
    loss(moved).backward()
    assert any(x.grad is not None and x.grad.abs().sum() > 0 for x in (patches, image, logits))


def test_coverage_is_the_mean_of_the_mask_in_each_patch() -> None:
    labels = torch.randint(-1, 4, (2, 12, 8), generator=torch.Generator().manual_seed(0))
    masks = (labels[:, None] == torch.arange(4)[:, None, None]).float()
    torch.testing.assert_close(coverage_of(labels, 4, (3, 2)), F.avg_pool2d(masks, 4))


def test_coverage_of_odd_sizes_is_a_share() -> None:
    labels = torch.zeros(1, 7, 5, dtype=torch.long)
    assert torch.equal(coverage_of(labels, 2, (3, 2))[0, 0], torch.ones(3, 2))
    assert coverage_of(labels, 2, (3, 2))[0, 1].abs().sum() == 0


def test_temperature_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature 0 must be above 0"):
        NameContrast(temperature=0)
