"""Resampling: exact where it can be, and as good as a supersampled warp elsewhere."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from datamodules.sample import MaskKind, Provenance, Sample
from generation.edits.diffeomorphism import Diffeomorphism
from generation.edits.edit import WarpEdit
from generation.edits.view_change import ViewChange
from generation.edits.warp import Warp, apply
from generation.procedural import ProceduralScenes
from metrics.skeleton import skeleton
from metrics.struts import skeleton_length, strut_width

SCENES = ProceduralScenes(size=768)


def sample_of(mask: np.ndarray) -> Sample:
    return Sample(
        id="made",
        image=torch.from_numpy(np.repeat(mask[None], 3, axis=0)),
        mask=torch.from_numpy(mask),
        mask_kind=MaskKind.ALPHA,
        class_names=("thing",),
        provenance=Provenance(source="folder"),
    )


def warp_of(x: np.ndarray, y: np.ndarray) -> Warp:
    grid = np.stack(np.broadcast_arrays(x, y), axis=2).astype(np.float32)
    return Warp(grid=grid, visible=np.ones(grid.shape[:2], np.bool_))


def places(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:height, :width].astype(float)
    return x, y


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(-5, 5), st.integers(-5, 5))
def test_whole_shifts_move_pixels_and_repeat_the_border(
    height: int, width: int, right: int, down: int
) -> None:
    plane = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    x, y = places(height, width)
    moved = apply(plane, warp_of(x + right, y + down))
    rows = (np.arange(height) + down).clip(0, height - 1)
    columns = (np.arange(width) + right).clip(0, width - 1)
    np.testing.assert_array_equal(moved, plane[np.ix_(rows, columns)])


def test_straight_soft_edges_are_read_exactly_between_pixels() -> None:
    # cubic interpolation reproduces a linear ramp; OpenCV's steps of 1/32 pixel would not
    ramp = np.tile(np.arange(40, dtype=np.uint8) * 6, (9, 1))
    x, y = places(9, 40)
    moved = apply(ramp, warp_of(x + 0.26, y + 0.41))
    expected = np.floor((x + 0.26) * 6 + 0.5)
    np.testing.assert_array_equal(moved[:, 2:-3], expected[:, 2:-3])


def test_values_agree_with_an_independent_cubic_of_scipy_within_its_own_kernel() -> None:
    # SciPy interpolates by splines, another cubic: both follow a smooth picture
    y, x = np.mgrid[:40, :50]
    smooth = (127 + 100 * np.sin(x / 6) * np.cos(y / 7)).round().astype(np.uint8)
    at_x, at_y = x + 0.37 + 0.1 * np.sin(y), y - 0.21
    moved = apply(smooth, warp_of(at_x, at_y)).astype(float)
    expected = ndimage.map_coordinates(smooth.astype(float), [at_y, at_x], mode="nearest")
    assert np.abs(moved - expected)[3:-3, 3:-3].max() < 1.5


def test_mean_is_kept_where_the_picture_shrinks() -> None:
    lines = np.zeros((60, 60), np.uint8)
    lines[:, ::4] = 255
    x, y = places(20, 20)
    moved = apply(lines, warp_of(3 * x + 1, 3 * y + 1))
    assert moved.mean() == pytest.approx(lines.mean(), rel=0.03)
    assert moved.std() < 60  # a point per pixel would give 0 or 255: 110


@pytest.mark.parametrize("edit", [Diffeomorphism(), ViewChange()])
@pytest.mark.parametrize("index", [3, 4, 6, 7, 8])
def test_thin_struts_and_soft_edges_are_those_of_a_supersampled_warp(
    edit: WarpEdit, index: int
) -> None:
    fine = SCENES.sample(SCENES.spec("train", index)).mask.numpy()
    coarse = pooled(fine).round().astype(np.uint8)
    warp = edit.field(sample_of(coarse), 1)
    made, expected = apply(coarse, warp), supersampled(fine, warp)
    # A mask of 192 pixels does not know where in a pixel its edge is: a fifth to a half of these
    # objects is edge. Linear interpolation, the usual choice, must lose more.
    linear = linearly(coarse, warp)
    errors = [np.abs(one - expected).sum() / expected.sum() for one in (made, linear)]
    assert errors[0] < 0.1
    assert errors[0] < 0.8 * errors[1]
    assert soft_share(expected) < soft_share(made) < soft_share(linear)
    ours, theirs = made >= 128, expected >= 128
    lengths = [skeleton_length(skeleton(one)) for one in (ours, theirs, linear >= 128)]
    gaps = [abs(length / lengths[1] - 1) for length in lengths]
    assert gaps[0] < 0.12  # spokes thinner than a pixel; struts of three pixels .03
    assert gaps[0] < gaps[2] + 0.005
    assert strut_width(ours).thin == pytest.approx(strut_width(theirs).thin, abs=0.9)
    assert strut_width(ours).median == pytest.approx(strut_width(theirs).median, abs=0.9)


def soft_share(mask: np.ndarray) -> float:
    return float(((mask > 12) & (mask < 243)).sum() / (mask > 127).sum())


def linearly(mask: np.ndarray, warp: Warp) -> np.ndarray:
    points = [warp.grid[..., k].astype(float) for k in (1, 0)]
    return ndimage.map_coordinates(mask.astype(float), points, order=1, mode="nearest")


def pooled(fine: np.ndarray) -> np.ndarray:
    height, width = fine.shape
    return fine.reshape(height // 4, 4, width // 4, 4).mean(axis=(1, 3))


def supersampled(fine: np.ndarray, warp: Warp) -> np.ndarray:
    """Warp the mask that was drawn 4 times as large, and only then reduce it."""
    y, x = np.mgrid[: fine.shape[0], : fine.shape[1]]
    at = [(y + 0.5) / 4 - 0.5, (x + 0.5) / 4 - 0.5]
    points = [
        (ndimage.map_coordinates(plane.astype(float), at, order=1, mode="nearest") + 0.5) * 4 - 0.5
        for plane in (warp.grid[..., 1], warp.grid[..., 0])
    ]
    read = ndimage.map_coordinates(fine.astype(float), points, order=1, mode="nearest")
    return pooled(read)
