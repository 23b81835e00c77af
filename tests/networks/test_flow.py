import math

import pytest
import torch
from torch import Tensor

from networks.flow import compose, enlarge, integrate, move_points, similarity, warp
from networks.mask_editor import smooth


def field(size: int = 24, amplitude: float = 1.0, seed: int = 0) -> Tensor:
    noise = torch.randn(2, 2, size, size, generator=torch.Generator().manual_seed(seed))
    field = smooth(noise, 3.0)
    return amplitude * field / field.std()


def inside(x: Tensor, margin: int = 5) -> Tensor:
    return x[..., margin:-margin, margin:-margin]


def test_constant_velocity_moves_by_itself() -> None:
    velocity = torch.tensor([1.5, -0.75]).view(1, 2, 1, 1).expand(1, 2, 9, 7)
    assert torch.allclose(integrate(velocity), velocity, atol=1e-5)


def test_linear_velocity_scales_by_the_exponential() -> None:
    x = torch.arange(33.0) - 16
    velocity = torch.stack(torch.meshgrid(0.2 * x, 0 * x, indexing="xy"))[None]
    expected = (math.exp(0.2) - 1) * x
    # 2^-6 steps leave an error of second order
    assert torch.allclose(inside(integrate(velocity))[0, 0, 0], expected[5:-5], atol=0.05)


def test_negative_velocity_gives_the_inverse() -> None:
    forward, backward = integrate(field()), integrate(-field())
    assert inside(compose(forward, backward)).abs().max() < 0.1
    assert inside(forward).abs().max() > 1


def test_flow_is_one_to_one() -> None:
    moved = integrate(field(amplitude=2.0))
    across = 1 + moved[:, 0].diff(dim=2)[:, :-1]
    down = 1 + moved[:, 1].diff(dim=1)[:, :, :-1]
    determinant = (
        across * down - moved[:, 0].diff(dim=1)[:, :, :-1] * moved[:, 1].diff(dim=2)[:, :-1]
    )
    assert determinant.min() > 0


def test_zero_displacement_returns_the_picture() -> None:
    picture = torch.rand(1, 3, 5, 8)
    assert torch.allclose(warp(picture, torch.zeros(1, 2, 5, 8)), picture, atol=1e-6)


def test_whole_pixels_shift_exactly_and_the_edge_goes_on() -> None:
    picture = torch.arange(6.0).view(1, 1, 1, 6).expand(1, 1, 4, 6)
    shift = torch.tensor([2.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 4, 6)
    assert torch.allclose(
        warp(picture, shift)[0, 0, 0], torch.tensor([2.0, 3, 4, 5, 5, 5]), atol=1e-5
    )


def test_enlarged_map_is_the_same_map() -> None:
    x = torch.arange(16.0)
    linear = torch.stack(torch.meshgrid(0.1 * x, -0.05 * x, indexing="xy"))[None]
    larger = enlarge(linear, (64, 32))
    fine_x, fine_y = (torch.arange(32) + 0.5) / 2 - 0.5, (torch.arange(64) + 0.5) / 4 - 0.5
    assert torch.allclose(larger[0, 0, 20, 6:-6], 2 * 0.1 * fine_x[6:-6], atol=1e-4)
    assert torch.allclose(larger[0, 1, 12:-12, 8], -4 * 0.05 * fine_y[12:-12], atol=1e-4)


def test_points_move_like_the_enlarged_field() -> None:
    displacement = field()
    larger = enlarge(displacement, (96, 96))
    pixels = torch.tensor([[10, 20], [50, 47], [90, 3]])
    points = pixels.float()[None].expand(2, -1, -1)
    expected = points + larger[:, :, pixels[:, 1], pixels[:, 0]].transpose(1, 2)
    assert torch.allclose(move_points(points, displacement, (96, 96)), expected, atol=1e-4)


def test_mirror_maps_the_picture_to_its_mirror_image() -> None:
    picture = torch.rand(1, 1, 7, 10)
    one = torch.ones(1)
    mirror = similarity(0 * one, one, torch.zeros(1, 2), one.bool(), size=(7, 10))
    assert torch.allclose(warp(picture, mirror), picture.flip(3), atol=1e-5)


@pytest.mark.parametrize("angle", [0.0, math.pi / 2, -math.pi / 2])
def test_quarter_turns_are_those_of_torch(angle: float) -> None:
    picture = torch.rand(1, 1, 9, 9)
    one = torch.ones(1)
    turn = similarity(angle * one, one, torch.zeros(1, 2), ~one.bool(), size=(9, 9))
    expected = torch.rot90(picture, round(angle / (math.pi / 2)), (2, 3))
    assert torch.allclose(warp(picture, turn), expected, atol=1e-4)
