import pytest
import torch
from torch.nn import functional as F

from networks.matrix_forms import filter_frequencies, frequencies, mean_pool

SIZES = [(1, 1), (1, 6), (7, 5), (16, 12), (13, 31)]


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_frequencies_are_those_of_torch(count: int) -> None:
    assert torch.equal(frequencies(count, torch.zeros(1)), torch.fft.fftfreq(count))


@pytest.mark.parametrize("size", SIZES)
def test_filtering_equals_the_fast_transform(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2, 1, *size, generator=generator)
    rows, columns = (torch.fft.fftfreq(n) for n in size)
    radius = torch.hypot(rows[:, None], columns[None])
    response = torch.stack([radius, torch.exp(-radius), torch.ones_like(radius)])
    half = response[..., : size[1] // 2 + 1]
    expected = torch.fft.irfft2(torch.fft.rfft2(x) * half, s=size)
    found = filter_frequencies(x, response)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("parts", [(1, 1), (2, 3), (5, 4)])
@pytest.mark.parametrize("size", [(5, 4), (7, 9), (16, 12)])
def test_pooling_equals_that_of_torch(size: tuple[int, int], parts: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(mean_pool(x, parts), F.adaptive_avg_pool2d(x, parts))
