"""Distances between distributions of one property."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from torch import Tensor

from metrics.drift import kolmogorov_smirnov, total_variation

VALUES = st.lists(st.integers(-5, 5), min_size=1, max_size=30)


@given(first=VALUES, second=VALUES)
def test_is_the_largest_difference_of_the_shares_below_a_value(
    first: list[int], second: list[int]
) -> None:
    def share(values: list[int], limit: int) -> float:
        return sum(value <= limit for value in values) / len(values)

    found = kolmogorov_smirnov(torch.tensor(first).double(), torch.tensor(second).double())
    expected = max(abs(share(first, v) - share(second, v)) for v in range(-5, 6))
    assert found == pytest.approx(expected)


def test_is_the_statistic_of_scipy() -> None:
    first, second = torch.rand(30).double(), torch.rand(20).double() + 0.2
    expected = ks_2samp(first.numpy(), second.numpy()).statistic
    assert kolmogorov_smirnov(first, second) == pytest.approx(expected)


def test_units_do_not_matter() -> None:
    first, second = torch.rand(9).double() + 0.1, torch.rand(7).double() + 0.1
    assert kolmogorov_smirnov(first, second) == kolmogorov_smirnov(first.log(), second.log())


def test_variation_is_the_share_that_changes_its_class() -> None:
    assert total_variation(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 2])) == 0.5
    assert total_variation(torch.tensor([0, 1]), torch.tensor([1, 0, 0, 1])) == 0
    assert total_variation(torch.tensor([0]), torch.tensor([3])) == 1


@pytest.mark.parametrize("distance", [kolmogorov_smirnov, total_variation])
def test_an_empty_set_is_refused(distance: Callable[[Tensor, Tensor], float]) -> None:
    with pytest.raises(ValueError, match="0 real and 2 generated values"):
        distance(torch.zeros(0, dtype=torch.int64), torch.zeros(2, dtype=torch.int64))
