"""Soft pictures of masks at a model's size, made crisp masks at the size of a photo."""

import torch
from torch import Tensor
from torch.nn import functional as F

_LEAST_SLOPE = 1e-3  # per pixel; flatter places are no edge, and keep the side that they are on


def crisp_mask(soft: Tensor, size: tuple[int, int], *, threshold: float = 0.5) -> Tensor:
    """Return masks whose edges are one pixel wide, whatever they are enlarged by.

    The soft picture is enlarged by a bicubic filter; its outline is where it crosses `threshold`,
    to a fraction of a pixel. Near it, (picture - threshold) / slope is the distance to it in
    pixels, and distance + 1/2, cut to [0, 1], how much of a pixel it covers. To shrink, this is
    done at the larger size and averaged. A mask without soft edges comes back as it was.

    Args:
        soft: ``(B, 1, h, w)`` float in [0, 1] or a little beyond.
        size: Height and width of the result.
        threshold: Value of the outline, in (0, 1).

    Returns:
        ``(B, 1, H, W)`` float in [0, 1].
    """
    height, width = max(size[0], soft.shape[2]), max(size[1], soft.shape[3])
    large = F.interpolate(soft.float(), size=(height, width), mode="bicubic", align_corners=False)
    above = large - threshold
    # along the steeper axis: the length of both together would round the corners of solid masks
    slope = torch.maximum(_slope(large, 2), _slope(large, 3))
    covered = (above / slope.clamp_min(_LEAST_SLOPE) + 0.5).clamp(0, 1)
    return F.adaptive_avg_pool2d(covered, size)


def _slope(picture: Tensor, axis: int) -> Tensor:
    """Return the change per pixel along an axis, the larger of that to either side.

    A central difference would halve the slope of an edge that is a single step.
    """
    if picture.shape[axis] == 1:
        return torch.zeros_like(picture)
    steps = picture.diff(dim=axis).abs()
    last = steps.shape[axis] - 1
    before = torch.cat([steps.narrow(axis, 0, 1), steps], axis)
    after = torch.cat([steps, steps.narrow(axis, last, 1)], axis)
    return torch.maximum(before, after)
