"""How well a fresh network tells edited masks from real ones that it has never seen."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

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
_ROLES = ((0, 1, 2, 3), (1, 0, 2, 3), (2, 3, 0, 1), (3, 2, 0, 1))
"""Quarters: trained on as edits, trained on as they are, and two tested on."""


class TwoSample(NamedTuple):
    """Areas under the ROC curve of several networks."""

    auc: float
    """Their mean, .5 where edits cannot be told from real masks."""
    spread: float
    """Their standard deviation."""


def two_sample(sources: Sequence[Pixels], edits: Sequence[Sequence[Pixels]]) -> TwoSample:
    """Return how well edits and real masks are told apart on sources that no network has seen.

    A classifier two-sample test (Lopez-Paz and Oquab, ICLR 2017). The sources are dealt into four
    quarters. A network learns from the edits of one and the masks of another, and is tested on the
    edits of the other two against their own sources; so for the other roles of the quarters. What
    a network has learned about the quarters themselves thereby counts for nothing, and unedited
    masks get .5 whatever it has learned. All masks are cut at a half, squeezed to 96 px, blurred
    by a pixel, and moved by a small random similarity, so that shape alone tells.

    Args:
        sources: Masks, 0 to 255, at least 4.
        edits: Of each source one or more.
    """
    real = [_planes(sources[k::4]) for k in range(4)]
    fake = [_planes(list(chain.from_iterable(edits[k::4]))) for k in range(4)]
    found = [
        _auc(
            _trained(fake[a], real[b]), torch.cat([fake[c], fake[d]]), torch.cat([real[c], real[d]])
        )
        for a, b, c, d in _ROLES
    ]
    return TwoSample(float(np.mean(found)), float(np.std(found, ddof=1)))


def _trained(fake: Tensor, real: Tensor) -> MaskDiscriminator:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)  # of the network's first weights
    net = MaskDiscriminator(24)
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-4, betas=(0.5, 0.999))
    signs = torch.tensor([1.0, -1.0]).repeat_interleave(_BATCH)[:, None]
    for _ in range(_STEPS):
        drawn = [
            x[torch.randint(len(x), (_BATCH,), generator=generator)].contiguous()
            for x in (fake, real)
        ]
        loss = F.softplus(signs * net(_seen(torch.cat(drawn), generator))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


@torch.no_grad()
def _auc(net: MaskDiscriminator, fake: Tensor, real: Tensor) -> float:
    # one stream of views each, so that equal sets get equal scores
    of_fake, of_real = (_scores(net, x, torch.Generator().manual_seed(1)) for x in (fake, real))
    above = (of_real[:, None] > of_fake).float() + 0.5 * (of_real[:, None] == of_fake)
    return float(above.mean())


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
