"""Measured pairs in the order of their sets."""

import pytest
import torch

from metrics.pair_features import PairFeatures


def add(metric: PairFeatures, places: list[tuple[int, int]]) -> None:
    values = torch.tensor([[10.0 * number + place] for number, place in places])
    metric.update(values, -values, values / 2, torch.tensor(places))


def test_pairs_are_sorted_into_their_sets_whatever_their_order() -> None:
    metric = PairFeatures()
    add(metric, [(1, 0), (0, 2)])
    add(metric, [(0, 0), (1, 1), (0, 1)])
    first, second = metric.compute()
    assert first["images"][:, 0].tolist() == [0, 1, 2]
    assert first["masks"][:, 0].tolist() == [0, -1, -2]
    assert second["traits"][:, 0].tolist() == [5, 5.5]


def test_undefined_traits_stay_undefined() -> None:
    metric = PairFeatures()
    metric.update(
        torch.ones(1, 2), torch.ones(1, 2), torch.tensor([[torch.nan]]), torch.tensor([[0, 0]])
    )
    assert bool(metric.compute()[0]["traits"].isnan())


def test_a_repeated_pair_is_refused() -> None:
    metric = PairFeatures()
    add(metric, [(0, 1), (0, 0), (0, 1)])
    with pytest.raises(ValueError, match="a pair was measured twice"):
        metric.compute()
