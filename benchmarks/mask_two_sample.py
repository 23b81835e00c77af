"""How well a fresh network tells edited masks from real ones that it has never seen."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from networks.flow import similarity, warp
from networks.mask_discriminator import MaskDiscriminator
from networks.mask_editor import smooth

Pixels = NDArray[np.uint8]

_SIZE = 96
_STEPS = 60
_BATCH = 16


def two_sample_auc(
    edits: Sequence[Pixels],
    real: Sequence[Pixels],
    held_out_edits: Sequence[Pixels],
    held_out_real: Sequence[Pixels],
) -> float:
    """Return the area under the ROC curve on held-out masks, .5 where they cannot be told apart.

    A classifier two-sample test (Lopez-Paz and Oquab, ICLR 2017). All masks are cut at a half,
    squeezed to 96 px, blurred by a pixel, and moved by a small random similarity, so that shape
    alone tells. No source of a training edit should be among the other three sets.
    """
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)  # of the network's first weights
    net = MaskDiscriminator(24)
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-4, betas=(0.5, 0.999))
    fake, true = _planes(edits), _planes(real)
    for _ in range(_STEPS):
        drawn = [
            x[torch.randint(len(x), (_BATCH,), generator=generator)].contiguous()
            for x in (fake, true)
        ]
        logits = net(_seen(torch.cat(drawn), generator))
        signs = torch.tensor([1.0, -1.0]).repeat_interleave(_BATCH)[:, None]
        loss = F.softplus(signs * logits).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        of_fake, of_true = (
            torch.stack([_scores(net, x, generator) for _ in range(2)]).mean(0)
            for x in (_planes(held_out_edits), _planes(held_out_real))
        )
    return float((of_true[:, None] > of_fake).float().mean())


def _scores(net: MaskDiscriminator, masks: Tensor, generator: torch.Generator) -> Tensor:
    return torch.cat([net(_seen(x, generator)).mean(1) for x in masks.split(32)])


def _seen(masks: Tensor, generator: torch.Generator) -> Tensor:
    drawn = 2 * torch.rand(len(masks), 5, generator=generator) - 1
    size = (masks.shape[2], masks.shape[3])
    view = similarity(
        0.05 * drawn[:, 0],
        1 + 0.03 * drawn[:, 1],
        0.03 * _SIZE * drawn[:, 2:4],
        drawn[:, 4] > 0,
        size=size,
    )
    return smooth(warp(masks, view))


def _planes(masks: Sequence[Pixels]) -> Tensor:
    small = [
        cv2.resize(255 * (x >= 128).view(np.uint8), (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
        for x in masks
    ]
    return torch.from_numpy(np.stack(small)).float()[:, None] / 255
