"""Prompts for SAM-HQ, drawn from true masks.

Ke et al., "Segment Anything in High Quality", NeurIPS 2023: training draws a box, points or a noisy
mask at each step, the evaluation gives the box of the truth.

Letters: B samples; H, W the image's size.
"""

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor
from torch.nn import functional as F

_NUM_POINTS = 10
_REDUCTION = 8  # what a mask loses when reduced that far is where the noise goes
_LOST = 0.01
_WHITE = 255.0  # the published training gives masks in bytes' range, not as logits


class PromptKind(StrEnum):
    """What the network is told about the object."""

    BOX = "box"
    POINTS = "points"
    MASK = "mask"


@dataclass(slots=True, kw_only=True, eq=False)
class Prompts:
    """Prompts of one kind for a batch; the other fields are None."""

    boxes: Tensor | None = None
    """``(B, 1, 4)`` float: left, top, right, bottom in pixels of the image."""
    points: Tensor | None = None
    """``(B, 1, 10, 2)`` float: x and y in pixels of the image, inside the object."""
    masks: Tensor | None = None
    """``(B, 1, h, w)`` float, 0 or 255."""


def draw_prompts(mask: Tensor, mask_size: int, generator: torch.Generator) -> Prompts:
    """Return prompts of a kind drawn for the whole batch.

    Args:
        mask: ``(B, 1, H, W)`` float in [0, 1].
        mask_size: Height and width of a noisy mask.
        generator: On the CPU; all that is drawn comes from it.
    """
    kinds = list(PromptKind)
    kind = kinds[int(torch.randint(len(kinds), (), generator=generator))]
    if kind is PromptKind.BOX:
        return Prompts(boxes=boxes_of(mask))
    if kind is PromptKind.POINTS:
        return Prompts(points=draw_points(mask, generator))
    return Prompts(masks=draw_noisy_mask(mask, mask_size, generator))


def boxes_of(mask: Tensor) -> Tensor:
    """Return the box around each mask, ``(B, 1, 4)`` float: left, top, right, bottom in pixels.

    The last row and column count, not what lies behind them, as published. A mask of nothing has
    the box of the whole image.

    Args:
        mask: ``(B, 1, H, W)`` float in [0, 1]; above .5 is the object.
    """
    boxes: list[list[float]] = []
    for plane in mask[:, 0] > 0.5:
        height, width = plane.shape
        rows, columns = plane.any(1).nonzero()[:, 0], plane.any(0).nonzero()[:, 0]
        if not len(rows):
            boxes.append([0.0, 0.0, width - 1.0, height - 1.0])
            continue
        ends = (columns[0], rows[0], columns[-1], rows[-1])
        boxes.append([float(x) for x in ends])
    return torch.tensor(boxes, device=mask.device).unsqueeze(1)


def draw_points(mask: Tensor, generator: torch.Generator) -> Tensor:
    """Return ten pixels of each object, drawn with replacement, ``(B, 1, 10, 2)`` float x and y.

    Args:
        mask: ``(B, 1, H, W)`` float in [0, 1]; above .5 is the object. Of nothing: of the image.
        generator: On the CPU.
    """
    found: list[Tensor] = []
    for plane in (mask[:, 0] > 0.5).cpu():
        places = (plane if plane.any() else torch.ones_like(plane)).nonzero()
        drawn = torch.randint(len(places), (_NUM_POINTS,), generator=generator)
        found.append(places[drawn].flip(1))
    return torch.stack(found).unsqueeze(1).float().to(mask.device)


def draw_noisy_mask(mask: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Return each mask with noise around its border and in its fine parts, 0 or 255.

    Args:
        mask: ``(B, 1, H, W)`` float in [0, 1].
        size: Height and width of the result, ``(B, 1, size, size)`` float.
        generator: On the CPU.
    """
    small = F.interpolate(mask, (size, size), mode="bilinear", align_corners=False)
    side = max(size // _REDUCTION, 1)
    coarse = F.interpolate(small, (side, side), mode="bilinear", align_corners=False)
    coarse = F.interpolate(coarse, (size, size), mode="bilinear", align_corners=False)
    is_fine = (small - coarse).abs() >= _LOST
    noise = torch.randn(small.shape, generator=generator).to(small.device)
    return ((small + noise * is_fine) > 0.5).float() * _WHITE
