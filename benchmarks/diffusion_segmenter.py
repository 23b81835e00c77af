"""A segmenter so small that dozens can be trained on a core: what sets of pairs are judged by.

Letters: N pairs; S their side.
"""

from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.diffusion_pairs import Pairs
from callbacks.compare_statistics import RunScores
from datamodules.atomic import write_atomically
from datamodules.seeds import generator_for, seed_for
from lightningmodules.losses.maps import bce, iou
from metrics.measures import PIXELWISE
from metrics.scores import image_scores
from networks.adapter import ImageInput

BATCH = 16
_LR = 4e-3
_DIVISOR = 32
_MOVED = 8
"""Pixels at most, along each axis."""
_LIT = 0.3
"""Change of contrast and of brightness at most: the sets are small."""
_MEASURES = PIXELWISE | {"boundary_iou"}
_KEPT = ("mae", "iou", "boundary_iou")
_LOOKED_AT = 64


class _Step(NamedTuple):
    """What an adapter of networks reads of a batch."""

    image: Tensor
    mask: Tensor


def untrained(seed: int) -> ImageInput:
    """Return a U-Net with a small encoder, its weights drawn from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "segmenter"))
        net = smp.Unet(
            encoder_name="tu-regnetx_002",
            encoder_weights=None,
            decoder_channels=(64, 48, 32, 16, 16),
            classes=1,
        )
    return ImageInput(net, divisor=_DIVISOR)


def trained(pairs: Pairs, *, seed: int, num_steps: int) -> nn.Module:
    """Return a segmenter trained on pairs, which are mirrored, moved and lit at random.

    Args:
        pairs: At least one.
        seed: Of weights and order.
        num_steps: Of a batch of `BATCH` pairs each, however many pairs there are.
    """
    net = untrained(seed).train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=_LR, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LR, total_steps=num_steps)
    generator = generator_for(seed, "order")
    for _ in range(num_steps):
        step = _drawn(pairs, generator)
        logits = F.interpolate(net(step).logits[0], step.mask.shape[2:], mode="bilinear")
        weight = torch.ones_like(step.mask)
        loss = bce(logits, step.mask, weight) + iou(logits, step.mask, weight)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def maps_of(net: nn.Module, images: Tensor) -> Tensor:
    """Return ``(N, S, S)`` uint8 maps of ``(N, 3, S, S)`` uint8 images, 255 surely the object."""
    found = []
    for first in range(0, len(images), _LOOKED_AT):
        part = images[first : first + _LOOKED_AT]
        mask = torch.zeros(len(part), 1, *part.shape[2:])
        logits = net(_Step(part.float() / 255, mask)).logits[0].float()
        found.append(F.interpolate(logits, part.shape[2:], mode="bilinear").sigmoid()[:, 0])
    return (torch.cat(found) * 255).round().to(torch.uint8)


def scored(net: nn.Module, pairs: Pairs) -> RunScores:
    """Return MAE, IoU, boundary IoU and the F curve of every pair."""
    scores = [
        image_scores(found, truth, measures=_MEASURES)
        for found, truth in zip(maps_of(net, pairs.images), pairs.masks, strict=True)
    ]
    return RunScores(
        values={key: np.array([each.values[key] for each in scores]) for key in _KEPT},
        curves={"max_f": np.stack([each.curves["f"].numpy() for each in scores])},
    )


def save(path: Path, scores: RunScores) -> None:
    """Write the scores of a run into one file, whole or not at all."""
    buffer = BytesIO()
    named = {**scores.values, **scores.curves}
    np.savez_compressed(buffer, allow_pickle=False, **named)
    write_atomically(path, buffer.getvalue())


def load(path: Path) -> RunScores:
    """Return the scores of a file."""
    with np.load(path, allow_pickle=False) as stored:
        values = {key: stored[key] for key in _KEPT}
        return RunScores(values=values, curves={"max_f": stored["max_f"]})


def _drawn(pairs: Pairs, generator: torch.Generator) -> _Step:
    """Return a batch drawn from the pairs, each mirrored, moved and lit at random."""
    index = torch.randint(len(pairs), (BATCH,), generator=generator)
    planes = torch.cat([pairs.images[index], pairs.masks[index, None]], 1).float() / 255
    mirrored = torch.rand(BATCH, 1, 1, 1, generator=generator) < 0.5
    planes = torch.where(mirrored, planes.flip(3), planes)
    size = planes.shape[2]
    wide = F.pad(planes, (_MOVED,) * 4, mode="replicate")
    places = torch.randint(2 * _MOVED + 1, (BATCH, 2), generator=generator).tolist()
    moved = torch.stack(
        [each[:, y : y + size, x : x + size] for each, (y, x) in zip(wide, places, strict=True)]
    )
    light = 1 + _LIT * (2 * torch.rand(2, BATCH, 1, 1, 1, generator=generator) - 1)
    image = ((moved[:, :3] - 0.5) * light[0] + 0.5 * light[1]).clamp(0, 1)
    return _Step(image.contiguous(memory_format=torch.channels_last), moved[:, 3:])
