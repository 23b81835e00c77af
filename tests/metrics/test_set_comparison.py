"""A distance stands beside the floor of the real set, at one number of images."""

import pytest
import torch
from torch import Tensor

from metrics.kid import cubic_kernel, kid
from metrics.set_comparison import SetComparison, common_size, compare_sets


def features(num: int, *, seed: int = 0, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, 8, generator=generator) + shift


def compare(real: Tensor, generated: Tensor, *, seed: int = 0, draws: int = 20) -> SetComparison:
    return compare_sets(
        real,
        generated,
        cubic_kernel,
        unbiased=True,
        scale=1.0,
        num_draws=draws,
        generator=torch.Generator().manual_seed(seed),
    )


def test_value_is_the_distance_of_the_whole_sets() -> None:
    real, generated = features(20), features(13, seed=1)
    assert float(compare(real, generated).value) == pytest.approx(kid(real, generated))


@pytest.mark.parametrize(
    ("num_real", "num_generated", "size"), [(20, 30, 10), (21, 30, 10), (20, 3, 3), (4, 2, 2)]
)
def test_floor_and_matched_have_one_size(num_real: int, num_generated: int, size: int) -> None:
    assert common_size(num_real, num_generated) == size
    found = compare(features(num_real), features(num_generated, seed=1))
    assert (found.num_real, found.num_generated, found.size) == (num_real, num_generated, size)


def test_floor_compares_disjoint_halves() -> None:
    # All equally far from each other: every split into halves is alike, but for one with repeats
    real = torch.eye(8)[:4]
    found = compare(real, real, draws=50)
    one_of_each = [kid(real[[a, b]], real[[c, d]]) for a, b, c, d in ((0, 1, 2, 3), (0, 2, 1, 3))]
    assert float(found.floor_mean) == pytest.approx(one_of_each[0]) == pytest.approx(one_of_each[1])
    assert float(found.floor_std) == pytest.approx(0, abs=1e-12)


def test_another_distribution_lies_above_the_floor_and_the_same_one_does_not() -> None:
    real = features(80)
    same, other = (compare(real, features(80, seed=1, shift=shift)) for shift in (0.0, 1.0))
    assert other.matched_mean > other.floor_mean + 5 * other.floor_std
    assert abs(same.matched_mean - same.floor_mean) < 3 * same.floor_std


def test_draws_are_a_function_of_the_generator() -> None:
    real, generated = features(20), features(13, seed=1)
    assert compare(real, generated) == compare(real, generated)
    assert compare(real, generated).floor_mean != compare(real, generated, seed=1).floor_mean


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ValueError, match="3 real and 5 generated images are too few"):
        compare(features(3), features(5))


def test_one_draw_has_no_spread() -> None:
    with pytest.raises(ValueError, match="num_draws 1 has no spread"):
        compare(features(4), features(5), draws=1)
