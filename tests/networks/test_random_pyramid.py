"""The random extractor is the same on every machine and sees shape at any size."""

import pytest
import torch
from torch import Tensor

from networks.features import weights_hash
from networks.random_pyramid import RandomPyramid


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_weights_are_the_recorded_ones() -> None:
    # integers and correctly rounded roots: no machine and no release of torch may differ
    assert weights_hash(RandomPyramid()) == "d55aaf24ce936a24"


def test_seed_decides_the_weights() -> None:
    assert weights_hash(RandomPyramid(1)) != weights_hash(RandomPyramid())


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (128, 64)])
def test_feature_has_one_length_at_any_size(size: tuple[int, int]) -> None:
    features = RandomPyramid()(noise(2, 3, *size))
    assert features.shape == (2, 992)
    assert features.isfinite().all()


def test_filters_sum_to_zero_over_each_channel_and_have_length_two() -> None:
    for filters in RandomPyramid().filters:
        torch.testing.assert_close(filters.sum((2, 3)), torch.zeros(filters.shape[:2]))
        torch.testing.assert_close(
            filters.flatten(1).norm(dim=1), torch.full(filters.shape[:1], 2.0)
        )


def test_brightness_alone_changes_nothing() -> None:
    net, x = RandomPyramid(), noise(1, 3, 32, 32)
    torch.testing.assert_close(net(x + 0.25), net(x), atol=1e-4, rtol=1e-4)


def test_recorded_features() -> None:
    ramp = torch.arange(32 * 32).view(1, 1, 32, 32).expand(1, 3, 32, 32) / 1024
    features = RandomPyramid()(ramp)
    assert float(features.mean()) == pytest.approx(1.036143, rel=1e-5)
    assert float(features.std()) == pytest.approx(0.06306957, rel=1e-5)


def test_an_image_too_small_for_the_scales_is_refused() -> None:
    with pytest.raises(ValueError, match="give at least 32x32"):
        RandomPyramid()(noise(1, 3, 31, 40))


def test_gradient_reaches_the_image() -> None:
    x = noise(1, 3, 32, 32).requires_grad_()
    RandomPyramid()(x).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_feature_of_a_blank_image_is_one() -> None:
    torch.testing.assert_close(
        RandomPyramid()(torch.full((1, 3, 40, 32), 0.7)), torch.ones(1, 992), atol=1e-4, rtol=0
    )
