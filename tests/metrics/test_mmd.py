"""The squared MMD of many pairs of sets equals that of each pair alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from metrics import mmd
from metrics.mmd import squared_mmd, squared_mmds


def dot(x: Tensor, y: Tensor) -> Tensor:
    return x @ y.T


def points(num: int, *, seed: int = 0, dimension: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, dimension, generator=generator, dtype=torch.float64)


def test_biased_form_of_the_linear_kernel_is_the_distance_of_the_means() -> None:
    x, y = points(7), points(4, seed=1) + 1
    expected = (x.mean(0) - y.mean(0)).square().sum()
    assert squared_mmd(x, y, dot, unbiased=False) == pytest.approx(float(expected), abs=1e-12)


def test_unbiased_form_of_the_linear_kernel_lacks_the_variance_of_the_means() -> None:
    x, y = points(7), points(4, seed=1) + 1
    of_means = (x.mean(0) - y.mean(0)).square().sum()
    variance = x.var(0).sum() / 7 + y.var(0).sum() / 4
    assert squared_mmd(x, y, dot, unbiased=True) == pytest.approx(float(of_means - variance))


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 30), st.integers(0, 1000), st.booleans(), st.integers(1, 8))
def test_every_pair_of_one_pass_is_what_it_is_alone_whatever_the_block(
    num: int, seed: int, unbiased: bool, block: int
) -> None:
    features = points(num, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(num, generator=generator) for _ in range(3)]
    first, second = torch.zeros(2, 3, num, dtype=torch.bool)
    for pair, order in enumerate(orders):
        first[pair, order[:2]] = True
        second[pair, order[2:]] = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mmd, "BLOCK", block)
        found = squared_mmds(features, dot, first=first, second=second, unbiased=unbiased)
    alone = [
        squared_mmd(features[order[:2]], features[order[2:]], dot, unbiased=unbiased)
        for order in orders
    ]
    torch.testing.assert_close(found.tolist(), alone, atol=1e-12, rtol=1e-10)


def test_sets_may_share_members() -> None:
    features = points(6)
    everything = torch.ones(6, dtype=torch.bool)
    found = squared_mmds(features, dot, first=everything, second=everything, unbiased=False)
    assert float(found[0]) == pytest.approx(0, abs=1e-12)


def test_one_feature_has_no_unbiased_distance() -> None:
    with pytest.raises(ValueError, match="give at least 2"):
        squared_mmd(points(1), points(3), dot, unbiased=True)


def test_features_of_two_extractors_are_refused() -> None:
    with pytest.raises(ValueError, match="one extractor"):
        squared_mmd(points(3), points(3, dimension=4), dot, unbiased=True)
