"""Smooth maps of the plane as displacements on a grid: integrated, composed, applied.

A displacement ``u`` says for each cell at ``x`` that the map takes it to ``x + u(x)``. Values are
in cells of its own grid, channel 0 to the right and channel 1 down; (0, 0) is the centre of the
first cell. Letters: B samples; C channels; H, W and h, w sizes of grids; N points.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def integrate(velocity: Tensor, num_squarings: int = 6) -> Tensor:
    """Return the displacement after unit time along a stationary velocity field.

    Scaling and squaring (Arsigny et al., "A log-Euclidean framework for statistics on
    diffeomorphisms", MICCAI 2006): a step of ``2^-n`` is composed with itself n times. Smooth
    fields give invertible maps, and the negative field gives the inverse, so no part or hole is
    made or lost.

    Args:
        velocity: ``(B, 2, h, w)`` float, cells per unit time.
        num_squarings: n. With 6, an error of order ``|v|^2 / 64`` cells is left.

    Returns:
        ``(B, 2, h, w)`` float.
    """
    displacement = velocity / 2**num_squarings
    for _ in range(num_squarings):
        displacement = compose(displacement, displacement)
    return displacement


def compose(outer: Tensor, inner: Tensor) -> Tensor:
    """Return the displacement of ``outer(inner(x))``, both ``(B, 2, h, w)`` on one grid.

    A picture that is warped by `outer` and then by `inner` is the picture warped by the result.
    """
    return inner + warp(outer, inner)


def warp(picture: Tensor, displacement: Tensor) -> Tensor:
    """Return ``picture(x + u(x))``, bilinear; beyond the frame its edge goes on.

    Args:
        picture: ``(B, C, h, w)`` float.
        displacement: ``(B, 2, h, w)`` float: where each pixel of the result comes from, as seen
            from it (a backward map).
    """
    height, width = picture.shape[-2:]
    x = torch.arange(width, dtype=displacement.dtype, device=displacement.device)
    y = torch.arange(height, dtype=displacement.dtype, device=displacement.device)
    at_x = (2 * (displacement[:, 0] + x) + 1) / width - 1
    at_y = (2 * (displacement[:, 1] + y[:, None]) + 1) / height - 1
    at = torch.stack([at_x, at_y], dim=-1)
    return F.grid_sample(picture, at, padding_mode="border", align_corners=False)


def enlarge(displacement: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the displacement of the same map on another grid over the same frame.

    Cells are the coefficients of a cubic B-spline: it is smooth to the second derivative, so that
    contours do not kink where cells meet, it never overshoots, and linear maps stay what they are.

    Args:
        displacement: ``(B, 2, h, w)`` float in its own cells.
        size: (H, W) of the other grid.

    Returns:
        ``(B, 2, H, W)`` float in cells of the other grid.
    """
    height, width = size
    centres = ((torch.arange(n, device=displacement.device) + 0.5) / n for n in size)
    down, across = (
        _spline(at.to(displacement.dtype), cells)
        for at, cells in zip(centres, displacement.shape[-2:], strict=True)
    )
    padded = F.pad(displacement, (_BEYOND,) * 4, mode="replicate")
    return (down @ padded @ across.T) * _ratio(displacement, (height, width))


def move_points(points: Tensor, displacement: Tensor, size: tuple[int, int]) -> Tensor:
    """Return points moved by a map, as `enlarge` moves the pixels under them.

    Args:
        points: ``(B, N, 2)`` float xy in pixels of a picture of `size`.
        displacement: ``(B, 2, h, w)`` float in its own cells, over the same frame.
        size: (H, W) that points are in.

    Returns:
        ``(B, N, 2)`` float xy, with gradients into the map.
    """
    height, width = size
    across = _spline((points[..., 0] + 0.5) / width, displacement.shape[3])
    down = _spline((points[..., 1] + 0.5) / height, displacement.shape[2])
    padded = F.pad(displacement, (_BEYOND,) * 4, mode="replicate")
    moved = torch.einsum("bnh,bchw,bnw->bnc", down, padded, across)
    return points + moved * _ratio(displacement, size).view(2)


def similarity(
    angle: Tensor, scale: Tensor, shift: Tensor, is_flipped: Tensor, *, size: tuple[int, int]
) -> Tensor:
    """Return the displacement of similarities about the middle of the frame.

    Args:
        angle: ``(B,)`` float, radians.
        scale: ``(B,)`` float, above 0.
        shift: ``(B, 2)`` float xy, pixels.
        is_flipped: ``(B,)`` bool, mirrored left to right first.
        size: (H, W).

    Returns:
        ``(B, 2, H, W)`` float.
    """
    height, width = size
    x = torch.arange(width, device=angle.device) - (width - 1) / 2
    y = (torch.arange(height, device=angle.device) - (height - 1) / 2)[:, None]
    cosine, sine = ((scale * f(angle)).view(-1, 1, 1) for f in (torch.cos, torch.sin))
    sign = (1.0 - 2.0 * is_flipped.to(angle.dtype)).view(-1, 1, 1)
    moved_x = sign * (cosine * x - sine * y) + shift[:, 0].view(-1, 1, 1)
    moved_y = sine * x + cosine * y + shift[:, 1].view(-1, 1, 1)
    return torch.stack([moved_x - x, moved_y - y], dim=1)


def _ratio(displacement: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = displacement.shape[-2:]
    return displacement.new_tensor((size[1] / width, size[0] / height)).view(1, 2, 1, 1)


_BEYOND = 2
"""Cells beyond the frame that a spline at its border depends on."""


def _spline(at: Tensor, cells: int) -> Tensor:
    """Return the weight of each cell in the cubic B-spline at places in the frame.

    Args:
        at: ``(...)`` float in [0, 1].
        cells: Along this axis.

    Returns:
        ``(..., cells + 4)`` float that sums to 1, two cells before the first one included.
    """
    nodes = torch.arange(-_BEYOND, cells + _BEYOND, dtype=at.dtype, device=at.device)
    apart = (at[..., None] * cells - 0.5 - nodes).abs()
    near = (4 - 6 * apart.square() + 3 * apart**3) / 6
    far = (2 - apart).clamp_min(0) ** 3 / 6
    return torch.where(apart < 1, near, far)
