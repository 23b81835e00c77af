import pytest
import torch
from torch import Tensor

from networks.fp_dis import FPDIS, FrequencyPrior
from tests.networks.official import randn


def small() -> FPDIS:
    return FPDIS("resnet18", channels=8, num_groups=2, num_filters=2)


def wave(period: int, size: int = 64) -> Tensor:
    x = torch.cos(2 * torch.pi * torch.arange(size) / period)
    return x.expand(1, 3, size, size).contiguous()


@pytest.mark.parametrize("size", [(64, 64), (97, 65), (1, 7), (1, 1)])
def test_any_size_has_a_map_for_each_scale(size: tuple[int, int]) -> None:
    with torch.no_grad():
        logits = small().eval()(randn(2, 3, *size)).logits
    height, width = size
    for x in logits:
        height, width = (height + 1) // 2, (width + 1) // 2
        assert x.shape == (2, 1, height, width)
        assert x.isfinite().all()
    assert len(logits) == 5


def test_every_parameter_has_a_gradient() -> None:
    net = small()
    torch.stack([x.square().mean() for x in net(randn(2, 3, 67, 71)).logits]).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_fixed_filter_takes_brightness_away_and_leaves_the_finest_waves() -> None:
    prior = FrequencyPrior(2)
    flat, coarse, fine = [
        prior(x)[0, 0].abs().max().item() for x in (torch.ones(1, 3, 64, 64), wave(64), wave(2))
    ]
    assert flat == pytest.approx(0, abs=1e-6)
    assert coarse < 0.02
    assert fine == pytest.approx(1, abs=1e-3)


def test_filters_weigh_a_wave_by_its_frequency_alone() -> None:
    prior = FrequencyPrior(3)
    small_image, large_image = [prior(wave(8, size)) for size in (64, 128)]
    # every size holds whole periods, so the responses are the same
    torch.testing.assert_close(large_image[:, :, :64, :64], small_image, rtol=1e-4, atol=1e-5)


def test_learnable_filters_begin_as_bands() -> None:
    prior = FrequencyPrior(2)
    low, high = prior(wave(32))[0, 1:].abs().amax((1, 2)), prior(wave(2))[0, 1:].abs().amax((1, 2))
    assert low[0] > 3 * low[1]
    assert high[1] > 3 * high[0]


def test_prior_of_half_precision_is_that_of_float32() -> None:
    prior = FrequencyPrior(2)
    image = randn(1, 3, 12, 20)
    half = prior(image.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), prior(image), rtol=0.05, atol=0.05)


def test_channels_that_groups_cannot_share_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of num_groups 3"):
        FPDIS("resnet18", channels=8, num_groups=3)
