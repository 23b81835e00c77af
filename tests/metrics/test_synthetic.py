"""A set and its groups, measured against a real one."""

from collections.abc import Sequence
from itertools import combinations

import pytest
import torch
from torch import Tensor

from metrics.cmmd import unit
from metrics.feature_scores import Plane, Recipe, compare_features, plane_mixing, plane_of, ratio
from metrics.fid import fid
from metrics.kid import kid
from metrics.mask_traits import TRAITS
from metrics.prdc import prdc
from metrics.synthetic import CLASS, DescribedSet, score_set

RECIPE = Recipe(num_kernel_draws=20, num_draws=4, umap_images=0)


def features(num: int, seed: int, *, shift: float = 0.0) -> Tensor:
    return torch.randn(num, 6, generator=torch.Generator().manual_seed(seed)) + shift


def described(
    num: int, seed: int, *, shift: float = 0.0, groups: Sequence[str] = ("all",)
) -> DescribedSet:
    drawn = torch.rand(num, len(TRAITS), generator=torch.Generator().manual_seed(seed))
    return DescribedSet(
        features={"images": features(num, seed, shift=shift), "masks": features(num, seed + 50)},
        traits=drawn.double() + shift,
        class_names=[("fan", "cup")[place % 2] for place in range(num)],
        groups=[groups[place % len(groups)] for place in range(num)],
    )


