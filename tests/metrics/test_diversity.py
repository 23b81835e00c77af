"""Mean distance inside each class."""

import math

import pytest
import torch
from scipy.spatial.distance import pdist

from metrics.diversity import class_diversity, diversity


def features(num: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(num, 6, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("num", [2, 3, 50, 1100])
def test_is_the_mean_of_scipys_distances(num: int) -> None:
    rows = features(num)
    assert diversity(rows) == pytest.approx(pdist(rows.double().numpy()).mean())


def test_copies_have_none() -> None:
    assert diversity(torch.full((5, 4), 1e3)) == 0


def test_one_image_has_no_distance() -> None:
    assert math.isnan(diversity(features(1)))


def test_classes_are_apart_and_the_frequent_come_first() -> None:
    real, generated = features(5), 2 * features(5)
    found = class_diversity(
        real,
        generated,
        real_classes=["fan", "cup", "cup", "fan", "cup"],
        generated_classes=["fan", "cup", "cup", "fan", "kite"],
    )
    assert list(found) == ["cup", "fan", "kite"]
    assert found["fan"].ratio == pytest.approx(2)
    assert (found["cup"].num_real, found["cup"].num_generated) == (3, 2)
    assert math.isnan(found["kite"].ratio)
