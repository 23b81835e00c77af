"""Validate on photos of any size with a vocabulary of any length, in bounded memory.

Letters: B samples; H, W the batch's size; V classes of a vocabulary; h, w patches.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from datamodules.batch import Batch

_LONGEST = 4
"""Long sides, in short ones, that a photo keeps: a panorama would have tokens without end."""
_VALUES_AT_ONCE = 2**25
"""Of enlarged logits: 128 MB, where all 1,203 maps of LVIS at 12 megapixels are 58 GB."""


def brought_to(batch: Batch, short_side: int) -> Batch:
    """Return a batch of floats whose images, masks and weights are not larger than this.

    Smaller ones stay as they are. Labels and weights are those of the nearest pixel.

    Args:
        batch: Label maps. Counterfactuals are left out.
        short_side: In pixels; the long side is at most four times that.
    """
    size = batch.image.shape[-2], batch.image.shape[-1]
    scale = min(short_side / min(size), _LONGEST * short_side / max(size))
    if scale >= 1:
        return replace(batch, counterfactual=None)
    smaller = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    image = F.interpolate(batch.image, smaller, mode="bilinear", antialias=True)
    rows, columns = (
        ((torch.arange(new, device=image.device) + 0.5) * (old / new)).long()
        for new, old in zip(smaller, size, strict=True)
    )
    return replace(
        batch,
        image=image.clamp(0, 1),
        mask=batch.mask[:, rows[:, None], columns],
        weight=batch.weight[:, :, rows[:, None], columns],
        counterfactual=None,
    )


def best_class(logits: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return each pixel's best score and its class, ``(H, W)`` float in [0, 1] and long.

    The logits are enlarged (bilinear) some classes after the other; of equal scores the first
    class wins.

    Args:
        logits: ``(V, h, w)`` float of one image.
        size: (H, W).
    """
    at_once = max(1, _VALUES_AT_ONCE // (size[0] * size[1]))
    best = torch.full(size, -torch.inf, device=logits.device)
    label = torch.zeros(size, dtype=torch.long, device=logits.device)
    for first in range(0, len(logits), at_once):
        some = logits[None, first : first + at_once].float()
        found, place = F.interpolate(some, size, mode="bilinear", align_corners=False)[0].max(0)
        is_better = found > best
        best = torch.where(is_better, found, best)
        label = torch.where(is_better, place + first, label)
    return best.sigmoid(), label
