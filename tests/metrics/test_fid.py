"""FID equals the general matrix root of SciPy, also where the covariances are singular."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from metrics.fid import fid


def features(num: int, dimension: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(dimension, dimension, generator=generator, dtype=torch.float64)
    drawn = torch.randn(num, dimension, generator=generator, dtype=torch.float64)
    return drawn @ mixed + seed


def by_scipy(real: Tensor, generated: Tensor) -> float:
    x, y = real.numpy(), generated.numpy()
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = sqrtm(a @ b).real
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root))


@pytest.mark.parametrize(
    ("num_real", "num_generated", "dimension"),
    [(50, 60, 8), (10, 12, 32), (200, 20, 64), (20, 200, 64), (30, 30, 30)],
)
def test_equals_scipys_root(num_real: int, num_generated: int, dimension: int) -> None:
    real, generated = features(num_real, dimension, 1), features(num_generated, dimension, 2)
    assert fid(real, generated) == pytest.approx(by_scipy(real, generated), rel=1e-6)


def test_is_the_shift_alone_for_shifted_sets() -> None:
    real = features(40, 6, 0)
    assert fid(real, real + 2) == pytest.approx(6 * 2**2)


def test_is_the_difference_of_spreads_alone_for_scaled_sets() -> None:
    real = features(40, 6, 0)
    real = real - real.mean(0)
    variance = float(real.var(0).sum())
    assert fid(real, 3 * real) == pytest.approx((3 - 1) ** 2 * variance)


def test_is_symmetric() -> None:
    real, generated = features(9, 6, 1), features(5, 6, 2)
    assert fid(real, generated) == pytest.approx(fid(generated, real), rel=1e-12)


def test_constant_features_have_no_spread() -> None:
    assert fid(torch.ones(4, 3), torch.ones(5, 3)) == 0


def test_one_image_is_refused() -> None:
    with pytest.raises(ValueError, match="1 and 5 features have no FID"):
        fid(torch.ones(1, 3), torch.ones(5, 3))
