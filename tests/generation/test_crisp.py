import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from generation.edits.crisp import crisp_mask


def disc(size: int, radius: float) -> Tensor:
    """Exact to 1/256 pixel: the mean of 16 x 16 points a pixel."""
    at = (torch.arange(size * 16) + 0.5) / 16 - size / 2
    inside = (torch.hypot(at[:, None], at[None]) <= radius).float()
    return F.avg_pool2d(inside[None, None], 16)


def test_solid_mask_at_its_own_size_stays_as_it_is() -> None:
    mask = (torch.rand(2, 1, 13, 17, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    assert torch.equal(crisp_mask(mask, (13, 17)), mask)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_empty_and_full_masks_stay_so_at_every_size(value: float) -> None:
    for size in ((1, 1), (5, 31), (64, 64)):
        found = crisp_mask(torch.full((1, 1, 8, 8), value), size)
        assert torch.equal(found, torch.full((1, 1, *size), value))


def test_enlarged_disc_is_the_larger_disc_with_edges_of_a_pixel() -> None:
    found = crisp_mask(disc(32, 9.3), (256, 256))
    exact = disc(256, 8 * 9.3)
    assert float((found - exact).abs().mean()) < 0.003
    soft = float(((found > 0.01) & (found < 0.99)).float().sum())
    assert soft < 1.5 * float(((exact > 0.01) & (exact < 0.99)).float().sum())


def test_shrunk_disc_keeps_its_coverage() -> None:
    found = crisp_mask(disc(128, 40), (31, 31))
    torch.testing.assert_close(found.mean(), disc(128, 40).mean(), rtol=0.01, atol=0)


def test_lower_threshold_grows_the_object() -> None:
    soft = F.avg_pool2d(disc(64, 20), 9, 1, 4)
    wide, narrow = (crisp_mask(soft, (64, 64), threshold=t).sum() for t in (0.1, 0.5))
    assert wide > narrow
