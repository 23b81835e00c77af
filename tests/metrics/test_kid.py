"""KID equals torchmetrics' polynomial MMD and the formula of the paper."""

import pytest
import torch
from torch import Tensor
from torchmetrics.image.kid import poly_mmd

from metrics.kid import KID, cubic_kernel, kid


def features(num: int, *, seed: int = 0, shift: float = 0.0, dimension: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, dimension, generator=generator, dtype=torch.float64) + shift


@pytest.mark.parametrize("num", [2, 3, 50, 1100])
def test_kid_is_the_polynomial_mmd_of_torchmetrics(num: int) -> None:
    x, y = features(num), features(num, seed=1, shift=0.2)
    assert kid(x, y) == pytest.approx(float(poly_mmd(x, y)), abs=1e-12)


def test_kid_of_unequal_sets_is_the_formula() -> None:
    x, y = features(5), features(3, seed=1)
    k = [[(float(a @ b) / 16 + 1) ** 3 for b in (*x, *y)] for a in (*x, *y)]
    within_x = sum(k[i][j] for i in range(5) for j in range(5) if i != j) / (5 * 4)
    within_y = sum(k[i][j] for i in range(5, 8) for j in range(5, 8) if i != j) / (3 * 2)
    between = sum(k[i][j] for i in range(5) for j in range(5, 8)) / (5 * 3)
    assert kid(x, y) == pytest.approx(within_x + within_y - 2 * between, abs=1e-12)


def test_kernel_of_orthogonal_features_is_one() -> None:
    assert cubic_kernel(torch.eye(2)[:1], torch.eye(2)[1:]).item() == 1


def test_kid_of_one_distribution_is_zero_on_average() -> None:
    values = torch.tensor(
        [kid(features(20, seed=2 * s), features(20, seed=2 * s + 1)) for s in range(300)]
    )
    assert abs(values.mean()) < 4 * values.std() / 300**0.5
    assert values.min() < 0 < values.max()


def test_metric_holds_the_distance_of_all_batches() -> None:
    metric = KID(num_draws=4)
    x, y = features(8).float(), features(6, seed=1, shift=0.5).float()
    metric.update(x, torch.arange(8), torch.ones(8, dtype=torch.bool))
    metric.update(y, torch.arange(6), torch.zeros(6, dtype=torch.bool))
    assert float(metric.compute().value) == pytest.approx(kid(x, y), abs=1e-12)
