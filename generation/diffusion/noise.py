"""Noise that belongs to a sample: the same in any batch and on any device."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from datamodules.seeds import generator_for


def generators_for(seeds: Sequence[int], use: str) -> list[Generator]:
    """Return a CPU generator for each sample.

    Args:
        seeds: Of the samples.
        use: What the noise is for: other uses of a seed draw other noise.
    """
    return [generator_for(seed, use) for seed in seeds]


def noise(
    generators: Sequence[Generator], shape: Sequence[int], device: torch.device | None = None
) -> Tensor:
    """Draw standard normal noise, each sample's from its own generator.

    Args:
        generators: On the CPU, one for each sample; they move on.
        shape: Of one sample.
        device: Where the noise goes once it is drawn. None: it stays on the CPU.

    Returns:
        ``(B, *shape)`` float32.
    """
    # a trainer in 16 bits changes the default dtype, and with it the noise of a seed
    drawn = torch.stack(
        [torch.randn(tuple(shape), generator=each, dtype=torch.float32) for each in generators]
    )
    return drawn if device is None else drawn.to(device)
