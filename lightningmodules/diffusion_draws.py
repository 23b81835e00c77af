"""What the training of a diffusion model draws at random: for each sample by itself.

Letters: B samples of this process; c, h, w channels and size of their latents; K conditions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from datamodules.seeds import generator_for
from lightningmodules.mask_draws import Place


@dataclass(kw_only=True)  # not frozen: Lightning copies hyper-parameters field by field
class Dropping:
    """How often a sample is not told something, so that the model can do without.

    Args:
        prompt: Chance of an empty prompt, which guidance and inversion go by.
        control: Chance of each condition by itself: so every combination is met.

    Raises:
        ValueError: If a chance is not in [0, 1].
    """

    prompt: float = 0.1
    control: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.prompt <= 1 or not 0 <= self.control <= 1:
            raise ValueError(
                f"dropping: prompt {self.prompt} and control {self.control} must be in [0, 1]"
            )


class DiffusionDraws(NamedTuple):
    """Random numbers of each sample, on the CPU."""

    noise: Tensor
    """``(B, c, h, w)`` standard normal."""
    times: Tensor
    """``(B,)`` int64 numbers of noise levels, all equally often."""
    told: Tensor
    """``(B,)`` bool, whose prompt is given."""
    shown: Tensor
    """``(K, B)`` bool, which condition is shown of which sample."""
    seeds: list[int]
    """B seeds of the words of the prompts."""


def generators_at(seed: int, ids: Sequence[str], place: Place) -> list[Generator]:
    """Return a generator for each training sample, a function of (seed, id, slot) alone.

    Args:
        seed: Of the run.
        ids: B names.
        place: Of the samples.
    """
    slot = place.step * place.batch_size + place.first
    return [generator_for(seed, "diffusion", id, slot + k) for k, id in enumerate(ids)]


def draws_of(
    generators: Sequence[Generator],
    shape: Sequence[int],
    *,
    num_times: int,
    num_controls: int,
    dropping: Dropping,
) -> DiffusionDraws:
    """Return the draws of samples.

    Args:
        generators: On the CPU, one for each sample; they move on.
        shape: (c, h, w).
        num_times: Noise levels.
        num_controls: K.
        dropping: Chances.
    """
    noise, times, chances, seeds = [], [], [], []
    for generator in generators:
        noise.append(torch.randn(*shape, generator=generator))
        times.append(torch.randint(num_times, (), generator=generator))
        chances.append(torch.rand(1 + num_controls, generator=generator))
        seeds.append(int(torch.randint(2**62, (), generator=generator)))
    drawn = torch.stack(chances, dim=1)
    return DiffusionDraws(
        noise=torch.stack(noise),
        times=torch.stack(times),
        told=drawn[0] >= dropping.prompt,
        shown=drawn[1:] >= dropping.control,
        seeds=seeds,
    )