def cubic(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def gaussian(x: Tensor, y: Tensor) -> Tensor:
    return (-torch.cdist(x, y).square() / 200).exp()


def off_diagonal(kernel: Tensor) -> Tensor:
    return (kernel.sum() - kernel.diag().sum()) / (kernel.numel() - len(kernel))


def fid_of_numbers(x: Tensor, y: Tensor) -> Tensor:
    return (x.mean(-1) - y.mean(-1)) ** 2 + (x.std(-1) - y.std(-1)) ** 2


def test_each_measure_is_over_all_images_and_beside_its_floor() -> None:
    real, generated = features(40, 0), features(30, 1, shift=3)
    found = compare_features(real, generated, RECIPE)
    assert float(found["fid"].value) == pytest.approx(fid(real, generated))
    assert float(found["kid"].value) == pytest.approx(kid(real, generated))
    assert ratio(found["cmmd"]) > 2
    assert ratio(found["kid_biased"]) > 2
    assert found["fid"].matched_mean > found["fid"].floor_mean + 3 * found["fid"].floor_std
    assert found["mixing"].matched_mean < 0.5
    assert {comparison.size for comparison in found.values()} == {20}


@pytest.mark.parametrize("name", ["kid", "kid_biased", "cmmd"])
def test_kernel_distances_are_on_average_what_all_subsets_give(name: str) -> None:
    """Over all halves of the real set, a mean of kernel values between them is a mean over pairs.

    With d the mean of a set's kernel on its diagonal, o off it and c between both sets, halves of
    n images have the floor 2 (d - o) / n, and the generated subsets d / n + (1 - 1 / n) o of each
    set less 2 c; unbiased, o alone stands in the place of that mixture.
    """
    real, generated = features(40, 0).double(), features(30, 1, shift=0.5).double()
    x, y = (unit(real), unit(generated)) if name == "cmmd" else (real, generated)
    kernel, scale = (gaussian, 1000) if name == "cmmd" else (cubic, 1)
    weight = 0 if name == "kid" else 1 / 20
    own = [
        weight * k.diag().mean() + (1 - weight) * off_diagonal(k)
        for k in (kernel(x, x), kernel(y, y))
    ]
    floor = 2 * scale * (own[0] - off_diagonal(kernel(x, x)))
    matched = scale * (own[0] + own[1] - 2 * kernel(x, y).mean())
    draws = 400
    found = compare_features(real, generated, Recipe(num_kernel_draws=draws, num_draws=2))[name]
    for mean, std, expected in (
        (found.floor_mean, found.floor_std, floor),
        (found.matched_mean, found.matched_std, matched),
    ):
        assert abs(mean - expected) < 4 * std / draws**0.5
    assert found.matched_mean > found.floor_mean + 20 * found.floor_std / draws**0.5


def test_fid_is_on_average_what_all_halves_give() -> None:
    """Of numbers the FID is the difference of the means and that of the spreads, squared."""
    real, generated = features(12, 0)[:, :1].double(), features(6, 1)[:, :1].double()
    halves = torch.tensor(list(combinations(range(12), 6)))
    others = halves.flip(0)  # the last combination is the complement of the first, and so on
    assert set(halves[5].tolist()).isdisjoint(others[5].tolist())
    draws = 150
    found = compare_features(real, generated, Recipe(num_kernel_draws=2, num_draws=draws))["fid"]
    for mean, std, other in (
        (found.floor_mean, found.floor_std, real[others, 0]),
        (found.matched_mean, found.matched_std, generated[:, 0]),
    ):
        expected = fid_of_numbers(real[halves, 0], other).mean()
        assert abs(mean - expected) < 4 * std / draws**0.5


def test_images_and_masks_fail_apart() -> None:
    found = score_set(described(40, 0), described(30, 1, shift=3), RECIPE)
    assert found.whole.features["images"]["precision"].value == 0
    masks = prdc(features(40, 50), features(30, 51))
    assert found.whole.features["masks"]["precision"].value == masks.precision > 0.5


def test_drift_is_told_from_chance() -> None:
    found = score_set(described(60, 0), described(60, 1, shift=5), RECIPE).whole.drift
    assert found.keys() == {CLASS, *TRAITS}
    assert found["area_share"].value == 1
    assert found["area_share"].floor_mean < 0.5
    assert found[CLASS].value == 0


def test_undefined_traits_are_left_out() -> None:
    real, generated = described(20, 0), described(20, 1)
    generated.traits[3:, TRAITS.index("holes")] = torch.nan
    drift = score_set(real, generated, RECIPE).whole.drift
    assert "holes" not in drift
    assert "components" in drift


def test_groups_are_scored_apart_and_small_ones_are_named() -> None:
    generated = described(20, 1, groups=("warp", "view"))
    groups = ["scale", *generated.groups[1:]]
    generated = DescribedSet(
        features=generated.features,
        traits=generated.traits,
        class_names=generated.class_names,
        groups=groups,
    )
    real = described(40, 0)
    found = score_set(real, generated, RECIPE)
    assert list(found.groups) == ["view", "warp"]
    assert found.too_small == {"scale": 1}
    alone = score_set(real, generated.part("view"), RECIPE)
    assert alone.groups == {}
    assert alone.whole.num_images == found.groups["view"].num_images == 10
    assert alone.whole.features["masks"]["fid"] == found.groups["view"].features["masks"]["fid"]


def test_diversity_is_by_class_and_content() -> None:
    found = score_set(described(40, 0), described(30, 1), RECIPE).diversity
    assert found.keys() == {"images", "masks"}
    assert found["images"]["fan"].num_generated == 15


def test_mixing_of_a_plane_needs_enough_places() -> None:
    plane = Plane(real=features(20, 0), generated=features(9, 1), places=torch.arange(9))
    assert plane_mixing(plane, RECIPE)["umap_mixing"].num_generated == 9
    few = plane.part(torch.arange(9) < 3)
    assert plane_mixing(few, RECIPE) == {}
    assert few.places.tolist() == [0, 1, 2]


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="11 real and 30 generated pairs are too few"):
        score_set(described(11, 0), described(30, 1), RECIPE)


@pytest.mark.parametrize("wrong", [{"num_draws": 1}, {"umap_images": 11}])
def test_wrong_recipes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="give"):
        Recipe(**wrong)


@pytest.mark.slow  # the library compiles itself for ten seconds
def test_plane_keeps_sets_apart_and_repeats_itself() -> None:
    real, generated = features(40, 0), features(30, 1, shift=9)
    recipe = Recipe(num_draws=2, umap_images=25)
    first, second = plane_of(real, generated, recipe), plane_of(real, generated, recipe)
    assert first.real.shape == first.generated.shape == (25, 2)
    torch.testing.assert_close(first.generated, second.generated, rtol=0, atol=0)
    assert plane_mixing(first, recipe)["umap_mixing"].value == 0
