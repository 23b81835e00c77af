import numpy as np
import pytest

from generation.painters.decoys import add_decoys
from generation.painters.grain import add_noise, noise_level
from generation.painters.light import relit
from generation.painters.matte import coverage
from generation.painters.push_pull import low_pass, push_pull
from generation.painters.removal import fill

RNG = np.random.default_rng(0)


def noisy(level: float, shape: tuple[int, int] = (64, 64)) -> np.ndarray:
    picture = np.full((*shape, 3), 100, np.float32)
    add_noise(picture, np.full(shape, level, np.float32), np.uint64(3))
    return picture


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (7, 4), (33, 50)])
def test_push_pull_gives_back_what_is_known_and_a_constant_everywhere(
    size: tuple[int, int],
) -> None:
    weight = (RNG.uniform(size=size) < 0.3).astype(np.float32)
    weight[0, 0] = 1
    picture = RNG.uniform(0, 255, (*size, 3)).astype(np.float32)
    filled = push_pull(picture, weight)
    np.testing.assert_array_equal(filled[weight == 1], picture[weight == 1])
    flat = push_pull(np.full((*size, 3), 7, np.float32), weight)
    np.testing.assert_allclose(flat, 7, rtol=1e-6)


def test_push_pull_rises_evenly_from_one_known_side_to_the_other() -> None:
    weight = np.zeros((64, 64), np.float32)
    weight[:, [0, -1]] = 1
    picture = np.zeros((64, 64, 1), np.float32)
    picture[:, -1] = 100
    row = push_pull(picture, weight)[32, :, 0]
    assert (np.diff(row) >= 0).all()
    np.testing.assert_allclose(row + row[::-1], 100, atol=1e-3)
    assert not push_pull(picture, 0 * weight).any()


def test_low_pass_keeps_light_and_drops_detail() -> None:
    picture = noisy(8.0)
    light = low_pass(picture, np.ones((64, 64), np.float32))
    assert light.mean() == pytest.approx(picture.mean(), abs=0.05)
    assert light.std() < 0.3 * picture.std()


def test_gap_in_a_regular_texture_is_filled_by_the_texture() -> None:
    y, x = np.mgrid[:128, :128]
    stripes = np.repeat((100 + 60 * np.sin(x * np.pi / 8))[..., None], 3, axis=2)
    stripes = stripes.astype(np.float32)
    gap = (abs(y - 64) < 14) & (abs(x - 64) < 14)
    holed = np.where(gap[..., None], 0, stripes)
    filled = fill(holed, gap, 1)
    np.testing.assert_array_equal(filled[~gap], stripes[~gap])
    smooth = push_pull(holed, 1 - gap.astype(np.float32))
    error = np.abs(filled - stripes)[gap].mean()
    assert error < 0.35 * np.abs(smooth - stripes)[gap].mean()


def test_filled_gap_has_the_grain_of_its_surroundings() -> None:
    picture = noisy(6.0, (128, 128))
    gap = np.zeros((128, 128), np.bool_)
    gap[40:90, 30:80] = True
    filled = fill(picture, gap, 1)
    assert filled[44:86, 34:76].std() == pytest.approx(6.0, rel=0.25)


def test_gap_is_filled_smoothly_where_it_is_not_looked_at_or_no_patch_is_known() -> None:
    picture = noisy(6.0)
    gap = np.ones((64, 64), np.bool_)
    gap[:2] = False
    assert fill(picture, gap, 1)[10:].std() < 3
    gap = np.zeros((64, 64), np.bool_)
    gap[20:50, 20:50] = True
    assert fill(picture, gap, 1, wanted=~gap)[24:46, 24:46].std() < 3
    assert fill(picture, 0 * gap, 1) is picture


def test_noise_level_is_that_of_the_noise_on_a_slope() -> None:
    slope = np.arange(128, dtype=np.float32)[None, :, None]
    level = noise_level(noisy(4.0, (128, 128)) + slope, np.ones((128, 128), np.float32))
    assert level == pytest.approx(4.0, rel=0.05)
    assert noise_level(noisy(4.0), np.zeros((64, 64), np.float32)) == 0


def test_decoy_on_a_slope_is_the_slope_moved_by_three_pixels_at_most() -> None:
    slope = np.tile(2 * np.arange(128, dtype=np.float32)[:, None], (128, 1, 3))
    picture = slope.copy()
    outline = np.zeros((128, 128), np.float32)
    add_decoys(picture, outline, number=1, softness=0, rng=np.random.default_rng(1))
    change = (picture - slope)[..., 0]
    moved = change[np.abs(change) > 0.01]
    assert 0.5 < np.abs(moved).max() < 6
    # one and the same shift but for the region's soft edge
    assert (np.abs(moved - np.median(moved)) < 1e-3).mean() > 0.6


def test_coverage_finds_the_edge_of_a_photo_whose_mask_is_off() -> None:
    truth = np.zeros((64, 64), np.float32)
    truth[:, 32:] = 1
    mask = np.roll(truth, 2, axis=1)
    mask[:, :4] = 0
    image = np.repeat((50 + 150 * truth)[..., None], 3, axis=2)
    back = np.full((64, 64, 3), 50, np.float32)
    found = coverage(image, mask, back, error=3)
    assert np.abs(found - truth)[:, 8:].mean() < 0.25 * np.abs(mask - truth)[:, 8:].mean()
    assert coverage(image, mask, back, error=0) is mask


def test_light_is_taken_over_in_part_and_black_stays_black() -> None:
    colour = np.full((16, 16, 3), 120, np.float32)
    colour[:4] = 0
    alpha = np.ones((16, 16), np.float32)
    dark, bright = (np.full((16, 16, 3), v, np.float32) for v in (80, 160))
    lifted = relit(colour, alpha, dark, bright)
    assert (lifted[4:] > 130).all()
    assert (lifted[4:] < 190).all()
    assert np.abs(lifted[:4]).max() < 1
    np.testing.assert_allclose(relit(colour, alpha, dark, dark), colour, atol=0.5)
