"""Precision, recall, density and coverage against neighbours counted by scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from metrics.neighbours import nearest_others
from metrics.prdc import PRDC, prdc


def features(num: int, seed: int, *, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, 5, generator=generator, dtype=torch.float64) + shift


def by_brute_force(real: Tensor, generated: Tensor, k: int) -> PRDC:
    x, y = real.numpy(), generated.numpy()
    between = pairwise_distances(x, y)
    # without a query, scikit-learn leaves a point out of its own neighbours
    radii, other_radii = (
        NearestNeighbors(n_neighbors=k, algorithm="brute").fit(z).kneighbors()[0][:, -1]
        for z in (x, y)
    )
    inside = between < radii[:, None]
    return PRDC(
        precision=inside.any(0).mean(),
        recall=(between < other_radii[None]).any(1).mean(),
        density=inside.sum(0).mean() / k,
        coverage=(between.min(1) < radii).mean(),
    )


@settings(max_examples=30)
@given(
    num_real=st.integers(6, 40),
    num_generated=st.integers(6, 40),
    k=st.integers(1, 5),
    shift=st.floats(0, 4),
    seed=st.integers(0, 99),
)
def test_equals_brute_force(
    num_real: int, num_generated: int, k: int, shift: float, seed: int
) -> None:
    real, generated = features(num_real, seed), features(num_generated, seed + 100, shift=shift)
    assert prdc(real, generated, k=k) == pytest.approx(by_brute_force(real, generated, k))


def test_more_than_one_block_equals_brute_force() -> None:
    real, generated = features(1100, 0), features(1030, 1, shift=0.5)
    assert prdc(real, generated) == pytest.approx(by_brute_force(real, generated, 5))


def test_sets_apart_share_nothing() -> None:
    assert prdc(features(20, 0), features(20, 1, shift=1000)) == (0, 0, 0, 0)


def test_one_repeated_image_is_precise_and_covers_little() -> None:
    real = features(50, 0)
    found = prdc(real, real[:1].repeat(50, 1))
    assert found.precision == 1
    assert found.recall == 0
    assert found.coverage < 0.3


def test_neighbours_are_those_of_scikit_learn() -> None:
    rows = features(30, 0)
    distances, places = nearest_others(rows, 4)
    expected = NearestNeighbors(n_neighbors=4, algorithm="brute").fit(rows.numpy()).kneighbors()
    np.testing.assert_allclose(distances.numpy(), expected[0])
    np.testing.assert_array_equal(places.numpy(), expected[1])


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ValueError, match="5 features have no 5 neighbours each: give at least 6"):
        prdc(features(5, 0), features(9, 1))
