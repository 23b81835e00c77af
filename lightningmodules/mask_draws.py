"""What the training of a mask editor draws at random: for each sample by itself, whoever trains it.

Letters: B samples of this process; S of them are edited; H, W size of the masks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from datamodules.seeds import generator_for
from networks.flow import similarity


class Place(NamedTuple):
    """Where the samples of one process stand in the training run."""

    step: int
    """Number of the global batch, from 0."""
    first: int
    """Place of this process's first sample in the global batch; the others follow it."""
    batch_size: int
    """Of the global batch, over all processes."""


class MaskDraws(NamedTuple):
    """Random numbers of each sample, float on the CPU."""

    strength: Tensor
    """``(B,)`` in [0, 1)."""
    latent: Tensor
    """``(B, 2, length)`` standard normal, a code for each of two edits."""
    views: Tensor
    """``(B, 3, 5)`` in [-1, 1), for `small_similarity`: of both edits, and of the real mask."""


def draws_for(seed: int, ids: Sequence[str], place: Place, *, latent_size: int) -> MaskDraws:
    """Return the draws of samples, functions of (seed, id, slot) alone.

    So they are the same on one process and on several, for one global batch.

    Args:
        seed: Of the run.
        ids: B names.
        place: Of the samples.
        latent_size: Length of a code.
    """
    slot = place.step * place.batch_size + place.first
    generators = [generator_for(seed, "edits", id, slot + k) for k, id in enumerate(ids)]
    return MaskDraws(
        strength=torch.stack([torch.rand((), generator=g) for g in generators]),
        latent=torch.stack([torch.randn(2, latent_size, generator=g) for g in generators]),
        views=torch.stack([2 * torch.rand(3, 5, generator=g) - 1 for g in generators]),
    )


def sources_of(place: Place, count: int) -> list[int]:
    """Return which of a process's samples are edited: those at even places of the global batch.

    Half of any batch, and the same ones on every number of processes, as long as each process has
    an even number of samples. A process that has none at an even place edits its first.

    Args:
        place: Of the samples.
        count: B, at least 1.

    Returns:
        S numbers below B, rising.
    """
    return [k for k in range(count) if (place.first + k) % 2 == 0] or [0]


def small_similarity(drawn: Tensor, like: Tensor) -> Tensor:
    """Return small similarities: up to 3 degrees, 3 % and 3 % of the frame, and a mirror or none.

    Args:
        drawn: ``(B, 5)`` float in [-1, 1).
        like: ``(B, 1, H, W)`` masks that will be moved.

    Returns:
        ``(B, 2, H, W)`` displacement on the device of the masks, see `networks.flow`.
    """
    height, width = like.shape[2:]
    return similarity(
        (0.05 * drawn[:, 0]).to(like),
        (1 + 0.03 * drawn[:, 1]).to(like),
        (0.03 * drawn[:, 2:4] * torch.tensor((width, height))).to(like),
        (drawn[:, 4] > 0).to(like.device),
        size=(height, width),
    )
