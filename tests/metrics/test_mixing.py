"""Neighbours from the other set, relative to chance."""

import pytest
import torch

from metrics.mixing import mixing


def points(num: int, seed: int) -> torch.Tensor:
    return torch.randn(num, 3, generator=torch.Generator().manual_seed(seed))


def test_one_distribution_is_mixed_as_by_chance_whatever_the_sizes() -> None:
    for num in (400, 100):
        assert mixing(points(400, 1), points(num, 2)) == pytest.approx(1, abs=0.1)


def test_sets_apart_do_not_mix() -> None:
    assert mixing(points(20, 1), points(20, 2) + 100) == 0


def test_copies_are_nearer_than_chance() -> None:
    first = points(200, 1)
    assert mixing(first, first + 1e-3, k=1) == pytest.approx(399 / 200)


def test_by_hand_on_a_line() -> None:
    first, second = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.4], [9.0]])
    # nearest: 0 -> 1 (own), 1 -> 1.4 (other), 1.4 -> 1 (other), 9 -> 1.4 (own); chance is 2 of 3
    assert mixing(first, second, k=1) == pytest.approx(0.5 * 3 / 2)


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(ValueError, match="empty set"):
        mixing(torch.zeros(0, 2), points(9, 0)[:, :2])
