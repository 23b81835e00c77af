from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from generation.edits.diffeomorphism import MAX_SLOPE, Diffeomorphism
from generation.edits.extent import extent_of
from generation.edits.flow import followed, noise
from generation.procedural import ProceduralScenes
from metrics.topology import betti_numbers

SCENES = ProceduralScenes(size=96)


def determinants(grid: np.ndarray) -> np.ndarray:
    """Signed areas of the cells that the pixels' centres form, by both of their triangles."""
    grid = grid.astype(float)
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]

    def area(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        u, v = q - p, r - p
        return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]

    return np.minimum(
        np.minimum(area(a, b, c), area(a, c, d)), np.minimum(area(a, b, d), area(b, c, d))
    )


STRENGTHS = [
    (share * MAX_SLOPE * scale, scale)
    for scale in (0.1, 0.2, 0.4, 0.8, 2.0)
    for share in (0.25, 0.5, 1.0)
]


@pytest.mark.parametrize(("strength", "scale"), STRENGTHS)
def test_jacobian_is_positive_everywhere(strength: float, scale: float) -> None:
    edit = Diffeomorphism(strength, scale)
    for index in range(4):
        sample = SCENES.sample(SCENES.spec("train", index))
        for seed in range(4):
            assert determinants(edit.field(sample, seed).grid).min() > 0.02


@pytest.mark.slow
@pytest.mark.parametrize(("strength", "scale"), STRENGTHS)
def test_jacobian_is_positive_everywhere_over_many_draws(strength: float, scale: float) -> None:
    edit = Diffeomorphism(strength, scale)
    for index in range(48):
        sample = SCENES.sample(SCENES.spec("train", index))
        for seed in range(7):
            assert determinants(edit.field(sample, 1000 * index + seed).grid).min() > 0


def test_following_the_negative_velocity_leads_back() -> None:
    velocity = 8 * np.moveaxis(ndimage.gaussian_filter(noise(0), (0, 4, 4)), 0, -1)
    velocity *= np.outer(np.hanning(64), np.hanning(64))[..., None]
    there, back = followed(velocity), followed(-velocity)
    y, x = np.mgrid[:64, :64]
    at = [y + there[..., 1], x + there[..., 0]]
    returned = np.stack([ndimage.map_coordinates(back[..., k], at, order=1) for k in (0, 1)], 2)
    assert np.abs(there).max() > 0.5
    assert np.abs(there + returned).max() < 0.03


def test_following_a_uniform_velocity_shifts_by_it() -> None:
    velocity = np.tile([0.5, -0.25], (32, 32, 1))
    np.testing.assert_allclose(followed(velocity)[4:-4, 4:-4], velocity[4:-4, 4:-4], atol=1e-12)


def test_noise_has_no_mean_unit_variance_and_bounds() -> None:
    values = np.concatenate([noise(seed).ravel() for seed in range(8)])
    assert abs(values.mean()) < 0.02
    assert values.var() == pytest.approx(1, abs=0.02)
    assert np.abs(values).max() < 3


@pytest.mark.parametrize("strength", [0.02, 0.05])
def test_mean_displacement_is_the_strength_in_object_sizes(strength: float) -> None:
    ratios = []
    for index in range(8):
        sample = SCENES.sample(SCENES.spec("train", index))
        mask = sample.mask.numpy()
        y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
        grid = Diffeomorphism(strength, 0.4).field(sample, index).grid
        moved = np.hypot(grid[..., 0] - x, grid[..., 1] - y)
        ratios.append((moved * mask).sum() / mask.sum() / extent_of(mask).size)
    assert np.mean(ratios) == pytest.approx(strength, rel=0.12)


def test_border_of_the_picture_stays() -> None:
    sample = SCENES.sample(SCENES.spec("train", 2))
    grid = Diffeomorphism(0.08, 0.4).field(sample, 0).grid
    assert np.abs(grid[:, 0, 0]).max() < 0.15
    assert np.abs(grid[-1, :, 1] - 95).max() < 0.15


def test_parts_and_holes_stay() -> None:
    # 4 x 3 holes of 11 pixels between bars of 8 pixels, and a part apart
    bars = np.zeros((120, 120), np.uint8)
    bars[15:99, 15:80] = 255
    for top in range(23, 90, 19):
        for left in range(23, 70, 19):
            bars[top : top + 11, left : left + 11] = 0
    bars[40:60, 92:100] = 255
    sample = replace(
        SCENES.sample(SCENES.spec("train", 0)),
        image=torch.zeros((3, 120, 120), dtype=torch.uint8),
        mask=torch.from_numpy(bars),
    )
    assert betti_numbers(bars > 127) == (2, 12)
    for seed in range(20):
        for edit in (Diffeomorphism(), Diffeomorphism(0.03, 0.2), Diffeomorphism(0.04, 1.0)):
            made = edit(sample, seed).mask.numpy() > 127
            assert betti_numbers(made, speck_share=0) == (2, 12), (seed, edit.strength)


@pytest.mark.parametrize(
    ("strength", "scale", "name"),
    [(0.0, 0.4, "strength"), (0.081, 0.4, "0.08"), (-1, 1, "strength"), (0.01, 0.05, "scale")],
)
def test_impossible_strengths_and_scales_are_refused(
    strength: float, scale: float, name: str
) -> None:
    with pytest.raises(ValueError, match=name):
        Diffeomorphism(strength, scale)
