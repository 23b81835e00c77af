"""Features are gathered in an order of their own."""

import pytest
import torch
from torch import Tensor

from metrics.cmmd import CMMD
from metrics.feature_sets import FeatureSets
from metrics.kid import KID

NUM_REAL, NUM_GENERATED = 11, 9
FEATURES = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
PLACES = torch.cat([torch.arange(NUM_REAL), torch.arange(NUM_GENERATED)])
IS_REAL = torch.arange(20) < NUM_REAL


def filled(metric: FeatureSets, batches: list[Tensor]) -> FeatureSets:
    for chosen in batches:
        metric.update(FEATURES[chosen], PLACES[chosen], IS_REAL[chosen])
    return metric


@pytest.mark.parametrize("kind", [KID, CMMD])
def test_order_and_batches_change_no_digit(kind: type[FeatureSets]) -> None:
    mixed = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    one = filled(kind(num_draws=5), [torch.arange(20)]).compute()
    two = filled(kind(num_draws=5), list(mixed.split(3))).compute()
    assert one == two


def test_sets_are_sorted_by_place() -> None:
    real, generated = filled(KID(), [torch.arange(20).flip(0)]).sets()
    assert real.equal(FEATURES[:NUM_REAL])
    assert generated.equal(FEATURES[NUM_REAL:])


def test_an_image_that_came_twice_is_refused() -> None:
    metric = filled(KID(), [torch.arange(20), torch.tensor([3])])
    with pytest.raises(ValueError, match="compared twice"):
        metric.compute()


def test_reset_forgets_everything() -> None:
    metric = filled(KID(num_draws=5), [torch.arange(20)])
    before = metric.compute()
    metric.reset()
    assert filled(metric, [torch.arange(20)]).compute() == before


def test_seed_decides_the_draws_and_not_the_value() -> None:
    one, two = (filled(KID(seed=seed), [torch.arange(20)]).compute() for seed in (0, 1))
    assert one.value == two.value
    assert one.floor_mean != two.floor_mean
