"""Maps of tiles, and how they sharpen the map of the whole photo."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from lightningmodules.tiled_refinement import refined, tile_batch, tiled_map, transition


def enlarged(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x[None], size, mode="bilinear", align_corners=False)[0]


def half_plane(side: int, left: int) -> Tensor:
    """White from a column on."""
    return (torch.arange(side) >= left).float().expand(1, side, side).contiguous()


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@settings(max_examples=25)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 20), st.integers(0, 20))
def test_network_of_single_pixels_sees_the_same_in_tiles(
    height: int, width: int, below: int, right: int
) -> None:
    photo = (noise(3, height + below, width + right) * 255).to(torch.uint8)
    found = tiled_map(lambda tiles: tiles[:, :1], photo, (height, width), 2)
    torch.testing.assert_close(found, photo[:1] / 255)


def test_tiles_of_different_opinion_leave_no_seam() -> None:
    side = 32
    photo = (noise(3, 2 * side, 2 * side) * 255).to(torch.uint8)
    opinions: list[float] = []

    def opinion(tiles: Tensor) -> Tensor:
        """One value a tile: where two tiles met edge to edge, the map would jump by up to 1."""
        values = torch.tensor([float((len(opinions) + i) % 2) for i in range(len(tiles))])
        opinions.extend(values.tolist())
        return values.view(-1, 1, 1, 1).expand(-1, 1, side, side)

    found = tiled_map(opinion, photo, (side, side), 4)[0]
    steps = max(float(found.diff(dim=axis).abs().max()) for axis in (0, 1))
    assert {0.0, 1.0} == set(opinions)
    assert len(opinions) == 9
    assert steps <= 2 / side + 1e-6  # of a ramp over half a tile


def test_border_is_where_the_tiles_have_it() -> None:
    whole, tiled = half_plane(16, 8), half_plane(64, 34)
    assert torch.equal(refined(whole, tiled), tiled[0])


def test_object_that_tiles_alone_see_is_left_out() -> None:
    whole, tiled = half_plane(16, 8), half_plane(64, 32)
    tiled[:, 20:40, 2:12] = 1  # far from the border
    assert torch.equal(refined(whole, tiled), half_plane(64, 32)[0])


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_flat_map_stays_whatever_the_tiles_say(value: float) -> None:
    whole = torch.full((1, 9, 7), value)
    torch.testing.assert_close(refined(whole, noise(1, 18, 13)), torch.full((18, 13), value))


@settings(max_examples=25)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 20), st.integers(0, 20))
def test_result_lies_between_the_two_maps(height: int, width: int, below: int, right: int) -> None:
    size = (height + below, width + right)
    whole, tiled = noise(1, height, width), noise(1, *size).flip(2)
    known = enlarged(whole, size)
    found = refined(whole, tiled)
    assert (found <= torch.maximum(known, tiled)[0] + 1e-6).all()
    assert (found >= torch.minimum(known, tiled)[0] - 1e-6).all()


def test_transition_is_two_pixels_of_the_network_to_both_sides() -> None:
    row = transition(half_plane(16, 8))[0, 5]
    assert (row == 1).nonzero().flatten().tolist() == [7, 8]  # smoothed at both ends
    assert (row > 0).nonzero().flatten().tolist() == list(range(5, 11))


def test_tiles_as_a_batch_have_one_of_everything_each() -> None:
    batch = tile_batch(noise(3, 3, 4, 5))
    assert len(batch) == 3
    assert batch.mask.shape == (3, 1, 4, 5)
    assert batch.size == [(4, 5)] * 3
