"""CMMD equals the formula of the paper, with the estimator of its official code."""

import pytest
import torch
from torch import Tensor

from metrics.cmmd import CMMD, cmmd, gaussian_kernel


def features(num: int, *, seed: int = 0, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, 16, generator=generator, dtype=torch.float64) + shift


def kernel_matrix(x: Tensor, y: Tensor) -> Tensor:
    """Differences spelled out, no product of matrices."""
    x, y = x / x.norm(dim=1, keepdim=True), y / y.norm(dim=1, keepdim=True)
    return torch.exp(-(x[:, None] - y[None]).square().sum(2) / (2 * 10**2))


@pytest.mark.parametrize(("num_real", "num_generated"), [(1, 1), (2, 5), (40, 40), (60, 33)])
def test_cmmd_is_the_formula(num_real: int, num_generated: int) -> None:
    x, y = features(num_real), features(num_generated, seed=1, shift=0.3)
    expected = 1000 * (
        kernel_matrix(x, x).mean() + kernel_matrix(y, y).mean() - 2 * kernel_matrix(x, y).mean()
    )
    assert cmmd(x, y) == pytest.approx(float(expected), abs=1e-9)


def test_the_published_estimator_exceeds_the_unbiased_one_as_documented() -> None:
    x, y = features(12), features(7, seed=1)

    def bias(z: Tensor) -> Tensor:
        others = ~torch.eye(len(z), dtype=torch.bool)
        return (1 - kernel_matrix(z, z)[others].mean()) / len(z)

    difference = cmmd(x, y) - cmmd(x, y, unbiased=True)
    assert difference == pytest.approx(1000 * float(bias(x) + bias(y)), abs=1e-9)


def test_length_of_a_feature_does_not_count() -> None:
    x, y = features(6), features(5, seed=1)
    assert cmmd(x, 7 * y) == pytest.approx(cmmd(x, y), abs=1e-9)


def test_cmmd_of_a_set_and_itself_is_zero() -> None:
    assert cmmd(features(6), features(6)) == pytest.approx(0, abs=1e-9)


def test_a_feature_of_zeros_gives_a_number() -> None:
    found = cmmd(torch.zeros(3, 4), torch.eye(4))
    # |0 - e| = 1 between the sets, sqrt 2 between two axes, 0 from a feature to itself
    k = [float(torch.tensor(-d / 200, dtype=torch.float64).exp()) for d in (1.0, 2.0)]
    assert found == pytest.approx(1000 * (1 + (4 + 12 * k[1]) / 16 - 2 * k[0]), abs=1e-9)


def test_kernel_of_a_feature_with_itself_is_one() -> None:
    x = features(4)
    torch.testing.assert_close(gaussian_kernel(x, x).diagonal(), torch.ones(4).double())


def test_metric_scales_features_to_length_one() -> None:
    metric = CMMD(num_draws=4)
    x, y = features(8).float(), features(6, seed=1, shift=0.5).float()
    metric.update(x, torch.arange(8), torch.ones(8, dtype=torch.bool))
    metric.update(3 * y, torch.arange(6), torch.zeros(6, dtype=torch.bool))
    assert float(metric.compute().value) == pytest.approx(cmmd(x, y), abs=1e-6)
